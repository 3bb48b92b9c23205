//! From the runs of an experiment to the numbers of a report.
//!
//! A run counts with its last evaluation, or with that of the network that it kept. One that
//! diverged counts as an accuracy of 0 %, for training and test alike; it has no loss and no gap,
//! which have no worst value.

pub(crate) mod averages;
pub(crate) mod curves;
pub(crate) mod families;
pub(crate) mod target;
pub(crate) mod training_data;
pub(crate) mod validation;

use std::collections::{BTreeMap, BTreeSet};

use crate::experiment::{Experiment, Method};
use crate::record::{Evaluation, RunOutcome, RunRecord, WORST_ACCURACY};
use crate::statistics::{PairedDifferences, Statistics, correct, describe, paired_differences};
use crate::summary::averages::averages;
use crate::summary::families::Families;
use crate::summary::target::TargetSummary;
use crate::summary::validation::ValidationSummary;
use crate::text::numbers::Precision;

/// The numbers of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary<'a> {
    /// What they are the numbers of.
    pub(crate) experiment: &'a Experiment,
    /// Where the baseline stands among the methods.
    pub(crate) baseline: Option<usize>,
    /// The methods, in the experiment's order.
    pub(crate) methods: Vec<MethodSummary>,
    /// What the target costs the methods; `None` without one.
    pub(crate) target: Option<TargetSummary>,
    /// The methods by family and value; `None` without a grid.
    pub(crate) families: Option<Families>,
    /// Digits of all accuracies.
    pub(crate) precision: Precision,
}

/// The numbers of one method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MethodSummary {
    /// The method's name.
    pub(crate) name: String,
    /// Seed and last evaluation of each run that finished, by rising seed.
    pub(crate) finished: BTreeMap<u64, Evaluation>,
    /// Seed of each run that diverged, and the update at which it did.
    pub(crate) diverged: BTreeMap<u64, u64>,
    /// The numbers of updates that finished runs made; more than one only if runs differ.
    pub(crate) updates: BTreeSet<u64>,
    /// Training accuracy over all runs, 0 to 1; `None` without a run.
    pub(crate) train_accuracy: Option<Statistics>,
    /// Test accuracy over all runs, 0 to 1; `None` without a run.
    pub(crate) test_accuracy: Option<Statistics>,
    /// What only finished runs have; `None` if there are none.
    pub(crate) finished_only: Option<FinishedOnly>,
    /// Differences to the baseline; `None` for the baseline itself, where no seed is shared and
    /// where no run of the baseline finished.
    pub(crate) versus_baseline: Option<Comparison>,
    /// Test accuracy at the best validation accuracy; `None` without held-out images.
    pub(crate) validation: Option<ValidationSummary>,
    /// Test accuracy of averaged weights minus that of the weights themselves; `None` without
    /// averages.
    pub(crate) averages: Option<PairedDifferences>,
    /// Number of finished runs that early stopping ended.
    pub(crate) stopped: usize,
    /// The numbers of gradients that finished runs computed.
    pub(crate) gradients: BTreeSet<u64>,
    /// Whether the final values of some run are those of its best network by validation, rather
    /// than of its last.
    pub(crate) keeps_best: bool,
}

/// Statistics over the last evaluations of the runs that finished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FinishedOnly {
    /// Training loss in nats.
    pub(crate) train_loss: Statistics,
    /// Test loss in nats.
    pub(crate) test_loss: Statistics,
    /// Training accuracy, 0 to 1.
    pub(crate) train_accuracy: Statistics,
    /// Test accuracy, 0 to 1.
    pub(crate) test_accuracy: Statistics,
    /// Training minus test accuracy.
    pub(crate) gap: Statistics,
}

/// Differences to the baseline, paired by seed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// In test accuracy, over all seeds that both have.
    pub(crate) test_accuracy: PairedDifferences,
    /// In training minus test accuracy, over the seeds that finished in both; `None` without any.
    pub(crate) gap: Option<PairedDifferences>,
}

