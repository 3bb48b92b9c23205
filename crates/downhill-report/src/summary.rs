//! From the runs of an experiment to the numbers of a report.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::record::{DataIdentity, Evaluation, Outcome, Versions};
use crate::record_lines::RunRecord;
use crate::statistics::{PairedDifferences, Statistics, describe, paired_differences};

/// Everything a report is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its short name, the stem of its config file.
    pub name: String,
    /// What it asks, in one sentence.
    pub question: String,
    /// The command that repeats it.
    pub command: String,
    /// `flex`, `ndarray` or `wgpu`.
    pub backend: String,
    /// The machine's device, in words.
    pub device: String,
    /// The versions that made the report.
    pub versions: Versions,
    /// The data of the experiment.
    pub data: DataIdentity,
    /// The resolved config, as TOML.
    pub config_toml: String,
    /// How long all runs took together, in seconds.
    pub wall_seconds: f64,
    /// Name of the method that the others are compared with.
    pub baseline: String,
    /// The methods in the order in which they are shown.
    pub methods: Vec<Method>,
}

/// One variant of the experiment and its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Its name, unique in the experiment.
    pub name: String,
    /// Key and value of each setting by which it differs from the base config.
    pub changes: Vec<(String, String)>,
    /// Its runs, one per seed.
    pub runs: Vec<RunRecord>,
}

/// Why an experiment cannot be summarised.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidExperiment {
    /// The baseline is not among the methods.
    #[error("baseline must be one of the methods, got {baseline}")]
    UnknownBaseline {
        /// The name given.
        baseline: String,
    },
    /// Two methods have the same name.
    #[error("method names must differ, got {method} twice")]
    RepeatedMethod {
        /// The name.
        method: String,
    },
    /// Two runs of a method have the same seed, so that one run would count twice.
    #[error("seeds of {method} must differ, got {seed} twice")]
    RepeatedSeed {
        /// The method.
        method: String,
        /// The seed.
        seed: u64,
    },
    /// A run was filed under another method than its header says.
    #[error("runs of {method} must name it in their header, got {found}")]
    ForeignRun {
        /// The method.
        method: String,
        /// The name in the run's header.
        found: String,
    },
    /// A run that finished ends with a number that is not finite.
    #[error("{method}, seed {seed}: a finished run must end with finite numbers")]
    NotFinite {
        /// The method.
        method: String,
        /// The run's seed.
        seed: u64,
    },
}

/// The numbers of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Where the baseline stands among the methods.
    pub baseline: usize,
    /// The methods, in the experiment's order.
    pub methods: Vec<MethodSummary>,
}

/// The numbers of one method.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodSummary {
    /// The method's name.
    pub name: String,
    /// Seed and last evaluation of each run that finished, by rising seed.
    pub finished: BTreeMap<u64, Evaluation>,
    /// Seed of each run that diverged, and the update at which it did.
    pub diverged: BTreeMap<u64, u64>,
    /// Seeds of the runs without an end or without an evaluation.
    pub unfinished: BTreeSet<u64>,
    /// The numbers of updates that finished runs made; more than one only if runs differ.
    pub updates: BTreeSet<u64>,
    /// Statistics over the finished runs; `None` if there are none.
    pub finals: Option<Finals>,
    /// Differences to the baseline; `None` for the baseline itself and where no seed finished in
    /// both.
    pub versus_baseline: Option<Comparison>,
}

/// Statistics over the last evaluations of finished runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finals {
    /// Training accuracy, 0 to 1.
    pub train_accuracy: Statistics,
    /// Test accuracy, 0 to 1.
    pub test_accuracy: Statistics,
    /// Training loss in nats.
    pub train_loss: Statistics,
    /// Test loss in nats.
    pub test_loss: Statistics,
    /// Training minus test accuracy.
    pub gap: Statistics,
}

/// Differences to the baseline, paired by seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// In test accuracy.
    pub test_accuracy: PairedDifferences,
    /// In the gap between training and test accuracy.
    pub gap: PairedDifferences,
}

