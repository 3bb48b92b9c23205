//! The final values of each method.

use crate::statistics::Statistics;
use crate::summary::{MethodSummary, Summary};
use crate::text::columns::NONE;
use crate::text::numbers::{Precision, count, loss};

/// Where [`final_cells`] has the median.
const MEDIAN: usize = 5;
/// Marks a number over the finished runs only.
const FINISHED_ONLY: &str = "*";

/// Heads of the columns in a terminal, shorter than those of the page.
pub(crate) const FINAL_HEADS: [&str; 10] = [
    "method",
    "runs",
    "div.",
    "train %",
    "test %",
    "median",
    "gap",
    "train loss",
    "test loss",
    "updates",
];
/// The page also has the interval of the median, for which there is no room here.
pub(crate) fn final_rows(summary: &Summary<'_>) -> Vec<Vec<String>> {
    let precision = summary.precision;
    let methods = summary.methods.iter();
    let row = |method: &MethodSummary| {
        let mut cells = final_cells(method, precision);
        if let Some(test) = &method.test_accuracy {
            cells[MEDIAN] = precision.percent(test.median);
        }
        cells
    };
    methods.map(row).collect()
}

/// What the columns of final values mean.
pub(crate) fn legend(summary: &Summary<'_>) -> String {
    let mut spread = if summary.has_intervals() {
        "± is half the width of the 95 % interval".to_owned()
    } else {
        "one seed: no interval".to_owned()
    };
    if summary.accuracies().any(|value| value.is_too_uniform()) {
        spread.push_str(", left out if fewer than five seeds all agree");
    }
    let mut legend = format!(
        "Means over the runs; {spread}; the median is of test accuracy. Accuracies are in percent; \
         the gap is training minus test accuracy, in points; losses are the mean cross-entropy in \
         nats."
    );
    legend.push_str(beyond_accuracies(summary));
    if summary.has_diverged() {
        legend.push_str(
            " Diverged runs count as 0 % accuracy; numbers with * are over the finished runs \
             only.",
        );
    }
    legend
}

/// A note if some ± reaches beyond 0 to 100 %.
pub(crate) fn beyond_accuracies(summary: &Summary<'_>) -> &'static str {
    let is_beyond =
        |accuracy: Statistics| accuracy.shown_interval() != accuracy.accuracy_interval();
    if summary.accuracies().any(is_beyond) {
        " Accuracies lie between 0 and 100 %, even where ± reaches further."
    } else {
        ""
    }
}

/// The cells of a method's final values on the page.
pub(crate) fn final_cells(method: &MethodSummary, precision: Precision) -> Vec<String> {
    let none = || NONE.to_owned();
    let mark = if method.diverged.is_empty() {
        ""
    } else {
        FINISHED_ONLY
    };
    let accuracy = |accuracy: Option<_>| {
        accuracy.map_or_else(none, |accuracy| precision.mean_and_half_width(&accuracy))
    };
    let finished = method.finished_only;
    let marked = |text: Option<String>| text.map_or_else(none, |text| text + mark);
    vec![
        method.name.clone(),
        count(method.runs()),
        count(method.diverged.len()),
        accuracy(method.train_accuracy),
        accuracy(method.test_accuracy),
        (method.test_accuracy).map_or_else(none, |test| precision.median_and_interval(&test)),
        marked(finished.map(|finished| precision.percent(finished.gap.mean))),
        marked(finished.map(|finished| loss(finished.train_loss.mean))),
        marked(finished.map(|finished| loss(finished.test_loss.mean))),
        updates_of(method),
    ]
}

/// The number of updates that a method's finished runs made.
fn updates_of(method: &MethodSummary) -> String {
    match (method.updates.first(), method.updates.last()) {
        (Some(least), Some(most)) if least == most => count(*least),
        (Some(least), Some(most)) => format!("{}–{}", count(*least), count(*most)),
        _ => NONE.into(),
    }
}
