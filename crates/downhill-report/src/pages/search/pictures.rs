//! The figures of a random search.

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{Chart, NARROW, Point, SMALL, Series, WIDE};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::labels::{fitted, text_width};
use crate::drawing::marks::{Look, coordinate, cross, line};
use crate::drawing::panel::Panel;
use crate::drawing::scale::Scale;
use crate::figures::boxes::quantile;
use crate::pages::search::trials::{
    Placed, Round, Search, SearchReport, SearchedSetting, Trial, percent, short,
};
use crate::text::numbers::{counted, fixed};

/// Number of the best trials that have a panel each.
const BEST: usize = 20;
/// Number of the best trials that are highlighted.
const OUTSTANDING: usize = 10;

impl SearchReport {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let first = self
            .searches
            .iter()
            .find(|search| search.placed().next().is_some());
        let Some(first) = first else {
            return Vec::new();
        };
        let figures = [
            self.trials(first),
            Some(self.parallel(first)),
            Some(self.ranges()),
            self.best_so_far(),
            self.curves(first),
        ];
        figures.into_iter().flatten().collect()
    }

    /// An axis over all values of a setting.
    fn axis(&self, index: usize, setting: &SearchedSetting) -> Axis {
        let rounds = self.searches.iter().flat_map(|search| &search.rounds);
        let ranges = rounds.filter_map(|round| round.ranges.get(index));
        let values = ranges.flat_map(|(from, to)| [*from, *to]);
        if setting.is_log {
            Axis::log_exactly(&format!("{} (log)", setting.name), values)
        } else {
            Axis::roomy(&setting.name, values)
        }
    }

    /// Two settings against each other, one panel per round.
    fn trials(&self, search: &Search) -> Option<Figure> {
        let [across, up, ..] = self.settings.as_slice() else {
            return None;
        };
        let axes = (self.axis(0, across), self.axis(1, up));
        let range = ends(search.placed().map(|placed| placed.validation)).unwrap_or((0.0, 1.0));
        let rounds = search.rounds.iter().enumerate();
        let panels = rounds.map(|(number, round)| scatter(number, round, &axes, range));
        Some(Figure {
            name: "trials".into(),
            title: format!(
                "{}: trials by {} and {}",
                self.about.name, across.name, up.name
            ),
            layout: Layout::Wide,
            key: Vec::new(),
            panels: panels.collect(),
            caption: format!(
                "Each circle is a trial of seed {}: the larger and darker, the higher its validation accuracy, \
                 from {} to {} %. A cross is a trial that diverged. The dashed rectangle is the range of the \
                 round. All panels have the same axes.",
                search.seed,
                percent(range.0),
                percent(range.1)
            ),
        })
    }

    /// One axis per setting and one for validation accuracy, one line per trial.
    fn parallel(&self, search: &Search) -> Figure {
        let mut placed: Vec<Placed<'_>> = search.placed().collect();
        placed.sort_by(|left, right| left.validation.total_cmp(&right.validation));
        let accuracies = Axis::shares(
            "validation, %",
            placed.iter().map(|placed| placed.validation),
        );
        let mut axes: Vec<Axis> = (self.settings.iter().enumerate())
            .map(|(index, setting)| self.axis(index, setting))
            .collect();
        axes.push(accuracies);
        let (top, bottom) = (58.0, WIDE.1 - 16.0);
        let step = (WIDE.0 - 110.0) / (axes.len() - 1).max(1) as f64;
        let scales: Vec<Scale> = axes.iter().map(|axis| axis.scale((bottom, top))).collect();
        let across = |at: usize| 55.0 + step * at as f64;
        let trial = |placed: &Placed<'_>| {
            let values = placed
                .trial
                .values
                .iter()
                .copied()
                .chain([placed.validation]);
            let points = values.zip(&scales).enumerate();
            line(points.map(|(at, (value, scale))| (across(at), scale.at(value))))
        };
        let outstanding = placed.len().saturating_sub(OUTSTANDING);
        let drawing = html! {
            rect class="back" width=(WIDE.0) height=(WIDE.1) rx="4" {}
            text class="name" x="10" y="19" { "Trials over all settings" }
            @for placed in &placed[..outstanding] { path class="level" d=(trial(placed)) {} }
            g class=(Look::of(1, None).class()) {
                @for placed in &placed[outstanding..] { path class="line" d=(trial(placed)) {} }
            }
            @for (at, (axis, scale)) in axes.iter().zip(&scales).enumerate() {
                @let x = across(at);
                path class="zero" d=(line([(x, top), (x, bottom)])) {}
                @let label = fitted(&axis.label, step.min(130.0), 12.0);
                @if at == 0 {
                    text x="10" y="44" { (label) }
                } @else if at + 1 == axes.len() {
                    text class="end" x=(WIDE.0 - 10.0) y="44" { (label) }
                } @else {
                    text class="middle" x=(coordinate(x)) y="44" { (label) }
                }
                @for tick in axis.vertical_ticks(scale) {
                    @let y = scale.at(tick);
                    @let width = text_width(&axis.tick(tick), 11.5) + 6.0;
                    @if at == 0 {
                        text class="small end" x=(coordinate(x - 6.0)) y=(coordinate(y + 4.0)) { (axis.tick(tick)) }
                    } @else {
                        rect class="back" x=(coordinate(x + 3.0)) y=(coordinate(y - 8.0)) width=(coordinate(width)) height="16" {}
                        text class="small" x=(coordinate(x + 6.0)) y=(coordinate(y + 4.0)) { (axis.tick(tick)) }
                    }
                }
            }
        };
        let best = placed.last().map_or_else(String::new, |best| {
            format!(
                " The best has {} and {} % validation accuracy.",
                self.at(&best.trial.values),
                percent(best.validation)
            )
        });
        let panel = Panel {
            title: "Trials over all settings".into(),
            description: format!(
                "{} of seed {}.{best}",
                counted(placed.len(), "trial"),
                search.seed
            ),
            size: WIDE,
            drawing,
        };
        Figure {
            name: "parallel".into(),
            title: format!("{}: trials over all settings", self.about.name),
            layout: Layout::Wide,
            key: Vec::new(),
            panels: vec![panel],
            caption: format!(
                "Each line is a trial of seed {}, from its settings to its validation accuracy, \
                 over all rounds; the thick lines are the {} best trials.",
                search.seed,
                OUTSTANDING.min(placed.len())
            ),
        }
    }

    /// The ranges of each round and the best value in it, one line per seed, one panel per setting.
    fn ranges(&self) -> Figure {
        let settings = self.settings.iter().enumerate();
        let panels = settings.map(|(index, setting)| self.ranges_of(index, setting));
        Figure {
            name: "ranges".into(),
            title: format!("{}: ranges round by round", self.about.name),
            layout: Layout::Wide,
            key: Vec::new(),
            panels: panels.collect(),
            caption: "Each line is the range of one seed in a round, its marker the value of the best trial in \
                      it."
                .into(),
        }
    }

    fn ranges_of(&self, index: usize, setting: &SearchedSetting) -> Panel {
        const TOP: f64 = 34.0;
        const SEED: f64 = 8.0;
        let rounds = self
            .searches
            .iter()
            .map(|search| search.rounds.len())
            .max()
            .unwrap_or(0);
        let row = 26.0 + SEED * self.searches.len() as f64;
        let bottom = TOP + row * rounds as f64;
        let axis = self.axis(index, setting);
        let scale = axis.scale((16.0, WIDE.0 - 24.0));
        let bar = |round: usize, at: usize, search: &Search| -> Markup {
            let Some(of_round) = search.rounds.get(round) else {
                return html! {};
            };
            let y = TOP + row * round as f64 + 25.0 + SEED * at as f64;
            let best = best_value(of_round, index);
            html! {
                @if let Some((from, to)) = of_round.ranges.get(index) {
                    path class="line" d=(line([(scale.at(*from), y), (scale.at(*to), y)])) {}
                }
                @if let Some(best) = best { (Look::of(round, None).marker((scale.at(best), y), 3.6)) }
            }
        };
        let drawing = html! {
            rect class="back" width=(WIDE.0) height=(coordinate(bottom + 42.0)) rx="4" {}
            text class="name" x="10" y="19" { (fitted(&setting.name, WIDE.0 - 20.0, 13.0)) }
            @for tick in axis.horizontal_ticks(&scale) {
                @let x = scale.at(tick);
                @for round in 0..rounds {
                    @let top = TOP + row * round as f64;
                    path class="grid" d=(line([(x, top + 19.0), (x, top + row)])) {}
                }
                text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
            }
            path class="axis" d=(line([(16.0, bottom), (WIDE.0 - 24.0, bottom)])) {}
            text class="small middle" x=(WIDE.0 / 2.0) y=(coordinate(bottom + 33.0)) { (axis.label) }
            @for round in 0..rounds {
                text class="small" x="10" y=(coordinate(TOP + row * round as f64 + 13.0)) { "round " (round + 1) }
                g class=(Look::of(round, None).class()) {
                    @for (at, search) in self.searches.iter().enumerate() { (bar(round, at, search)) }
                }
            }
        };
        let sentence = |round: usize| {
            let of_round = self
                .searches
                .iter()
                .filter_map(|search| search.rounds.get(round));
            let ranges = of_round.filter_map(|of_round| of_round.ranges.get(index));
            let (from, to) = ends(ranges.flat_map(|(from, to)| [*from, *to])).unwrap_or((0.0, 0.0));
            format!(
                "Round {}: from {} to {}.",
                round + 1,
                short(from),
                short(to)
            )
        };
        let sentences: Vec<String> = (0..rounds).map(sentence).collect();
        Panel {
            title: format!("Ranges of {}", setting.name),
            description: format!(
                "Over {}. {}",
                counted(self.searches.len(), "seed"),
                sentences.join(" ")
            ),
            size: (WIDE.0, bottom + 42.0),
            drawing,
        }
    }

    /// The best validation accuracy so far against trials: median and quartiles over the seeds.
    fn best_so_far(&self) -> Option<Figure> {
        let so_far: Vec<Vec<f64>> = (self.searches.iter())
            .map(|search| {
                let trials = search.rounds.iter().flat_map(|round| &round.trials);
                let best = trials.scan(f64::NEG_INFINITY, |best, trial| {
                    *best = best.max(trial.validation.unwrap_or(f64::NEG_INFINITY));
                    Some(*best)
                });
                best.collect()
            })
            .collect();
        let trials = so_far.iter().map(Vec::len).min()?;
        let mut points: Vec<Point> = Vec::new();
        for at in 0..trials {
            let values: Vec<f64> = so_far.iter().map(|best| best[at]).collect();
            if values.iter().any(|value| !value.is_finite()) {
                continue;
            }
            let point = Point {
                x: (at + 1) as f64,
                y: quantile(&values, 0.5),
                lower: quantile(&values, 0.25),
                upper: quantile(&values, 0.75),
            };
            // Where nothing changes there is nothing to draw.
            let same = |known: &Point| {
                [known.y, known.lower, known.upper] == [point.y, point.lower, point.upper]
            };
            if !points.last().is_some_and(same) || at + 1 == trials {
                points.push(point);
            }
        }
        let last = points.last()?;
        let name = format!("best, {} %", percent(last.y));
        let mut series = Series::new(&name, Look::of(0, None), points.clone());
        series.is_step = true;
        let values = points
            .iter()
            .flat_map(|point| [point.lower, point.y, point.upper]);
        let y = Axis::shares("best validation accuracy so far, %", values);
        let chart = Chart {
            title: "Best trial so far".into(),
            size: WIDE,
            x: Axis::linear("trials, all rounds", [0.0, trials as f64]),
            y,
            series: vec![series],
            is_labelled: true,
        };
        Some(Figure {
            name: "best-so-far".into(),
            title: format!("{}: best validation accuracy so far", self.about.name),
            layout: Layout::Wide,
            key: Vec::new(),
            panels: vec![chart.panel()],
            caption: match so_far.len() {
                1 => "The best validation accuracy so far.".into(),
                seeds => format!(
                    "The median over {} of the best validation accuracy so far, shaded from the \
                     first to the third quartile. Markers show where it changes.",
                    counted(seeds, "seed")
                ),
            },
        })
    }

    /// Validation accuracy against epochs of the best trials, one panel each.
    fn curves(&self, search: &Search) -> Option<Figure> {
        let mut placed: Vec<Placed<'_>> = search
            .placed()
            .filter(|placed| placed.trial.curve.len() > 1)
            .collect();
        placed.sort_by(|left, right| right.validation.total_cmp(&left.validation));
        placed.truncate(BEST);
        let epochs = placed
            .iter()
            .flat_map(|placed| placed.trial.curve.iter().map(|at| at.0));
        let (_, last) = ends(epochs)?;
        let panels = (1..).zip(&placed).map(|(rank, placed)| {
            let points = placed
                .trial
                .curve
                .iter()
                .map(|(epoch, share)| Point::alone(*epoch, *share));
            let name = format!(
                "Trial {} of round {}",
                placed.trial.index + 1,
                placed.round + 1
            );
            let chart = Chart {
                title: format!("{rank}. {} %", percent(placed.validation)),
                size: SMALL,
                x: Axis::linear("epoch", [0.0, last]),
                y: Axis::share(&values_of(placed.trial)),
                series: vec![Series::new(&name, Look::of(0, None), points.collect())],
                is_labelled: false,
            };
            chart.panel()
        });
        Some(Figure {
            name: "curves".into(),
            title: format!(
                "{}: validation accuracy of the best trials",
                self.about.name
            ),
            layout: Layout::Multiples,
            key: Vec::new(),
            panels: panels.collect(),
            caption: format!(
                "Validation accuracy in percent against epochs of the {} best trials of seed {}, \
                 the best first. Above each are its final validation accuracy and the values of \
                 {}.",
                placed.len(),
                search.seed,
                self.settings
                    .iter()
                    .map(|setting| setting.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" and ")
            ),
        })
    }
}

