//! Final accuracies of every seed, and their differences to the baseline.

use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::Look;
use crate::drawing::panel::Panel;
use crate::figures::boxes;
use crate::figures::strips::{self, Row, Strips};
use crate::record::Evaluation;
use crate::statistics::{PairedDifferences, Statistics};
use crate::summary::{MethodSummary, Summary};
use crate::tables::final_values::beyond_accuracies;
use crate::text::numbers::quoted;

/// Final accuracies of every seed.
pub(crate) fn final_values(summary: &Summary<'_>) -> Figure {
    let precision = summary.precision;
    let strips = |title, accuracy: fn(&Evaluation) -> f64, statistics: Described| {
        let rows = final_rows(summary, accuracy).filter_map(|(method, look, values)| {
            Some(Row {
                name: method.name.clone(),
                look,
                values,
                statistics: statistics(method)?,
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
        strips(
            "Final test accuracy",
            |last| last.test.accuracy,
            |method| method.test_accuracy,
        ),
        strips(
            "Final training accuracy",
            |last| last.train.accuracy,
            |method| method.train_accuracy,
        ),
    ];
    strip_figure("final", &both, summary, "Each dot is one seed")
}

/// Reads the statistics of an accuracy.
type Described = fn(&MethodSummary) -> Option<Statistics>;

/// A method, its look and the values of its seeds with whether the run diverged.
type FinalRow<'a> = (&'a MethodSummary, Look, Vec<(f64, bool)>);

fn final_rows<'a>(
    summary: &'a Summary<'_>,
    accuracy: fn(&Evaluation) -> f64,
) -> impl Iterator<Item = FinalRow<'a>> {
    let methods = summary.methods.iter().enumerate();
    methods.map(move |(index, method)| {
        let values = method.by_seed(accuracy).into_iter();
        let values = values.map(|(seed, value)| (value, method.diverged.contains_key(&seed)));
        let look = Look::of(index, summary.baseline);
        (method, look, values.collect())
    })
}

/// Box plots of final accuracies; `None` where no method has enough seeds.
pub(crate) fn boxes(summary: &Summary<'_>) -> Option<Figure> {
    let mut methods = summary.methods.iter();
    if !methods.any(|method| method.runs() >= boxes::LEAST_VALUES) {
        return None;
    }
    let panel = |title, accuracy: fn(&Evaluation) -> f64| {
        let rows: Vec<boxes::Row> = final_rows(summary, accuracy)
            .map(|(method, look, values)| boxes::Row {
                name: method.name.clone(),
                look,
                values,
            })
            .collect();
        boxes::panel(title, &rows, summary.precision)
    };
    let mut caption = "Box plots of the same values: the thick line is the median, the box reaches from the \
                       first to the third quartile, the whiskers to the last seed within 1.5 times the box; \
                       each dot is one seed."
        .to_owned();
    if summary.has_diverged() {
        caption.push_str(
            " A cross is a run that diverged, counted as 0 % accuracy; values beyond the axis are \
             drawn at its edge.",
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
pub(crate) fn differences(summary: &Summary<'_>) -> Option<Figure> {
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
            precision: summary.precision,
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

fn strip_figure(name: &str, both: &[Strips], summary: &Summary<'_>, what: &str) -> Figure {
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
            " Values beyond the axis are drawn at its edge; an interval that continues there ends \
             in an arrow.",
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
