//! Performance profiles, and how many updates each seed took to a target.

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{Chart, Point, Series, WIDE};
use crate::drawing::figure::{Figure, Layout, Panel};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, Scale, coordinate, line};
use crate::text::numbers::counted;

/// What a report shows besides what it reads from the runs themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// Performance profiles: each method's name, and for each ratio to the best method the share of
    /// the cases that it solves within it.
    pub profile: Vec<(String, Vec<(f64, f64)>)>,
    /// How long each seed took to targets.
    pub targets: Vec<Target>,
}

/// How long the runs of each method took to reach something.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What was to be reached, such as `test accuracy 97 %`.
    pub name: String,
    /// In what it is counted, such as `updates` or `seconds`.
    pub unit: String,
    /// Each method's name and its runs, of which some may not have reached it.
    pub methods: Vec<(String, Vec<Option<f64>>)>,
}

/// `looks` are the methods' names with their looks.
pub(crate) fn profile(
    profile: &[(String, Vec<(f64, f64)>)],
    looks: &[(String, Look)],
) -> Option<Figure> {
    if profile.iter().all(|(_, points)| points.is_empty()) {
        return None;
    }
    let ratios = profile
        .iter()
        .flat_map(|(_, points)| points.iter().map(|(ratio, _)| *ratio));
    let most = 1.05 * ends(ratios).map_or(1.0, |(_, most)| most);
    let series: Vec<Series> = (profile.iter())
        .map(|(name, points)| {
            let mut series = Series::new(name, look_of(name, looks), steps(points, most));
            series.is_step = true;
            series
        })
        .collect();
    let chart = Chart {
        title: "Performance profile".into(),
        size: WIDE,
        x: Axis::log_exactly("times as long as the best method (log)", [1.0, most]),
        y: Axis::share("share of the cases solved, %"),
        series,
        is_labelled: true,
    };
    Some(Figure {
        name: "profile".into(),
        title: "Performance profile".into(),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: vec![chart.panel()],
        caption: "For each method the share of the cases that it solves within so many times as long as \
                  the best method takes for the case. Higher and further left is better; where a line ends \
                  below 100 %, the method does not solve the rest."
            .into(),
    })
}

/// The shares from a ratio of 1 on, where a method that is never best has none yet, to the end of
/// the axis, up to which the last share holds.
fn steps(points: &[(f64, f64)], most: f64) -> Vec<Point> {
    let mut steps: Vec<Point> = (points.iter())
        .map(|(ratio, share)| Point::alone(*ratio, *share))
        .collect();
    if steps.first().is_none_or(|first| first.x > 1.0) {
        steps.insert(0, Point::alone(1.0, 0.0));
    }
    let last = steps.last().map_or(0.0, |last| last.y);
    steps.push(Point::alone(most, last));
    steps
}

/// One panel for each target.
pub(crate) fn targets(targets: &[Target], looks: &[(String, Look)]) -> Option<Figure> {
    let shown = targets.iter().filter(|target| !target.methods.is_empty());
    let panels: Vec<Panel> = shown.map(|target| strips(target, looks)).collect();
    (!panels.is_empty()).then(|| Figure {
        name: "targets".into(),
        title: "How long each seed took to a target".into(),
        layout: Layout::Wide,
        key: Vec::new(),
        panels,
        caption: "Each dot is one seed, the upright line is the median of all seeds, those that did not \
                  reach the target counted as longer than any; those stand right of the axis as crosses."
            .into(),
    })
}

fn look_of(name: &str, looks: &[(String, Look)]) -> Look {
    let known = looks.iter().find(|(known, _)| known == name);
    known.map_or(Look::of(looks.len(), None), |(_, look)| *look)
}

const TOP: f64 = 40.0;
const ROW: f64 = 42.0;
const AXIS: f64 = 42.0;
const LEFT: f64 = 16.0;
/// Where values end and what was not reached begins.
const RIGHT: f64 = WIDE.0 - 100.0;
const NOT_REACHED: f64 = WIDE.0 - 52.0;

fn strips(target: &Target, looks: &[(String, Look)]) -> Panel {
    let height = TOP + ROW * target.methods.len() as f64 + AXIS;
    let bottom = height - AXIS;
    let reached = target
        .methods
        .iter()
        .flat_map(|(_, runs)| runs.iter().flatten());
    let axis = Axis::roomy(&target.unit, reached.copied().chain([0.0]));
    let scale = axis.scale((LEFT, RIGHT));
    let drawing = html! {
        rect class="back" width=(WIDE.0) height=(coordinate(height)) rx="4" {}
        text class="name" x="10" y="19" { (fitted(&format!("Time to {}", target.name), 320.0, 13.0)) }
        text class="small middle" x=(NOT_REACHED) y="36" { "not reached" }
        @for tick in axis.horizontal_ticks(&scale) {
            @let x = scale.at(tick);
            @for index in 0..target.methods.len() {
                @let top = TOP + ROW * index as f64;
                path class="grid" d=(line([(x, top + 20.0), (x, top + ROW)])) {}
            }
            text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
        }
        path class="axis" d=(line([(LEFT, bottom), (RIGHT, bottom)])) {}
        text class="small middle" x=(coordinate((LEFT + RIGHT) / 2.0)) y=(coordinate(bottom + 33.0)) { (target.unit) }
        @for (index, (name, runs)) in target.methods.iter().enumerate() {
            (row(name, runs, look_of(name, looks), TOP + ROW * index as f64, &scale, &axis))
        }
    };
    let sentences = target
        .methods
        .iter()
        .map(|(name, runs)| format!("{name}: {}.", said(runs, &axis)));
    Panel {
        title: format!("{} to {}", target.unit, target.name),
        description: sentences.collect::<Vec<_>>().join(" "),
        size: (WIDE.0, height),
        drawing,
    }
}