impl<'a> Summary<'a> {
    /// Computes an experiment's numbers.
    pub(crate) fn of(experiment: &'a Experiment) -> Self {
        let named = |method: &Method| Some(&method.name) == experiment.baseline.as_ref();
        let baseline = experiment.methods.iter().position(named);
        let mut methods: Vec<_> = experiment.methods.iter().map(MethodSummary::of).collect();
        if let Some(at) = baseline {
            let reference = methods[at].clone();
            for (index, method) in methods.iter_mut().enumerate() {
                if index != at {
                    method.versus_baseline = compare(&reference, method);
                }
            }
        }
        correct_column(&mut methods, |comparison| {
            Some(&mut comparison.test_accuracy)
        });
        correct_column(&mut methods, |comparison| comparison.gap.as_mut());
        Self {
            experiment,
            baseline,
            target: TargetSummary::of(experiment),
            families: Families::of(experiment),
            precision: precision(&methods),
            methods,
        }
    }

    /// The methods with their summaries.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a Method, &MethodSummary)> {
        self.experiment.methods.iter().zip(&self.methods)
    }

    /// Whether no method has a run.
    pub(crate) fn is_empty(&self) -> bool {
        self.methods.iter().all(|method| method.runs() == 0)
    }

    /// The method that the others are compared with.
    pub(crate) fn baseline(&self) -> Option<&MethodSummary> {
        self.methods.get(self.baseline?)
    }

    /// The methods other than the baseline.
    pub(crate) fn others(&self) -> impl Iterator<Item = &MethodSummary> {
        let others = self.methods.iter().enumerate();
        others.filter_map(|(index, method)| (Some(index) != self.baseline).then_some(method))
    }

    /// Whether some method has two or more runs, so that there are intervals.
    pub(crate) fn has_intervals(&self) -> bool {
        self.methods.iter().any(|method| method.runs() > 1)
    }

    /// The final accuracies of all methods.
    pub(crate) fn accuracies(&self) -> impl Iterator<Item = Statistics> {
        let of_method = |method: &MethodSummary| [method.train_accuracy, method.test_accuracy];
        self.methods.iter().flat_map(of_method).flatten()
    }

    /// The differences to the baseline, in test accuracy and in the gap.
    pub(crate) fn differences(&self) -> impl Iterator<Item = Statistics> {
        let comparisons = self
            .others()
            .filter_map(|method| method.versus_baseline.as_ref());
        comparisons.flat_map(|comparison| {
            let gap = comparison.gap.as_ref().map(|gap| gap.difference);
            std::iter::once(comparison.test_accuracy.difference).chain(gap)
        })
    }

    /// Whether a run of some method diverged.
    pub(crate) fn has_diverged(&self) -> bool {
        self.methods
            .iter()
            .any(|method| !method.diverged.is_empty())
    }
}

impl MethodSummary {
    fn of(method: &Method) -> Self {
        let mut summary = Self {
            name: method.name.clone(),
            finished: BTreeMap::new(),
            diverged: BTreeMap::new(),
            updates: BTreeSet::new(),
            train_accuracy: None,
            test_accuracy: None,
            finished_only: None,
            versus_baseline: None,
            validation: ValidationSummary::of(method),
            averages: averages(method),
            stopped: 0,
            gradients: BTreeSet::new(),
            keeps_best: method.runs.iter().any(|run| run.end.kept.is_some()),
        };
        for run in &method.runs {
            let seed = run.header.seed;
            if let Some(last) = run.final_evaluation() {
                summary.finished.insert(seed, *last);
                summary.updates.insert(run.end.updates);
                let gradients = run.end.gradients.unwrap_or(run.end.updates);
                summary.gradients.insert(gradients);
                summary.stopped += usize::from(run.is_stopped_early());
            } else {
                summary.diverged.insert(seed, diverged_at(run));
            }
        }
        summary.train_accuracy = summary.over_all(|last| last.train.accuracy);
        summary.test_accuracy = summary.over_all(|last| last.test.accuracy);
        summary.finished_only = summary.finished_only();
        summary
    }

