//! Averaged weights beside the weights themselves.

use crate::summary::Summary;
use crate::text::numbers::count;

/// What the columns of [`averages_rows`] are.
pub(crate) const AVERAGES_HEADS: [&str; 5] = [
    "method",
    "runs",
    "averages, test %",
    "weights, test %",
    "difference",
];

/// What they mean.
pub(crate) const AVERAGES_NOTE: &str = "Averaged weights and the weights that they are averages of, \
    of the same runs at the same update: mean test accuracy over the runs that finished, and the \
    difference in points with its 95 % interval. All other tables have the averages.";

/// One row per method with averages.
pub(crate) fn averages_rows(summary: &Summary<'_>) -> Vec<Vec<String>> {
    let precision = summary.precision;
    let rows = summary.methods.iter().filter_map(|method| {
        let found = method.averages.as_ref()?;
        let difference = &found.difference;
        let interval = difference.shown_interval();
        let interval = interval.map(|it| format!(" {}", precision.signed_interval(it)));
        Some(vec![
            method.name.clone(),
            count(difference.n),
            precision.percent(found.method_mean),
            precision.percent(found.baseline_mean),
            precision.signed_points(difference.mean) + &interval.unwrap_or_default(),
        ])
    });
    rows.collect()
}
