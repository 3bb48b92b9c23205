//! Final values by the value of the grid, a column for each family.

use crate::statistics::Statistics;
use crate::summary::families::Families;
use crate::summary::{MethodSummary, Summary};
use crate::text::columns::NONE;
use crate::text::numbers::{Precision, count, loss, setting_value};

/// Returns a row for each value with a cell for each family.
pub(crate) fn rows(
    summary: &Summary<'_>,
    families: &Families,
    cell: impl Fn(&MethodSummary) -> String,
) -> Vec<Vec<String>> {
    let row = |(at, value): (usize, &f64)| {
        let cells = (0..families.names.len()).map(|family| {
            let found = families.method(family, at);
            found.map_or_else(|| NONE.to_owned(), |method| cell(&summary.methods[method]))
        });
        std::iter::once(setting_value(*value))
            .chain(cells)
            .collect()
    };
    families.values.iter().enumerate().map(row).collect()
}

/// The text of a loss over the finished runs, and how many diverged.
pub(crate) fn loss_cell(summary: &MethodSummary) -> String {
    let finished = summary.finished_only;
    let text = finished.map_or_else(
        || NONE.to_owned(),
        |finished| loss(finished.train_loss.mean),
    );
    marked(summary, text)
}

/// The text of an accuracy, and how many diverged.
pub(crate) fn accuracy_cell(
    summary: &MethodSummary,
    accuracy: Option<Statistics>,
    precision: Precision,
) -> String {
    let text = accuracy.map_or_else(
        || NONE.to_owned(),
        |accuracy| precision.mean_and_half_width(&accuracy),
    );
    marked(summary, text)
}

fn marked(summary: &MethodSummary, text: String) -> String {
    match summary.diverged.len() {
        0 => text,
        diverged => format!("{text} (× {})", count(diverged)),
    }
}

/// The values of the grid in a few words: `16 values from 1e−4 to 1`.
pub(crate) fn range_of(families: &Families) -> String {
    match families.values.as_slice() {
        [only] => setting_value(*only),
        [first, .., last] => format!(
            "{} values from {} to {}",
            families.values.len(),
            setting_value(*first),
            setting_value(*last)
        ),
        [] => NONE.into(),
    }
}