    /// Number of runs, whatever became of them.
    pub(crate) fn runs(&self) -> usize {
        self.finished.len() + self.diverged.len()
    }

    /// A final accuracy of every run by seed, with the worst for those that diverged.
    pub(crate) fn by_seed(&self, accuracy: fn(&Evaluation) -> f64) -> BTreeMap<u64, f64> {
        let diverged = self.diverged.keys().map(|seed| (*seed, WORST_ACCURACY));
        diverged.chain(self.finished_by_seed(accuracy)).collect()
    }

    fn finished_by_seed(&self, quantity: fn(&Evaluation) -> f64) -> BTreeMap<u64, f64> {
        let finished = self.finished.iter();
        finished
            .map(|(seed, last)| (*seed, quantity(last)))
            .collect()
    }

    fn over_all(&self, accuracy: fn(&Evaluation) -> f64) -> Option<Statistics> {
        let values: Vec<f64> = self.by_seed(accuracy).into_values().collect();
        describe(&values)
    }

    fn finished_only(&self) -> Option<FinishedOnly> {
        let over_finished = |quantity: fn(&Evaluation) -> f64| {
            let values: Vec<f64> = self.finished.values().map(quantity).collect();
            describe(&values)
        };
        // The same as over all runs where none diverged.
        let accuracy = |over_all: Option<Statistics>, accuracy: fn(&Evaluation) -> f64| {
            let same = over_all.filter(|_| self.diverged.is_empty());
            same.or_else(|| over_finished(accuracy))
        };
        Some(FinishedOnly {
            train_loss: over_finished(|last| last.train.loss)?,
            test_loss: over_finished(|last| last.test.loss)?,
            train_accuracy: accuracy(self.train_accuracy, |last| last.train.accuracy)?,
            test_accuracy: accuracy(self.test_accuracy, |last| last.test.accuracy)?,
            gap: over_finished(gap)?,
        })
    }
}

/// Two digits where one would round half an interval's width to nothing, and where no method has
/// an interval; one otherwise.
fn precision(methods: &[MethodSummary]) -> Precision {
    let of_method = |method: &MethodSummary| {
        let comparison = method.versus_baseline.as_ref();
        let difference = comparison.map(|comparison| comparison.test_accuracy.difference);
        [method.train_accuracy, method.test_accuracy, difference]
    };
    let statistics = methods.iter().flat_map(of_method).flatten();
    let mut half_widths = statistics.filter_map(|statistics| statistics.half_width());
    let is_fine = |half_width: f64| half_width > 1e-9 && half_width < 0.001;
    let has_intervals = methods.iter().any(|method| method.runs() > 1);
    let is_two = !has_intervals || half_widths.any(is_fine);
    Precision::new(if is_two { 2 } else { 1 })
}

fn diverged_at(run: &RunRecord) -> u64 {
    match run.end.outcome {
        RunOutcome::Diverged { update } => update,
        RunOutcome::Finished => {
            let mut evaluations = run.evaluations.iter();
            let broken = evaluations.find(|evaluation| !evaluation.is_finite());
            broken.map_or(run.end.updates, |evaluation| evaluation.updates)
        }
    }
}

fn gap(evaluation: &Evaluation) -> f64 {
    evaluation.train.accuracy - evaluation.test.accuracy
}

fn compare(baseline: &MethodSummary, method: &MethodSummary) -> Option<Comparison> {
    if baseline.finished.is_empty() {
        return None;
    }
    let test = |last: &Evaluation| last.test.accuracy;
    let (before, after) = (baseline.by_seed(test), method.by_seed(test));
    let (gap_before, gap_after) = (baseline.finished_by_seed(gap), method.finished_by_seed(gap));
    Some(Comparison {
        test_accuracy: paired_differences(&before, &after)?,
        gap: paired_differences(&gap_before, &gap_after),
    })
}

