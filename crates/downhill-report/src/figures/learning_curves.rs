//! Learning curves, one panel per method.

use crate::drawing::figure::{Figure, Layout, Picture};
use crate::drawing::marks::Look;
use crate::drawing::panel::Panel;
use crate::figures::curves::{self, Axes, Quantity};
use crate::summary::Summary;
use crate::summary::curves::has_validation;

/// Width of a panel where three stand side by side: the picture is then as wide as the text of a
/// README, so that it is shown without being made smaller.
const NARROW: f64 = 262.0;

/// The learning curves as a picture of their own, with narrower panels and a shorter caption.
pub(crate) fn picture(summary: &Summary<'_>, quantity: Quantity) -> Picture {
    let experiment = summary.experiment;
    let width = match experiment.methods.len() {
        0..=2 | 4 => curves::WIDTH,
        _ => NARROW,
    };
    let axes = Axes::of(experiment, quantity, width);
    let methods = experiment.methods.iter().enumerate();
    let panels = methods.map(|(index, method)| Panel {
        title: method.name.clone(),
        description: curves::description(&axes, method),
        size: (width, curves::HEIGHT),
        drawing: curves::panel(&axes, method, Look::of(index, summary.baseline)),
    });
    let name = name_of(quantity);
    let figure = Figure {
        name: name.into(),
        title: format!("{}: {name} against updates", experiment.name),
        layout: Layout::Thirds,
        key: Vec::new(),
        panels: panels.collect(),
        caption: picture_caption(summary, quantity),
    };
    figure.picture()
}

/// What lines and shades mean, in fewer words than on the page.
fn picture_caption(summary: &Summary<'_>, quantity: Quantity) -> String {
    let name = name_of(quantity);
    let mean = if summary.has_intervals() {
        format!("Mean {name} over the seeds: solid")
    } else {
        "Solid".to_owned()
    };
    let mut caption = format!("{mean} on the test images, dashed on the training images");
    caption.push_str(if has_validation(summary.experiment) {
        ", dotted on the images held out for validation."
    } else {
        "."
    });
    if summary.has_intervals() {
        caption.push_str(" Shaded: from the lowest to the highest seed.");
    }
    if summary.has_diverged() {
        caption.push_str(" A thin line with a cross: a run that diverged; not in the mean.");
    }
    caption
}

fn name_of(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Accuracy => "accuracy",
        Quantity::Loss => "loss",
    }
}

/// Learning curves, one panel per method.
pub(crate) fn on_page(summary: &Summary<'_>, quantity: Quantity) -> Figure {
    let experiment = summary.experiment;
    let axes = Axes::of(experiment, quantity, curves::WIDTH);
    let name = name_of(quantity);
    let methods = experiment.methods.iter().enumerate();
    let panels = methods.map(|(index, method)| Panel {
        title: format!("{}: {name} against updates", method.name),
        description: curves::description(&axes, method),
        size: (curves::WIDTH, curves::HEIGHT),
        drawing: curves::panel(&axes, method, Look::of(index, summary.baseline)),
    });
    let is_validated = has_validation(experiment);
    let mut caption = format!(
        "Mean {name} over the runs that finished: solid line and filled marker on the test images, dashed \
         line and circle on the training images"
    );
    caption.push_str(if is_validated {
        ", dotted line and ring on the images held out for validation. "
    } else {
        ". "
    });
    if summary.has_intervals() {
        caption.push_str("Shaded: from the lowest to the highest seed. ");
    }
    if summary.has_diverged() {
        caption.push_str(
            "A thin line that ends in a cross is a run that diverged; it is not in the mean. ",
        );
    }
    if experiment.methods.len() > 1 {
        caption.push_str("All panels have the same axes. ");
    }
    if axes.is_cut {
        caption.push_str("Losses below 0.000001 and above 100 are drawn at the edge.");
    }
    let panels: Vec<Panel> = panels.collect();
    Figure {
        name: name.into(),
        title: format!("{}: {name} against updates", experiment.name),
        layout: if matches!(panels.len(), 2 | 4) {
            Layout::Pairs
        } else {
            Layout::Panels
        },
        key: Vec::new(),
        panels,
        caption: caption.trim_end().to_owned(),
    }
}
