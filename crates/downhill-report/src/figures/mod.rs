//! The figures of a training report, as parts of a page and as pictures of their own.

pub(crate) mod activations;
pub(crate) mod batch_losses;
pub(crate) mod boxes;
pub(crate) mod curves;
pub(crate) mod gap;
pub(crate) mod grid;
pub(crate) mod pretraining;
pub(crate) mod profiles;
pub(crate) mod strips;

use maud::html;

use crate::drawing::figure::{Figure, Layout, Panel, document};
use crate::drawing::marks::{Look, coordinate};
use crate::experiment::Experiment;
use crate::figures::curves::{Axes, Quantity};
use crate::figures::strips::{Row, Strips};
use crate::record::Evaluation;
use crate::statistics::PairedDifferences;
use crate::summary::{MethodSummary, Summary};
use crate::tables::{beyond_accuracies, lines_of};
use crate::text::numbers::{Precision, quoted};

/// Space around panels in a picture, in SVG units.
const SPACE: f64 = 10.0;
/// Panels beside each other in a picture.
const COLUMNS: usize = 3;
/// Width of a panel where three stand beside each other: the picture is then as wide as the text of
/// a README, so that it is shown without being made smaller.
const NARROW: f64 = 262.0;
/// Height of a line below the panels, and the most that a character of it takes in width.
const LINE: f64 = 16.0;
const CHARACTER: f64 = 6.6;

/// Training and test accuracy against updates, one panel per method, as an SVG document with a
/// white background.
#[must_use]
pub fn accuracy_figure(experiment: &Experiment) -> String {
    picture(experiment, Quantity::Accuracy)
}

/// Training and test loss against updates on a logarithmic axis, like [`accuracy_figure`].
#[must_use]
pub fn loss_figure(experiment: &Experiment) -> String {
    picture(experiment, Quantity::Loss)
}

fn picture(experiment: &Experiment, quantity: Quantity) -> String {
    let summary = Summary::of(experiment);
    let baseline = summary.baseline;
    let panels = experiment.methods.len().max(1);
    let columns = if panels == 4 { 2 } else { panels.min(COLUMNS) };
    let panel_width = if columns == COLUMNS {
        NARROW
    } else {
        curves::WIDTH
    };
    let axes = Axes::of(experiment, quantity, panel_width);
    let across = |at: usize| SPACE + (at % columns) as f64 * (panel_width + SPACE);
    let down = |at: usize| SPACE + (at / columns) as f64 * (curves::HEIGHT + SPACE);
    let width = across(columns - 1) + panel_width + SPACE;
    let below = down(panels - 1) + curves::HEIGHT + SPACE;
    let key = lines_of(
        &key(experiment, &summary, quantity),
        ((width - 2.0 * SPACE) / CHARACTER) as usize,
    );
    let height = below + LINE * key.len() as f64 + SPACE;
    let methods = experiment.methods.iter();
    let descriptions: Vec<String> = methods
        .map(|method| format!("{}: {}", method.name, curves::description(&axes, method)))
        .collect();
    let drawing = html! {
        @for (index, method) in experiment.methods.iter().enumerate() {
            g transform={ "translate(" (coordinate(across(index))) " " (coordinate(down(index))) ")" } {
                (curves::panel(&axes, method, Look::of(index, baseline)))
            }
        }
        @for (line, text) in (1..).zip(&key) {
            text class="small" x=(SPACE) y=(coordinate(below + LINE * f64::from(line) - 4.0)) { (text) }
        }
    };
    let title = format!("{}: {} against updates", experiment.name, name_of(quantity));
    document((width, height), &title, &descriptions.join(" "), &drawing)
}

/// What lines and shades of a picture mean.
fn key(experiment: &Experiment, summary: &Summary, quantity: Quantity) -> String {
    let name = name_of(quantity);
    let mean = if summary.has_intervals() {
        format!("Mean {name} over the seeds: solid")
    } else {
        "Solid".to_owned()
    };
    let mut key = format!("{mean} on the test images, dashed on the training images");
    key.push_str(if curves::has_validation(experiment) {
        ", dotted on the images held out to choose by."
    } else {
        "."
    });
    if summary.has_intervals() {
        key.push_str(" Shaded: from the lowest to the highest seed.");
    }
    if summary.has_diverged() {
        key.push_str(" A thin line with a cross: a run that diverged; not in the mean.");
    }
    key
}

fn name_of(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Accuracy => "accuracy",
        Quantity::Loss => "loss",
    }
}

