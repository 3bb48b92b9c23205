//! Test accuracy at the evaluation that validation accuracy chooses.

use crate::experiment::Method;
use crate::record::{Evaluation, RunRecord};
use crate::statistics::{Statistics, describe};

/// Statistics over the runs of a method that finished and have held-out images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ValidationSummary {
    /// Highest validation accuracy, or that of the network that the run kept, 0 to 1.
    pub(crate) best: Statistics,
    /// Updates made at the evaluation that has it.
    pub(crate) updates: Statistics,
    /// Test accuracy at that evaluation, 0 to 1.
    pub(crate) test: Statistics,
    /// Test accuracy of the last evaluation of all runs that finished, 0 to 1.
    pub(crate) last_test: Statistics,
}

impl ValidationSummary {
    /// `None` if no run that finished has held-out images.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        let best: Vec<(&Evaluation, f64)> =
            method.runs.iter().filter_map(best_validation).collect();
        let described = |value: fn(&(&Evaluation, f64)) -> f64| {
            let values: Vec<f64> = best.iter().map(value).collect();
            describe(&values)
        };
        let finished = |run: &&RunRecord| run.final_evaluation().is_some();
        let last = method.runs.iter().filter(finished);
        let last: Vec<f64> = last
            .filter_map(|run| Some(run.evaluations.last()?.test.accuracy))
            .collect();
        Some(Self {
            best: described(|(_, accuracy)| *accuracy)?,
            updates: described(|(at, _)| at.updates as f64)?,
            test: described(|(at, _)| at.test.accuracy)?,
            last_test: describe(&last)?,
        })
    }
}

/// Returns the evaluation with the highest validation accuracy, of equal ones the first; of a run
/// that kept a network, the evaluation of this network. `None` without held-out images and for a
/// run that diverged.
fn best_validation(run: &RunRecord) -> Option<(&Evaluation, f64)> {
    let last = run.final_evaluation()?;
    if run.end.kept.is_some() {
        return Some((last, last.validation?.accuracy));
    }
    let mut best: Option<(&Evaluation, f64)> = None;
    for evaluation in &run.evaluations {
        let accuracy = evaluation.validation.map(|score| score.accuracy);
        let Some(accuracy) = accuracy.filter(|accuracy| accuracy.is_finite()) else {
            continue;
        };
        if best.is_none_or(|(_, known)| accuracy > known) {
            best = Some((evaluation, accuracy));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RunOutcome, Score};
    use crate::sample;

    #[test]
    fn of_equally_good_evaluations_the_first_is_the_best() {
        let evaluations = [(1, 0.1, 0.1), (3, 0.5, 0.4), (6, 0.9, 0.6), (9, 1.0, 0.5)];
        let mut run = sample::run("none", 0, &evaluations, RunOutcome::Finished);
        assert_eq!(best_validation(&run), None);
        for (evaluation, accuracy) in run.evaluations.iter_mut().zip([0.2, 0.7, 0.7, 0.6]) {
            evaluation.validation = Some(Score {
                loss: 1.0,
                accuracy,
            });
        }
        let (best, accuracy) = best_validation(&run).unwrap();
        assert_eq!((best.updates, best.test.accuracy, accuracy), (3, 0.4, 0.7));
        run.end.kept = Some(6);
        let (kept, accuracy) = best_validation(&run).unwrap();
        assert_eq!((kept.updates, kept.test.accuracy, accuracy), (6, 0.6, 0.7));
        run.end.outcome = RunOutcome::Diverged { update: 9 };
        assert_eq!(best_validation(&run), None);
    }
}
