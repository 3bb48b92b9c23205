//! Learning curves: one panel per method, all with the same axes.

use maud::{Markup, html};

use crate::drawing::chart::thinned;
use crate::drawing::labels::apart;
use crate::drawing::marks::{Look, coordinate, cross, line, shortened};
use crate::drawing::scale::{Scale, round_above, round_below, tick_text};
use crate::experiment::{Experiment, Method};
use crate::record::{Evaluation, Score};
use crate::summary::curves::values_by_updates;
use crate::text::numbers::{count, counted, fixed, loss};

/// Width of a panel on the page in SVG units.
pub(crate) const WIDTH: f64 = 340.0;
/// Height of a panel in SVG units.
pub(crate) const HEIGHT: f64 = 240.0;

const LEFT: f64 = 44.0;
/// Space for the labels at the ends of the lines.
const LABELS: f64 = 80.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = HEIGHT - 40.0;
/// Width of a digit in the small text, and of a character in a name, in the widest usual font.
const WIDEST_DIGIT: f64 = 7.4;
const WIDEST_BOLD: f64 = 7.8;
/// Losses are drawn within these limits, those outside at the edge.
const LOSS_LIMITS: (f64, f64) = (1e-6, 100.0);

/// What the curves show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Accuracy, on an axis from 0 to 100 %.
    Accuracy,
    /// Loss, on a logarithmic axis.
    Loss,
}

impl Quantity {
    fn of(self, score: &Score) -> f64 {
        match self {
            Self::Accuracy => score.accuracy,
            Self::Loss => score.loss,
        }
    }

    fn axis_label(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy, %",
            Self::Loss => "loss, nats (log)",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Accuracy => fixed(100.0 * value, 1),
            Self::Loss => short_loss(value),
        }
    }

    fn tick(self, value: f64) -> String {
        match self {
            Self::Accuracy => tick_text(100.0 * value),
            Self::Loss => tick_text(value),
        }
    }
}

/// A loss in few enough characters to fit next to the lines.
fn short_loss(value: f64) -> String {
    match value {
        0.001..0.01 => fixed(value, 4),
        0.000_1..0.001 | 10_000.0.. => format!("{value:.1e}").replace('-', "−"),
        _ => loss(value),
    }
}

/// The axes that all panels of an experiment share.
pub(crate) struct Axes {
    quantity: Quantity,
    /// Width of a panel.
    width: f64,
    updates: Scale,
    values: Scale,
    /// Whether some values lie outside and are drawn at the edge.
    pub(crate) is_cut: bool,
}

impl Axes {
    /// Axes for panels of this width.
    pub(crate) fn of(experiment: &Experiment, quantity: Quantity, width: f64) -> Self {
        let runs = || experiment.methods.iter().flat_map(|method| &method.runs);
        let last = runs().filter_map(|run| run.evaluations.last());
        let most = last
            .map(|evaluation| evaluation.updates)
            .max()
            .unwrap_or(1)
            .max(1);
        let updates = Scale::linear((0.0, most as f64), (LEFT, width - LABELS));
        let pixels = (BOTTOM, TOP);
        if quantity == Quantity::Accuracy {
            let values = Scale::linear((0.0, 1.0), pixels);
            return Self {
                quantity,
                width,
                updates,
                values,
                is_cut: false,
            };
        }

        let evaluations = runs().flat_map(|run| &run.evaluations);
        let scores = evaluations.flat_map(|evaluation| [evaluation.train, evaluation.test]);
        let losses: Vec<f64> = scores
            .map(|score| score.loss)
            .filter(|loss| loss.is_finite())
            .collect();
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let most = losses.iter().copied().fold(0.0, f64::max);
        let (floor, top) = LOSS_LIMITS;
        let lower = round_below(if least.is_finite() {
            (0.95 * least).clamp(floor, top / 2.0)
        } else {
            0.1
        });
        let upper = round_above(most.clamp(floor, top)).max(2.0 * lower);
        Self {
            quantity,
            width,
            updates,
            values: Scale::log((lower, upper), pixels),
            is_cut: least < floor || most > top,
        }
    }
}

/// Mean and range over the finished runs of a method.
struct Curve {
    /// Updates, lowest, mean and highest value, where every finished run has one.
    points: Vec<(u64, f64, f64, f64)>,
}

impl Curve {
    fn of(method: &Method, value: impl Fn(&Evaluation) -> f64) -> Self {
        let complete = values_by_updates(method, value).into_iter();
        let points = complete.map(|(updates, values)| {
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (
                updates,
                lowest,
                values.iter().sum::<f64>() / values.len() as f64,
                highest,
            )
        });
        let points: Vec<_> = points.collect();
        Self {
            points: thinned(&points),
        }
    }