/// Learning curves, one panel per method.
pub(crate) fn learning_curves(
    experiment: &Experiment,
    summary: &Summary,
    quantity: Quantity,
) -> Figure {
    let axes = Axes::of(experiment, quantity, curves::WIDTH);
    let name = name_of(quantity);
    let methods = experiment.methods.iter().enumerate();
    let panels = methods.map(|(index, method)| Panel {
        title: format!("{}: {name} against updates", method.name),
        description: curves::description(&axes, method),
        size: (curves::WIDTH, curves::HEIGHT),
        drawing: curves::panel(&axes, method, Look::of(index, summary.baseline)),
    });
    let is_validated = curves::has_validation(experiment);
    let mut caption = format!(
        "Mean {name} over the runs that finished: solid line and filled marker on the test images, dashed \
         line and circle on the training images"
    );
    caption.push_str(if is_validated {
        ", dotted line and ring on the images held out to choose by. "
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

/// Final accuracies of every seed.
pub(crate) fn final_values(summary: &Summary, precision: Precision) -> Figure {
    let strips = |title, accuracy: fn(&Evaluation) -> f64| {
        let rows = final_rows(summary, accuracy).filter_map(|(name, look, values)| {
            let numbers: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
            let statistics = crate::statistics::describe(&numbers)?;
            Some(Row {
                name,
                look,
                values,
                statistics,
            })
        });
        Strips {
            title,
            rows: rows.collect(),
            is_difference: false,
            precision,
        }
    };
    let both = [
        strips("Final test accuracy", |last| last.test.accuracy),
        strips("Final training accuracy", |last| last.train.accuracy),
    ];
    strip_figure("final", &both, summary, "Each dot is one seed")
}

/// A method's name, its look and the values of its seeds with whether the run diverged.
type FinalRow = (String, Look, Vec<(f64, bool)>);

fn final_rows(
    summary: &Summary,
    accuracy: fn(&Evaluation) -> f64,
) -> impl Iterator<Item = FinalRow> {
    let methods = summary.methods.iter().enumerate();
    methods.map(move |(index, method)| {
        let values = method.by_seed(accuracy).into_iter();
        let values = values.map(|(seed, value)| (value, method.diverged.contains_key(&seed)));
        let look = Look::of(index, summary.baseline);
        (method.name.clone(), look, values.collect())
    })
}

/// Box plots of final accuracies; `None` where no method has enough seeds.
pub(crate) fn boxes(summary: &Summary, precision: Precision) -> Option<Figure> {
    let mut methods = summary.methods.iter();
    if !methods.any(|method| method.runs() >= boxes::LEAST_VALUES) {
        return None;
    }
    let panel = |title, accuracy: fn(&Evaluation) -> f64| {
        let rows: Vec<boxes::Row> = final_rows(summary, accuracy)
            .map(|(name, look, values)| boxes::Row { name, look, values })
            .collect();
        boxes::panel(title, &rows, precision)
    };
    let mut caption = "Box plots of the same values: the thick line is the median, the box reaches from the \
                       first to the third quartile, the whiskers to the last seed within 1.5 times the box; \
                       each dot is one seed."
        .to_owned();
    if summary.has_diverged() {
        caption.push_str(
            " A cross is a run that diverged, counted as 0 % accuracy; what lies beyond the axis is drawn at \
             its edge.",
        );
    }
    Some(Figure {
        name: "boxes".into(),
        title: "Final accuracy of every seed as box plots".into(),
        layout: Layout::Pairs,
        key: Vec::new(),
        panels: vec![
            panel("Final test accuracy", |last| last.test.accuracy),
            panel("Final training accuracy", |last| last.train.accuracy),
        ],
        caption,
    })
}

/// Differences to the baseline of every seed; `None` if nothing is compared.
pub(crate) fn differences(summary: &Summary, precision: Precision) -> Option<Figure> {
    let baseline = summary.baseline()?;
    let strips = |title, pairs: fn(&MethodSummary) -> Option<&PairedDifferences>| {
        let methods = summary.methods.iter().enumerate();
        let rows = methods.filter_map(|(index, method)| {
            let pairs = pairs(method)?;
            let diverged =
                |seed| method.diverged.contains_key(seed) || baseline.diverged.contains_key(seed);
            let values = pairs.by_seed.iter();
            Some(Row {
                name: method.name.clone(),
                look: Look::of(index, summary.baseline),
                values: values
                    .map(|(seed, value)| (*value, diverged(seed)))
                    .collect(),
                statistics: pairs.difference,
            })
        });
        Strips {
            title,
            rows: rows.collect(),
            is_difference: true,
            precision,
        }
    };
    let both = [
        strips("Difference in test accuracy", |method| {
            Some(&method.versus_baseline.as_ref()?.test_accuracy)
        }),
        strips("Difference in the gap (train − test)", |method| {
            method.versus_baseline.as_ref()?.gap.as_ref()
        }),
    ];
    let what = format!(
        "Each dot is one seed: the method's value minus that of {} with the same seed",
        quoted(&baseline.name)
    );
    let any = both.iter().any(|strips| !strips.rows.is_empty());
    any.then(|| strip_figure("difference", &both, summary, &what))
}

fn strip_figure(name: &str, both: &[Strips], summary: &Summary, what: &str) -> Figure {
    let shown = both.iter().filter(|strips| !strips.rows.is_empty());
    let panels = shown.map(|strips| Panel {
        title: strips.title.to_owned(),
        description: strips.description(),
        size: (strips::WIDTH, strips.height()),
        drawing: strips.drawing(),
    });
    let mut caption = format!("{what}; the larger marker is the mean");
    if summary.has_intervals() {
        caption.push_str(", the line through it its 95 % interval");
    }
    caption.push('.');
    if both.iter().any(|strips| !strips.is_difference) {
        caption.push_str(beyond_accuracies(summary));
    }
    if summary.has_diverged() {
        caption.push_str(" A cross is a run that diverged, counted as 0 % accuracy.");
    }
    if both.iter().any(Strips::is_cut) {
        caption.push_str(
            " What lies beyond the axis is drawn at its edge, an interval that goes on there ends in an \
             arrow.",
        );
    }
    Figure {
        name: name.into(),
        title: match name {
            "final" => "Final accuracy of every seed".into(),
            _ => "Differences to the baseline, seed by seed".into(),
        },
        layout: Layout::Pairs,
        key: Vec::new(),
        panels: panels.collect(),
        caption,
    }
}