/// Corrects the tests of one quantity for how many methods are compared in it.
fn correct_column(
    methods: &mut [MethodSummary],
    quantity: fn(&mut Comparison) -> Option<&mut PairedDifferences>,
) {
    let comparisons = methods.iter_mut();
    let comparisons = comparisons.filter_map(|method| method.versus_baseline.as_mut());
    let differences = comparisons.filter_map(quantity);
    correct(
        differences
            .map(|differences| &mut differences.significance)
            .collect(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn gap_and_differences_follow_from_the_last_evaluations() {
        let experiment = sample::decay();
        let summary = Summary::of(&experiment);
        let none = summary.baseline().unwrap();
        assert!((none.finished_only.unwrap().gap.mean - 0.24).abs() < 1e-12);
        assert_eq!(none.versus_baseline, None);

        let decay = &summary.methods[1];
        let compared = decay.versus_baseline.as_ref().unwrap();
        assert!((compared.test_accuracy.difference.mean + 0.04).abs() < 1e-12);
        // Gaps 0.18, 0.18, 0.18, 0.17 against 0.24, 0.25, 0.23, 0.24.
        let gap = compared.gap.as_ref().unwrap();
        assert!((gap.difference.mean + 0.0625).abs() < 1e-12);
        assert_eq!(decay.updates, BTreeSet::from([601]));
    }

    #[test]
    fn a_diverged_run_counts_as_the_worst_accuracy() {
        let mut experiment = sample::decay();
        let early = [(1, 0.1, 0.1)];
        let outcome = RunOutcome::Diverged { update: 9 };
        experiment.methods[1].runs[2] = sample::run("weight-decay", 2, &early, outcome);
        experiment.methods[1].runs[3].evaluations[1].test.loss = f64::NAN;
        let decay = &Summary::of(&experiment).methods[1];
        assert_eq!(decay.diverged, BTreeMap::from([(2, 9), (3, 601)]));
        assert_eq!((decay.runs(), decay.finished.len()), (4, 2));

        // (72 + 70 + 0 + 0) / 4 over all runs, (72 + 70) / 2 over those that finished.
        let all = decay.test_accuracy.unwrap();
        assert!((all.mean - 0.355).abs() < 1e-12 && all.n == 4);
        let finished = decay.finished_only.unwrap().test_accuracy;
        assert!((finished.mean - 0.71).abs() < 1e-12 && finished.n == 2);
        let comparison = decay.versus_baseline.as_ref().unwrap();
        assert_eq!(comparison.test_accuracy.difference.n, 4);
        assert_eq!(comparison.gap.as_ref().unwrap().difference.n, 2);
    }

    #[test]
    fn tests_are_corrected_by_the_methods_of_their_column() {
        let none: Vec<(f64, f64)> = (0..8)
            .map(|seed| (1.0, 0.7 + 0.001 * f64::from(seed)))
            .collect();
        let raised = |by: f64| -> Vec<(f64, f64)> {
            none.iter()
                .map(|(train, test)| (*train, test + by))
                .collect()
        };
        let methods = vec![
            sample::method("none", 601, &none),
            sample::method("a", 601, &raised(0.01)),
            sample::method("b", 601, &raised(0.02)),
            sample::method("same", 601, &none),
        ];
        let experiment = sample::experiment(Some("none"), methods);
        let summary = Summary::of(&experiment);
        let found: Vec<f64> = summary
            .others()
            .map(|method| {
                let comparison = method.versus_baseline.as_ref().unwrap();
                let gap = comparison.gap.as_ref().unwrap().significance;
                assert_eq!(gap, comparison.test_accuracy.significance);
                assert_eq!(gap.tests, 3);
                gap.corrected_p
            })
            .collect();
        // 2 / 2^8, times three.
        assert_eq!(found, [0.023_437_5, 0.023_437_5, 1.0]);
    }
}