/// The values of a trial's settings.
fn values_of(trial: &Trial) -> String {
    let values: Vec<String> = trial.values.iter().map(|value| short(*value)).collect();
    values.join(", ")
}

fn best_value(round: &Round, index: usize) -> Option<f64> {
    let finished = round
        .trials
        .iter()
        .filter_map(|trial| Some((trial.validation?, trial)));
    let best = finished.max_by(|left, right| left.0.total_cmp(&right.0))?;
    best.1.values.get(index).copied()
}

fn scatter(number: usize, round: &Round, axes: &(Axis, Axis), (least, most): (f64, f64)) -> Panel {
    let (top, bottom, right) = (46.0, NARROW.1 + 16.0, WIDE.0 - 22.0);
    let height = bottom + 40.0;
    let left = 52.0;
    let (across, up) = (axes.0.scale((left, right)), axes.1.scale((bottom, top)));
    let share = |validation: f64| ((validation - least) / (most - least).max(1e-9)).clamp(0.0, 1.0);
    let at = |trial: &Trial| {
        Some((
            across.at(*trial.values.first()?),
            up.at(*trial.values.get(1)?),
        ))
    };
    // The best last, so that nothing lies on it.
    let mut trials: Vec<&Trial> = round.trials.iter().collect();
    trials.sort_by(|left, right| {
        left.validation
            .unwrap_or(-1.0)
            .total_cmp(&right.validation.unwrap_or(-1.0))
    });
    let circle = |trial: &Trial| -> Markup {
        let Some(at) = at(trial) else {
            return html! {};
        };
        let Some(validation) = trial.validation else {
            return cross(at);
        };
        let share = share(validation);
        html! {
            circle class="trial" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r=(coordinate(2.5 + 4.0 * share))
                fill-opacity=(fixed(0.05 + 0.85 * share * share, 2)) {}
        }
    };
    let best = trials
        .last()
        .copied()
        .filter(|trial| trial.validation.is_some());
    let title = format!("Round {}", number + 1);
    let drawing = html! {
        rect class="back" width=(WIDE.0) height=(coordinate(height)) rx="4" {}
        text class="name" x="10" y="19" { (title) }
        text class="small" x="10" y="37" { (axes.1.label) }
        @for tick in axes.1.vertical_ticks(&up) {
            @let y = up.at(tick);
            path class="grid" d=(line([(left, y), (right, y)])) {}
            text class="small end" x=(left - 6.0) y=(coordinate(y + 4.0)) { (axes.1.tick(tick)) }
        }
        path class="axis" d=(line([(left, bottom), (right, bottom)])) {}
        @for tick in axes.0.horizontal_ticks(&across) {
            @let x = across.at(tick);
            path class="axis" d=(line([(x, bottom), (x, bottom + 4.0)])) {}
            text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 17.0)) { (axes.0.tick(tick)) }
        }
        text class="small middle" x=(coordinate((left + right) / 2.0)) y=(coordinate(height - 7.0)) { (axes.0.label) }
        @if let [(from, to), (low, high), ..] = round.ranges.as_slice() {
            rect class="range" x=(coordinate(across.at(*from))) y=(coordinate(up.at(*high)))
                width=(coordinate(across.at(*to) - across.at(*from)))
                height=(coordinate(up.at(*low) - up.at(*high))) {}
        }
        g class=(Look::of(0, None).class()) { @for trial in &trials { (circle(trial)) } }
        @if let Some(best) = best {
            text class="small end" x=(WIDE.0 - 10.0) y="19" {
                "best: " (percent(best.validation.unwrap_or(0.0))) " % at "
                (values_of(best))
            }
        }
    };
    let diverged = trials
        .iter()
        .filter(|trial| trial.validation.is_none())
        .count();
    let best = best.map_or_else(String::new, |best| {
        format!(
            " The best, at {}, reaches {} %.",
            values_of(best),
            percent(best.validation.unwrap_or(0.0))
        )
    });
    Panel {
        title,
        description: format!(
            "{}, {diverged} diverged.{best}",
            counted(trials.len(), "trial")
        ),
        size: (WIDE.0, height),
        drawing,
    }
}
