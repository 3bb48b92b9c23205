//! Averaged weights beside the weights that they are averages of.

use std::collections::BTreeMap;

use crate::experiment::Method;
use crate::record::RunRecord;
use crate::statistics::{PairedDifferences, paired_differences};

/// Test accuracy of the averages minus that of the weights themselves, 0 to 1, over the runs of a
/// method that finished. `None` for a method without averages.
pub(crate) fn averages(method: &Method) -> Option<PairedDifferences> {
    let both = |run: &RunRecord| {
        let last = run.final_evaluation()?;
        let weights = last.not_averaged?.test.accuracy;
        Some((run.header.seed, weights, last.test.accuracy))
    };
    let both: Vec<_> = method.runs.iter().filter_map(both).collect();
    let weights: BTreeMap<u64, f64> = both.iter().map(|it| (it.0, it.1)).collect();
    let averages: BTreeMap<u64, f64> = both.iter().map(|it| (it.0, it.2)).collect();
    paired_differences(&weights, &averages)
}
