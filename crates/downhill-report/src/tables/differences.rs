//! The differences of each method to the baseline.

use crate::statistics::PairedDifferences;
use crate::summary::{MethodSummary, Summary};
use crate::text::columns::NONE;
use crate::text::numbers::{Precision, count, p_value, signed};

/// Heads of the columns in a terminal, shorter than those of the page.
pub(crate) const DIFFERENCE_HEADS: [&str; 8] = [
    "method",
    "pairs",
    "test accuracy",
    "p",
    "r",
    "d_z",
    "gap",
    "p",
];

/// The cells of the methods that are compared with the baseline.
pub(crate) fn difference_rows(summary: &Summary<'_>) -> Vec<Vec<String>> {
    let others = summary.others();
    let rows = others.filter_map(|method| difference_cells(method, summary.precision));
    rows.collect()
}

/// What the columns of differences mean.
pub(crate) fn differences_legend(summary: &Summary<'_>) -> String {
    let mut legend =
        String::from("In points, paired by seed, with 95 % intervals from two seeds on");
    if summary.differences().any(|value| value.is_too_uniform()) {
        legend.push_str("; none if fewer than five seeds all give the same difference");
    }
    legend.push('.');
    if let Some(tests) = most_tests(summary) {
        legend.push_str(" p: Wilcoxon's signed-rank test, two-sided");
        if tests > 1 {
            legend.push_str(&format!(
                ", with Holm's correction for the {tests} methods of a column"
            ));
        }
        legend.push_str(
            "; r: matched-pairs rank-biserial correlation, −1 to 1; d_z: mean difference in \
             standard deviations of the differences, both of test accuracy.",
        );
    }
    legend
}

/// Number of tests that are corrected together, if any has more than one pair.
fn most_tests(summary: &Summary<'_>) -> Option<usize> {
    let comparisons = summary
        .others()
        .filter_map(|method| method.versus_baseline.as_ref());
    let tested = comparisons.filter(|comparison| comparison.test_accuracy.difference.n > 1);
    tested
        .map(|comparison| comparison.test_accuracy.significance.tests)
        .max()
}

/// The cells of a method's differences; `None` if it is not compared.
fn difference_cells(method: &MethodSummary, precision: Precision) -> Option<Vec<String>> {
    let comparison = method.versus_baseline.as_ref()?;
    let none = || NONE.to_owned();
    let test = &comparison.test_accuracy;
    let gap = comparison.gap.as_ref();
    let p = |pairs: &PairedDifferences| {
        let p = pairs.significance.corrected_p;
        if pairs.difference.n > 1 {
            p_value(p)
        } else {
            none()
        }
    };
    let is_tested = test.difference.n > 1;
    Some(vec![
        method.name.clone(),
        count(test.difference.n),
        difference_cell(test, precision),
        p(test),
        if is_tested {
            signed(test.rank_biserial, 2)
        } else {
            none()
        },
        test.cohens_d_z.map_or_else(none, |d_z| signed(d_z, 2)),
        gap.map_or_else(none, |gap| difference_cell(gap, precision)),
        gap.map_or_else(none, p),
    ])
}

fn difference_cell(pairs: &PairedDifferences, precision: Precision) -> String {
    let mean = precision.signed_points(pairs.difference.mean);
    match pairs.difference.shown_interval() {
        Some(interval) => format!("{mean} {}", precision.signed_interval(interval)),
        None => mean,
    }
}