impl Summary {
    /// The method that the others are compared with.
    #[must_use]
    pub fn baseline(&self) -> &MethodSummary {
        &self.methods[self.baseline]
    }

    /// The methods other than the baseline.
    pub fn others(&self) -> impl Iterator<Item = &MethodSummary> {
        let others = self.methods.iter().enumerate();
        others.filter_map(|(index, method)| (index != self.baseline).then_some(method))
    }
}

impl MethodSummary {
    /// Number of runs, whatever became of them.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.finished.len() + self.diverged.len() + self.unfinished.len()
    }

    fn by_seed(&self, quantity: fn(&Evaluation) -> f64) -> BTreeMap<u64, f64> {
        let finished = self.finished.iter();
        finished.map(|(seed, last)| (*seed, quantity(last))).collect()
    }
}

/// Computes an experiment's numbers.
///
/// A run counts with its last evaluation if it finished. A diverged or unfinished run gives no
/// number: it is counted apart, and leaves its seed without a pair.
///
/// # Errors
///
/// If the baseline is unknown or if a run would count twice or for the wrong method: see
/// [`InvalidExperiment`].
pub fn summarise(experiment: &Experiment) -> Result<Summary, InvalidExperiment> {
    let mut names = BTreeSet::new();
    for method in &experiment.methods {
        if !names.insert(&method.name) {
            return Err(InvalidExperiment::RepeatedMethod {
                method: method.name.clone(),
            });
        }
    }
    let mut position = experiment.methods.iter();
    let baseline = position
        .position(|method| method.name == experiment.baseline)
        .ok_or_else(|| InvalidExperiment::UnknownBaseline {
            baseline: experiment.baseline.clone(),
        })?;

    let methods: Result<Vec<_>, _> = experiment.methods.iter().map(summarise_method).collect();
    let mut methods = methods?;
    let reference = methods[baseline].clone();
    for (index, method) in methods.iter_mut().enumerate() {
        if index != baseline {
            method.versus_baseline = compare(&reference, method);
        }
    }
    Ok(Summary { baseline, methods })
}

fn summarise_method(method: &Method) -> Result<MethodSummary, InvalidExperiment> {
    let mut summary = MethodSummary {
        name: method.name.clone(),
        finished: BTreeMap::new(),
        diverged: BTreeMap::new(),
        unfinished: BTreeSet::new(),
        updates: BTreeSet::new(),
        finals: None,
        versus_baseline: None,
    };
    let mut seeds = BTreeSet::new();
    for run in &method.runs {
        check_run(method, run, seeds.insert(run.header.seed))?;
        let seed = run.header.seed;
        match (&run.end, run.evaluations.last()) {
            (Some(end), last) => match (&end.outcome, last) {
                (Outcome::Diverged { update }, _) => {
                    summary.diverged.insert(seed, *update);
                }
                (Outcome::Finished, Some(last)) => {
                    summary.finished.insert(seed, *last);
                    summary.updates.insert(end.updates);
                }
                (Outcome::Finished, None) => {
                    summary.unfinished.insert(seed);
                }
            },
            (None, _) => {
                summary.unfinished.insert(seed);
            }
        }
    }
    summary.finals = finals_of(&summary);
    Ok(summary)
}

fn check_run(method: &Method, run: &RunRecord, seed_is_new: bool) -> Result<(), InvalidExperiment> {
    let seed = run.header.seed;
    let method_name = || method.name.clone();
    if run.header.method != method.name {
        return Err(InvalidExperiment::ForeignRun {
            method: method_name(),
            found: run.header.method.clone(),
        });
    }
    if !seed_is_new {
        return Err(InvalidExperiment::RepeatedSeed {
            method: method_name(),
            seed,
        });
    }
    let finished = matches!(&run.end, Some(end) if end.outcome == Outcome::Finished);
    if finished && run.evaluations.last().is_some_and(|last| !is_finite(last)) {
        return Err(InvalidExperiment::NotFinite {
            method: method_name(),
            seed,
        });
    }
    Ok(())
}