    fn means(&self) -> impl DoubleEndedIterator<Item = (u64, f64)> {
        self.points
            .iter()
            .map(|(updates, _, mean, _)| (*updates, *mean))
    }
}

/// The curve of the held-out images; without a point where there are none.
fn held_out(method: &Method, quantity: Quantity) -> Curve {
    let value = |evaluation: &Evaluation| {
        evaluation
            .validation
            .map_or(f64::NAN, |validation| quantity.of(&validation))
    };
    Curve::of(method, value)
}

/// One method's panel without the `svg` element around it.
pub(crate) fn panel(axes: &Axes, method: &Method, look: Look) -> Markup {
    let quantity = axes.quantity;
    let test = Curve::of(method, |evaluation| quantity.of(&evaluation.test));
    let train = Curve::of(method, |evaluation| quantity.of(&evaluation.train));
    let validation = held_out(method, quantity);
    let diverged = method
        .runs
        .iter()
        .filter(|run| run.final_evaluation().is_none());
    let number = diverged.clone().count();
    let mut runs = counted(method.runs.len(), "seed");
    if number > 0 {
        runs = format!("{runs}, {} diverged", count(number));
    }
    html! {
        rect class="back" width=(axes.width) height=(HEIGHT) rx="4" {}
        (heading(axes, method, look, &runs))
        (frame(axes))
        g class=(look.class()) {
            (band(axes, &train, "band-train"))
            (band(axes, &test, "band-test"))
            @for run in diverged {
                (stray(axes, &run.evaluations, |evaluation| &evaluation.train, "train thin"))
                (stray(axes, &run.evaluations, |evaluation| &evaluation.test, "test thin"))
            }
            path class="train" d=(path(axes, &train)) {}
            @if !validation.points.is_empty() { path class="validation" d=(path(axes, &validation)) {} }
            path class="test" d=(path(axes, &test)) {}
            (ends(axes, [("train", &train), ("valid.", &validation), ("test", &test)], look))
        }
    }
}

/// What the panel shows, in words.
pub(crate) fn description(axes: &Axes, method: &Method) -> String {
    let quantity = axes.quantity;
    let sentence = |name: &str, curve: &Curve| {
        let (first, last) = (curve.means().next()?, curve.means().next_back()?);
        let unit = if quantity == Quantity::Accuracy {
            " %"
        } else {
            ""
        };
        Some(format!(
            "Mean {name} goes from {} to {}{unit} between update {} and {}.",
            quantity.text(first.1),
            quantity.text(last.1),
            count(first.0),
            count(last.0)
        ))
    };
    let (train, test, validation) = match quantity {
        Quantity::Accuracy => ("training accuracy", "test accuracy", "validation accuracy"),
        Quantity::Loss => ("training loss", "test loss", "validation loss"),
    };
    let mut sentences = vec![format!("{}.", counted(method.runs.len(), "run"))];
    let curve = Curve::of(method, |evaluation| quantity.of(&evaluation.train));
    sentences.extend(sentence(train, &curve));
    let curve = Curve::of(method, |evaluation| quantity.of(&evaluation.test));
    sentences.extend(sentence(test, &curve));
    sentences.extend(sentence(validation, &held_out(method, quantity)));
    let diverged = method
        .runs
        .iter()
        .filter(|run| run.final_evaluation().is_none())
        .count();
    if diverged > 0 {
        sentences.push(format!("{} diverged.", counted(diverged, "run")));
    }
    sentences.join(" ")
}

fn heading(axes: &Axes, method: &Method, look: Look, runs: &str) -> Markup {
    let characters = ((axes.width - 35.0) / WIDEST_BOLD) as usize;
    html! {
        g class=(look.class()) { (look.marker((14.0, 15.0), 4.5)) }
        text class="name" x="25" y="19" { (shortened(&method.name, characters)) }
        text class="small" x="10" y="38" { (axes.quantity.axis_label()) }
        text class="small end" x=(axes.width - 10.0) y="38" { (runs) }
    }
}

fn frame(axes: &Axes) -> Markup {
    let wanted = if axes.quantity == Quantity::Accuracy {
        5
    } else {
        8
    };
    let (left, right) = (LEFT, axes.width - LABELS);
    let updates = axes.updates.ticks(number_of_ticks(&axes.updates));
    html! {
        @for tick in axes.values.ticks(wanted) {
            @let y = axes.values.at(tick);
            path class="grid" d=(line([(left, y), (right, y)])) {}
            text class="small end" x=(LEFT - 6.0) y=(coordinate(y + 4.0)) { (axes.quantity.tick(tick)) }
        }
        path class="axis" d=(line([(left, BOTTOM), (right, BOTTOM)])) {}
        @for tick in updates.into_iter().filter(|tick| tick.fract() == 0.0) {
            @let x = axes.updates.at(tick);
            path class="axis" d=(line([(x, BOTTOM), (x, BOTTOM + 4.0)])) {}
            text class="small middle" x=(coordinate(x)) y=(BOTTOM + 17.0) { (tick_text(tick)) }
        }
        text class="small middle" x=(coordinate((left + right) / 2.0)) y=(HEIGHT - 8.0) { "updates" }
    }
}

