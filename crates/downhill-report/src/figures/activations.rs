//! Outputs of the hidden units: histograms by layer, one row per method.

use maud::{Markup, html};

use crate::drawing::chart::WIDE;
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, line};
use crate::drawing::panel::Panel;
use crate::drawing::scale::tick_text;
use crate::experiment::Method;
use crate::record::{Activations, Histogram};
use crate::summary::Summary;
use crate::text::numbers::{count, fixed};

const HEIGHT: f64 = 174.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = HEIGHT - 65.0;
const LEFT: f64 = 10.0;
const SPACE: f64 = 8.0;
/// Largest number of layers that fit side by side.
const MOST_LAYERS: usize = 6;

/// `None` where no run has them.
pub(crate) fn activations(summary: &Summary<'_>) -> Option<Figure> {
    let experiment = summary.experiment;
    let panels: Vec<Panel> = (experiment.methods.iter().enumerate())
        .filter_map(|(index, method)| panel(method, Look::of(index, summary.baseline)))
        .collect();
    if panels.is_empty() {
        return None;
    }
    let is_first = experiment
        .methods
        .iter()
        .flat_map(|method| method.runs.first());
    let several = is_first.into_iter().any(|run| run.activations.len() > 1);
    let earlier = if several {
        " The outline is the first measurement, the bars are the last."
    } else {
        ""
    };
    Some(Figure {
        name: "activations".into(),
        title: format!(
            "{}: outputs of the hidden units, layer by layer",
            experiment.name
        ),
        layout: Layout::Wide,
        key: Vec::new(),
        panels,
        caption: format!(
            "Histograms of the outputs of the hidden units, layer by layer from the input, for the \
             first seed of each method. Each is scaled to its highest bar, whose share of all \
             outputs is written above it; m is the mean, s the standard deviation.{earlier} Values \
             outside the range are counted in the first and the last bar."
        ),
    })
}

fn panel(method: &Method, look: Look) -> Option<Panel> {
    let run = method.runs.iter().find(|run| !run.activations.is_empty())?;
    let (first, last) = (run.activations.first()?, run.activations.last()?);
    let shown = last.layers.len().min(MOST_LAYERS);
    let width = (WIDE.0 - 2.0 * LEFT - SPACE * (shown as f64 - 1.0)) / shown as f64;
    let when = format!("seed {}, {}", run.header.seed, when(last));
    let earlier = |layer: usize| {
        let is_earlier = first.updates < last.updates;
        first.layers.get(layer).filter(|_| is_earlier)
    };
    let drawing = html! {
        rect class="back" width=(WIDE.0) height=(HEIGHT) rx="4" {}
        g class=(look.class()) { (look.marker((14.0, 15.0), 4.5)) }
        text class="name" x="25" y="19" { (fitted(&method.name, 215.0, 13.0)) }
        text class="small end" x=(WIDE.0 - 10.0) y="19" { (when) }
        g class=(look.class()) {
            @for (layer, histogram) in last.layers.iter().take(shown).enumerate() {
                @let left = LEFT + (width + SPACE) * layer as f64;
                (drawn(histogram, earlier(layer), (left, width), layer + 1))
            }
        }
    };
    let layers = (1..).zip(&last.layers).map(|(layer, histogram)| {
        format!(
            "layer {layer}: mean {}, standard deviation {}",
            fixed(histogram.mean, 3),
            fixed(histogram.standard_deviation, 3)
        )
    });
    Some(Panel {
        title: format!("{}: outputs of the hidden units", method.name),
        description: format!("{when}. {}.", layers.collect::<Vec<_>>().join("; ")),
        size: (WIDE.0, HEIGHT),
        drawing,
    })
}

fn when(activations: &Activations) -> String {
    match activations.updates {
        0 => "before training".into(),
        updates => format!("after {} updates", count(updates)),
    }
}

fn drawn(
    histogram: &Histogram,
    earlier: Option<&Histogram>,
    (left, width): (f64, f64),
    layer: usize,
) -> Markup {
    let share = highest_share(histogram);
    let (right, middle) = (left + width, left + width / 2.0);
    html! {
        path class="bar" d=(outline(histogram, left, width) + "Z") {}
        @if let Some(earlier) = earlier {
            path class="line thin" d=(outline(earlier, left, width)) {}
        }
        path class="axis" d=(line([(left, BOTTOM), (right, BOTTOM)])) {}
        text class="small middle" x=(coordinate(middle)) y=(TOP - 6.0) { (fixed(100.0 * share, 0)) " %" }
        text class="small" x=(coordinate(left)) y=(BOTTOM + 14.0) { (tick_text(histogram.lower)) }
        text class="small end" x=(coordinate(right)) y=(BOTTOM + 14.0) { (tick_text(histogram.upper)) }
        text class="middle" x=(coordinate(middle)) y=(BOTTOM + 28.0) { "layer " (layer) }
        text class="small middle" x=(coordinate(middle)) y=(BOTTOM + 43.0) { "m " (fixed(histogram.mean, 3)) }
        text class="small middle" x=(coordinate(middle)) y=(BOTTOM + 57.0) {
            "s " (fixed(histogram.standard_deviation, 3))
        }
    }
}

/// The share of all numbers that is in the highest bar.
fn highest_share(histogram: &Histogram) -> f64 {
    let total: u64 = histogram.counts.iter().sum();
    let highest = histogram.counts.iter().copied().max().unwrap_or(0);
    highest as f64 / total.max(1) as f64
}

/// The upper edge of the bars, from the axis and back to it.
fn outline(histogram: &Histogram, left: f64, width: f64) -> String {
    let highest = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = width / histogram.counts.len().max(1) as f64;
    let mut corners = vec![(left, BOTTOM)];
    for (at, number) in histogram.counts.iter().enumerate() {
        let y = BOTTOM - (BOTTOM - TOP) * *number as f64 / highest;
        let x = left + step * at as f64;
        corners.extend([(x, y), (x + step, y)]);
    }
    corners.push((left + width, BOTTOM));
    line(corners)
}
