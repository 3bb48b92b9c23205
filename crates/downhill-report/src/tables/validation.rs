//! Test accuracy at the best validation accuracy.

use crate::summary::Summary;
use crate::text::numbers::count;

/// What the columns of [`validation_rows`] are.
pub(crate) const VALIDATION_HEADS: [&str; 6] = [
    "method",
    "runs",
    "best validation, %",
    "at update (median)",
    "test there, %",
    "test at the end, %",
];

/// What they mean.
pub(crate) const VALIDATION_NOTE: &str = "Means over the runs that finished, with half the width of \
    their 95 % interval. For each run, the evaluation with the highest accuracy on the held-out images \
    counts, the first of equal ones, or that of the network that the run itself kept: the test \
    images do not influence the choice.";

/// One row per method that has held-out images.
pub(crate) fn validation_rows(summary: &Summary<'_>) -> Vec<Vec<String>> {
    let precision = summary.precision;
    let rows = summary.methods.iter().filter_map(|method| {
        let found = method.validation.as_ref()?;
        Some(vec![
            method.name.clone(),
            count(found.best.n),
            precision.mean_and_half_width(&found.best),
            count(found.updates.median as u64),
            precision.mean_and_half_width(&found.test),
            precision.mean_and_half_width(&found.last_test),
        ])
    });
    rows.collect()
}