/// As many ticks below the axis as their texts leave room for.
fn number_of_ticks(updates: &Scale) -> usize {
    let longest = tick_text(updates.end_value()).chars().count();
    let room = updates.length() / (WIDEST_DIGIT * longest as f64 + 5.0);
    (room as usize).clamp(1, 5)
}

fn path(axes: &Axes, curve: &Curve) -> String {
    line(
        curve
            .means()
            .map(|(updates, mean)| point(axes, updates, mean)),
    )
}

fn band(axes: &Axes, curve: &Curve, class: &str) -> Markup {
    let upper = curve
        .points
        .iter()
        .map(|(updates, _, _, high)| point(axes, *updates, *high));
    let lower = curve
        .points
        .iter()
        .rev()
        .map(|(updates, low, ..)| point(axes, *updates, *low));
    html! {
        @if curve.points.len() > 1 && curve.points.iter().any(|(_, low, _, high)| low < high) {
            path class=(class) d=(line(upper.chain(lower)) + "Z") {}
        }
    }
}

/// A diverged run up to its last finite value, with a cross there.
fn stray(
    axes: &Axes,
    evaluations: &[Evaluation],
    score: fn(&Evaluation) -> &Score,
    class: &str,
) -> Markup {
    let value = |evaluation: &Evaluation| axes.quantity.of(score(evaluation));
    let finite = evaluations.iter().take_while(|evaluation| {
        let Score { loss, accuracy } = *score(evaluation);
        loss.is_finite() && accuracy.is_finite()
    });
    let points = finite.map(|evaluation| point(axes, evaluation.updates, value(evaluation)));
    let points = thinned(&points.collect::<Vec<_>>());
    html! {
        @if let Some(last) = points.last().copied() {
            path class=(class) d=(line(points)) {}
            (cross(last))
        }
    }
}

/// Markers and labels where the mean lines end, moved apart where they would overlap.
fn ends(axes: &Axes, curves: [(&'static str, &Curve); 3], look: Look) -> Markup {
    const APART: f64 = 13.0;
    let end = |(name, curve): (&'static str, &Curve)| {
        let (updates, value) = curve.means().next_back()?;
        Some((name, point(axes, updates, value), axes.quantity.text(value)))
    };
    let ends: Vec<(&str, (f64, f64), String)> = curves.into_iter().filter_map(end).collect();
    if ends.is_empty() {
        return html! { text paint-order="stroke" class="small halo" x=(LEFT + 8.0) y=(BOTTOM - 8.0) { "no finished run" } };
    }
    let wanted: Vec<(f64, f64)> = ends.iter().map(|(_, at, _)| (at.1, APART)).collect();
    let middles = apart(&wanted, TOP - APART / 2.0, BOTTOM + APART / 2.0);
    html! {
        @for ((name, at, text), middle) in ends.iter().zip(middles) {
            @match *name {
                "test" => (look.marker(*at, 4.0)),
                "train" => circle class="hollow" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r="3" {},
                _ => circle class="outline" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r="2.6" {},
            }
            text paint-order="stroke" class=(if *name == "test" { "halo" } else { "small halo" })
                x=(coordinate(at.0 + 8.0)) y=(coordinate(middle + 4.0)) { (name) " " (text) }
        }
    }
}

fn point(axes: &Axes, updates: u64, value: f64) -> (f64, f64) {
    (axes.updates.at(updates as f64), axes.values.at(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_beside_the_lines_are_short() {
        let texts = [
            0.0, 1.2e-6, 2.34e-4, 0.001_234, 0.012_34, 2.345, 1234.0, 1e30,
        ];
        assert_eq!(
            texts.map(short_loss),
            [
                "0.00", "1.2e−6", "2.3e−4", "0.0012", "0.0123", "2.35", "1234", "1.0e30"
            ]
        );
    }

    #[test]
    fn ticks_of_updates_leave_room_for_their_texts() {
        for updates in [1.0, 9.0, 601.0, 901.0, 9_999.0, 40_000.0, 1_000_000.0] {
            for length in [138.0, 216.0] {
                let scale = Scale::linear((0.0, updates), (0.0, length));
                let ticks = scale.ticks(number_of_ticks(&scale));
                for pair in ticks.windows(2) {
                    let text = tick_text(pair[1]).chars().count();
                    let apart = scale.at(pair[1]) - scale.at(pair[0]);
                    assert!(apart > WIDEST_DIGIT * text as f64, "{updates} on {length}");
                }
            }
        }
    }
}