fn row(
    name: &str,
    runs: &[Option<f64>],
    look: Look,
    top: f64,
    scale: &Scale,
    axis: &Axis,
) -> Markup {
    let middle = top + 31.0;
    let missed = runs.iter().filter(|run| run.is_none()).count();
    let spread = |index: usize| middle + 2.4 * ((index * 2 % 5) as f64 - 2.0);
    html! {
        g class=(look.class()) {
            (look.marker((15.0, top + 10.0), 4.2))
            text paint-order="stroke" class="halo" x="26" y=(coordinate(top + 14.0)) { (fitted(name, 150.0, 12.0)) }
            text paint-order="stroke" class="halo end" x=(RIGHT) y=(coordinate(top + 14.0)) { (said_short(runs, axis)) }
            @if let Some(median) = median(runs) {
                path class="median" d=(line([(scale.at(median), middle - 9.0), (scale.at(median), middle + 9.0)])) {}
            }
            @for (index, value) in runs.iter().enumerate() {
                @if let Some(value) = value {
                    circle class="dot" cx=(coordinate(scale.at(*value))) cy=(coordinate(spread(index))) r="2.6" {}
                }
            }
            @if missed > 0 {
                (crate::drawing::marks::cross((NOT_REACHED - 14.0, middle)))
                text x=(NOT_REACHED - 5.0) y=(coordinate(middle + 4.0)) { (missed) " of " (runs.len()) }
            }
        }
    }
}

/// The median with runs that did not reach the target as the longest; `None` if it is one of them.
fn median(runs: &[Option<f64>]) -> Option<f64> {
    let mut sorted: Vec<f64> = runs
        .iter()
        .map(|run| run.unwrap_or(f64::INFINITY))
        .collect();
    sorted.sort_by(f64::total_cmp);
    let (lower, upper) = (
        sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    let median = f64::midpoint(*lower, *upper);
    median.is_finite().then_some(median)
}

fn said_short(runs: &[Option<f64>], axis: &Axis) -> String {
    match median(runs) {
        Some(median) => format!("median {}", axis.text(median)),
        None => "median not reached".into(),
    }
}

fn said(runs: &[Option<f64>], axis: &Axis) -> String {
    let reached = runs.iter().flatten().count();
    let range = match ends(runs.iter().flatten().copied()) {
        Some((least, most)) => format!(", from {} to {}", axis.text(least), axis.text(most)),
        None => String::new(),
    };
    format!(
        "{}, reached by {reached} of {}{range}",
        said_short(runs, axis),
        counted(runs.len(), "run")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_holds_its_last_share_to_the_end_of_the_axis() {
        let point = |(x, y)| Point::alone(x, y);
        let rising = steps(&[(1.5, 0.25), (2.0, 0.75)], 4.0);
        let expected = [(1.0, 0.0), (1.5, 0.25), (2.0, 0.75), (4.0, 0.75)];
        assert_eq!(rising, expected.map(point));
        assert_eq!(steps(&[], 4.0), [(1.0, 0.0), (4.0, 0.0)].map(point));
        assert_eq!(
            steps(&[(1.0, 1.0)], 4.0),
            [(1.0, 1.0), (4.0, 1.0)].map(point)
        );
    }

    #[test]
    fn what_was_not_reached_counts_as_the_longest() {
        assert_eq!(median(&[Some(3.0), None, Some(1.0)]), Some(3.0));
        assert_eq!(median(&[Some(3.0), None]), None);
        assert_eq!(median(&[Some(3.0), Some(1.0)]), Some(2.0));
        assert_eq!(median(&[]), None);
        let target = Target {
            name: "test accuracy 97 %".into(),
            unit: "updates".into(),
            methods: vec![
                ("a".into(), vec![Some(100.0), None]),
                ("b".into(), vec![None; 3]),
            ],
        };
        let description = strips(&target, &[]).description;
        assert_eq!(
            description,
            "a: median not reached, reached by 1 of 2 runs, from 100 to 100. \
             b: median not reached, reached by 0 of 3 runs."
        );
    }
}