fn is_finite(evaluation: &Evaluation) -> bool {
    let scores = [evaluation.train, evaluation.test];
    let mut numbers = scores.iter().flat_map(|score| [score.loss, score.accuracy]);
    numbers.all(f64::is_finite)
}

fn gap(evaluation: &Evaluation) -> f64 {
    evaluation.train.accuracy - evaluation.test.accuracy
}

fn finals_of(summary: &MethodSummary) -> Option<Finals> {
    let over_runs = |quantity: fn(&Evaluation) -> f64| {
        let values: Vec<f64> = summary.finished.values().map(quantity).collect();
        describe(&values)
    };
    Some(Finals {
        train_accuracy: over_runs(|last| last.train.accuracy)?,
        test_accuracy: over_runs(|last| last.test.accuracy)?,
        train_loss: over_runs(|last| last.train.loss)?,
        test_loss: over_runs(|last| last.test.loss)?,
        gap: over_runs(gap)?,
    })
}

fn compare(baseline: &MethodSummary, method: &MethodSummary) -> Option<Comparison> {
    let paired = |quantity: fn(&Evaluation) -> f64| {
        paired_differences(&baseline.by_seed(quantity), &method.by_seed(quantity))
    };
    Some(Comparison {
        test_accuracy: paired(|last| last.test.accuracy)?,
        gap: paired(gap)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn gap_and_differences_follow_from_the_last_evaluations() {
        let summary = summarise(&sample::decay_experiment()).unwrap();
        let none = summary.baseline().finals.unwrap();
        assert!((none.gap.mean - 0.24).abs() < 1e-12);
        assert_eq!(summary.baseline().versus_baseline, None);

        let decay = &summary.methods[1];
        let compared = decay.versus_baseline.as_ref().unwrap();
        assert!((compared.test_accuracy.difference.mean + 0.04).abs() < 1e-12);
        // Gaps 0.18, 0.18, 0.18, 0.17 against 0.24, 0.25, 0.23, 0.24.
        assert!((compared.gap.difference.mean + 0.0625).abs() < 1e-12);
        assert_eq!(decay.updates, BTreeSet::from([601]));
    }

    #[test]
    fn a_diverged_run_is_counted_and_gives_no_number() {
        let mut experiment = sample::decay_experiment();
        experiment.methods[1].runs[2] =
            sample::run("weight decay", 2, &[(1, 0.1, 0.1)], Outcome::Diverged { update: 9 });
        experiment.methods[1].runs[3].end = None;
        let decay = &summarise(&experiment).unwrap().methods[1];
        assert_eq!(decay.diverged, BTreeMap::from([(2, 9)]));
        assert_eq!(decay.unfinished, BTreeSet::from([3]));
        assert_eq!((decay.runs(), decay.finished.len()), (4, 2));
        assert_eq!(decay.finals.unwrap().test_accuracy.n, 2);
        let pairs = &decay.versus_baseline.as_ref().unwrap().test_accuracy;
        assert_eq!(pairs.difference.n, 2);
    }

    #[test]
    fn a_method_without_a_finished_run_has_no_numbers() {
        let mut experiment = sample::decay_experiment();
        for run in &mut experiment.methods[1].runs {
            run.end = None;
        }
        let decay = &summarise(&experiment).unwrap().methods[1];
        assert_eq!((decay.finals, &decay.versus_baseline), (None, &None));
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |change: fn(&mut Experiment)| {
            let mut experiment = sample::decay_experiment();
            change(&mut experiment);
            summarise(&experiment).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|experiment| experiment.baseline = "nothing".into()),
            "baseline must be one of the methods, got nothing"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1].name = "none".into()),
            "method names must differ, got none twice"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1].runs[1].header.seed = 0),
            "seeds of weight decay must differ, got 0 twice"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1].runs[1].header.method = "none".into()),
            "runs of weight decay must name it in their header, got none"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[0].runs[1].evaluations[1].test.loss = f64::NAN),
            "none, seed 1: a finished run must end with finite numbers"
        );
    }
}
