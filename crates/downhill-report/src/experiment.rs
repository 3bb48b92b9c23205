//! What a report is made of: the runs of an experiment and where they come from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::{DataIdentity, Evaluation, RunRecord, Versions};

/// Everything that a report shows.
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
    /// The device, in words.
    pub device: String,
    /// The versions that made the runs.
    pub versions: Versions,
    /// Whether that is other code than that of the program that writes the report.
    pub is_by_other_code: bool,
    /// The data of the runs.
    pub data: DataIdentity,
    /// The resolved config, as TOML.
    pub config_toml: String,
    /// The seconds that each run took, added up; not shown if `None`.
    pub training_seconds: Option<f64>,
    /// An accuracy to reach; what it costs is not shown if `None`.
    pub target: Option<AccuracyTarget>,
    /// Name of the method that the others are compared with.
    pub baseline: Option<String>,
    /// The setting that every method has several values of, where there is one.
    pub grid: Option<Grid>,
    /// Published results, shown next to these numbers.
    pub published: Option<Published>,
    /// The methods in the order in which they are shown.
    pub methods: Vec<Method>,
}

/// An accuracy that runs are to reach, and what tells how soon they do.
#[derive(Clone, Debug, PartialEq)]
pub struct AccuracyTarget {
    /// The accuracy, 0 to 1. A run reaches it with its first evaluation that is at least as high.
    pub accuracy: f64,
    /// On which images.
    pub on: TargetImages,
    /// How long each run took, in seconds, by the hash in its header. Seconds to the target are
    /// shown if they are known of all runs.
    pub run_seconds: BTreeMap<String, f64>,
}

/// The images on which an accuracy is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetImages {
    /// The test images.
    Test,
    /// Those held out of the training images.
    Validation,
    /// On both.
    ValidationAndTest,
}

impl TargetImages {
    /// The word for them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
            Self::ValidationAndTest => "validation and test",
        }
    }

    pub(crate) fn accuracy(self, evaluation: &Evaluation) -> Option<f64> {
        match self {
            Self::Test => Some(evaluation.test.accuracy),
            Self::Validation => Some(evaluation.validation?.accuracy),
            Self::ValidationAndTest => {
                let validation = evaluation.validation?.accuracy;
                Some(validation.min(evaluation.test.accuracy))
            }
        }
    }
}

/// A setting that every method of the config file has several values of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Its path, such as `model.initialization.std`.
    pub setting: String,
    /// What it is, in words, such as `initial standard deviation`.
    pub name: String,
}

/// Which method of the config file this is at which value of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The method's name in the file, which several methods of the experiment then share.
    pub family: String,
    /// The value.
    pub value: f64,
}

/// What others got at the same settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Who, where.
    pub source: String,
    /// Figures, by the method's name.
    pub figures: Vec<PublishedFigure>,
}

/// A figure that somebody published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedFigure {
    /// The method.
    pub method: String,
    /// Training accuracy, 0 to 1.
    pub train_accuracy: Option<f64>,
    /// Test accuracy, 0 to 1.
    pub test_accuracy: Option<f64>,
    /// Losses of batches, as update and nats.
    pub losses: Vec<(u64, f64)>,
}

/// One method of an experiment and its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Its name, unique in the experiment.
    pub name: String,
    /// Each setting by which it differs from the base config, such as `dropout = 0.2`.
    pub changes: Vec<String>,
    /// Where it stands in the experiment's grid.
    pub cell: Option<Cell>,
    /// Its runs, one per seed.
    pub runs: Vec<RunRecord>,
}

/// Why an experiment's numbers would mislead.
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
    /// A run was filed under another method than its header names.
    #[error("runs of {method} must name it in their header, got {found}")]
    ForeignRun {
        /// The method.
        method: String,
        /// The name in the run's header.
        found: String,
    },
}

impl Experiment {
    /// Checks the conditions that the functions that show an experiment rely on.
    ///
    /// Those functions never fail: an unknown baseline counts as no baseline, and of two runs with
    /// the same seed the last counts.
    ///
    /// # Errors
    ///
    /// If the baseline is unknown, a method's name or a seed within a method comes twice, or a run
    /// belongs to another method.
    pub fn check(&self) -> Result<(), InvalidExperiment> {
        let mut names = BTreeSet::new();
        for method in &self.methods {
            if !names.insert(method.name.as_str()) {
                let method = method.name.clone();
                return Err(InvalidExperiment::RepeatedMethod { method });
            }
            method.check()?;
        }
        match &self.baseline {
            Some(baseline) if !names.contains(baseline.as_str()) => {
                let baseline = baseline.clone();
                Err(InvalidExperiment::UnknownBaseline { baseline })
            }
            _ => Ok(()),
        }
    }
}

impl Method {
    fn check(&self) -> Result<(), InvalidExperiment> {
        let mut seeds = BTreeSet::new();
        for run in &self.runs {
            let method = self.name.clone();
            let found = &run.header.method;
            if *found != method {
                let found = found.clone();
                return Err(InvalidExperiment::ForeignRun { method, found });
            }
            let seed = run.header.seed;
            if !seeds.insert(seed) {
                return Err(InvalidExperiment::RepeatedSeed { method, seed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn contradictions_are_refused() {
        let refused = |change: fn(&mut Experiment)| {
            let mut experiment = sample::decay();
            assert_eq!(experiment.check(), Ok(()));
            change(&mut experiment);
            experiment.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(|experiment| experiment.baseline = Some("nothing".into())),
            "baseline must be one of the methods, got nothing"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1] = experiment.methods[0].clone()),
            "method names must differ, got none twice"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1].runs[1].header.seed = 0),
            "seeds of weight-decay must differ, got 0 twice"
        );
        assert_eq!(
            refused(|experiment| experiment.methods[1].runs[1].header.method = "none".into()),
            "runs of weight-decay must name it in their header, got none"
        );
    }
}
