//! Quantities of the evaluations while training.

use std::collections::BTreeMap;

use crate::experiment::{Experiment, Method};
use crate::record::Evaluation;

/// The values of a quantity over the runs that finished, by the updates at which each of them has
/// it.
pub(crate) fn values_by_updates(
    method: &Method,
    value: impl Fn(&Evaluation) -> f64,
) -> Vec<(u64, Vec<f64>)> {
    let finished = method
        .runs
        .iter()
        .filter(|run| run.final_evaluation().is_some());
    let runs = finished.clone().count();
    let mut by_updates: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for evaluation in finished.flat_map(|run| &run.evaluations) {
        let value = value(evaluation);
        if value.is_finite() {
            by_updates
                .entry(evaluation.updates)
                .or_default()
                .push(value);
        }
    }
    let complete = by_updates
        .into_iter()
        .filter(|(_, values)| values.len() == runs);
    complete.collect()
}

/// Whether some run has images held out to choose by.
pub(crate) fn has_validation(experiment: &Experiment) -> bool {
    let mut runs = experiment.methods.iter().flat_map(|method| &method.runs);
    runs.any(|run| {
        run.evaluations
            .iter()
            .any(|evaluation| evaluation.validation.is_some())
    })
}
