//! The record of a run: one JSON object per line.
//!
//! The first line is the [`RunHeader`] and the last is the [`RunEnd`]. Between them is an
//! [`Evaluation`] for each evaluation of the network, and anything else that the config asks to
//! record. Nothing in a record depends on the clock or on the machine's speed, so the same run
//! gives the same bytes if its backend is deterministic.

pub(crate) mod lines;
mod resolved_config;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use resolved_config::ResolvedConfig;

/// The version of the record's format; a reader also accepts those before, and refuses any other.
pub const RECORD_FORMAT: u32 = 2;

/// The accuracy that a diverged run counts with.
pub(crate) const WORST_ACCURACY: f64 = 0.0;

/// The record of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The first line.
    pub header: RunHeader,
    /// The evaluations, in order of rising [`Evaluation::updates`].
    pub evaluations: Vec<Evaluation>,
    /// The loss of each update's batch, from the first update on, if the config records them.
    pub losses: Vec<f32>,
    /// Histograms of the hidden units, in order of updates, if the config records them.
    pub activations: Vec<Activations>,
    /// How the layers were doing in their pre-training, where there was one.
    pub pretraining: Vec<Pretraining>,
    /// The last line.
    pub end: RunEnd,
}

impl RunRecord {
    /// Returns the evaluation that the run counts with: its last, or that of the network that it
    /// kept. `None` if it diverged, or if a loss of that evaluation is not finite.
    #[must_use]
    pub fn final_evaluation(&self) -> Option<&Evaluation> {
        let mut evaluations = self.evaluations.iter();
        let last = match self.end.kept {
            Some(kept) => evaluations.find(|evaluation| evaluation.updates == kept),
            None => evaluations.next_back(),
        };
        last.filter(|last| last.is_finite() && !self.end.outcome.is_diverged())
    }

    /// Whether early stopping ended the run: it did not diverge, and made fewer updates and
    /// computed fewer gradients than its config allows.
    #[must_use]
    pub fn is_stopped_early(&self) -> bool {
        let allowed = |key| self.header.config.pointer(key).and_then(Value::as_u64);
        let RunEnd {
            updates, gradients, ..
        } = self.end;
        let gradients = gradients.unwrap_or(updates);
        allowed("/training/updates").is_some_and(|allowed| updates < allowed)
            && allowed("/training/gradients").is_none_or(|allowed| gradients < allowed)
            && !self.end.outcome.is_diverged()
    }

    /// Returns the final test accuracy, 0 to 1. It is 0 for a run without a final evaluation.
    #[must_use]
    pub fn test_accuracy(&self) -> f64 {
        let last = self.final_evaluation();
        last.map_or(WORST_ACCURACY, |last| last.test.accuracy)
    }
}

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Run(RunHeader),
    /// One evaluation.
    Evaluation(Evaluation),
    /// Losses of batches, where they were asked for.
    Losses(BatchLosses),
    /// What the hidden units do, where it was asked for.
    Activations(Activations),
    /// How a layer was doing in its pre-training.
    Pretraining(Pretraining),
    /// The last line; a record without it was interrupted.
    End(RunEnd),
}

/// Everything that decides a run's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`RECORD_FORMAT`] of the writer.
    pub format: u32,
    /// Hash of the resolved config, seed, data, backend and code, in hexadecimal.
    pub run: String,
    /// The stem of the experiment's config file.
    pub experiment: String,
    /// Which of the experiment's methods this is.
    pub method: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// `flex`, `ndarray` or `wgpu`.
    pub backend: String,
    /// The resolved config of this method.
    pub config: ResolvedConfig,
    /// Whether the run could train with others as one ensemble of networks. Its numbers then equal
    /// those that it has alone up to rounding, which may depend on the size of the ensemble.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ensemble: bool,
    /// The data that the run saw.
    pub data: DataIdentity,
    /// The versions that made the numbers.
    pub versions: Versions,
}

/// Which data a run saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// `mnist`, or the directory given.
    pub name: String,
    /// SHA-256 of the four decompressed files, one after the other.
    pub sha256: String,
    /// Number of training images used.
    pub train_images: usize,
    /// Number of test images used.
    pub test_images: usize,
    /// Images of the whole set that occur more than once; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
}

/// Images that occur more than once, pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Training images that equal an earlier one.
    pub train: usize,
    /// Test images that equal an earlier one.
    pub test: usize,
    /// Test images that equal a training image.
    pub across: usize,
}

/// The versions behind a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of this project.
    pub downhill: String,
    /// Version of Burn.
    pub burn: String,
    /// The fingerprint of the code that computes; empty in records of versions without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The commit of that code, with a word if it was changed since; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Versions {
    /// Whether both name the same code, whatever the commit.
    #[must_use]
    pub fn is_same_code(&self, other: &Self) -> bool {
        let code = |it: &Self| [it.downhill.clone(), it.burn.clone(), it.code.clone()];
        code(self) == code(other)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "downhill {}, Burn {}", self.downhill, self.burn)?;
        if !self.code.is_empty() {
            write!(f, ", code {}", self.code)?;
        }
        match &self.commit {
            Some(commit) => write!(f, " (commit {commit})"),
            None => Ok(()),
        }
    }
}

/// How the network did on the training and the test images after `updates` updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The epoch that these updates belong to, counted from 0 as in the book, where an epoch is
    /// evaluated after its first update; `None` before the first update.
    pub epoch: Option<u64>,
    /// Number of updates made so far.
    pub updates: u64,
    /// On the training images.
    pub train: Score,
    /// On the test images.
    pub test: Score,
    /// On the images held out of the training images to choose by, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Score>,
    /// The scores of the weights that the optimizer steps, where those above are of an average of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_averaged: Option<Scores>,
}

/// The scores of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// On the training images.
    pub train: Score,
    /// On the test images.
    pub test: Score,
    /// On the images held out of the training images, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Score>,
}

impl Evaluation {
    /// Whether all losses and accuracies on the training and the test images are finite.
    pub(crate) fn is_finite(&self) -> bool {
        let scores = [self.train, self.test];
        let mut numbers = scores.iter().flat_map(|score| [score.loss, score.accuracy]);
        numbers.all(f64::is_finite)
    }
}

/// The losses of consecutive batches, one for each update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchLosses {
    /// The update that the first of them belongs to, counted from 1.
    pub first_update: u64,
    /// Mean cross-entropy in nats, with the penalty if there is one; NaN where it is not finite.
    #[serde(deserialize_with = "nans_from_nulls")]
    pub losses: Vec<f32>,
}

/// What the hidden units do for some images, layer by layer from the input on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activations {
    /// Number of updates made so far.
    pub updates: u64,
    /// Each layer, its units and images together.
    pub layers: Vec<Histogram>,
}

/// How often numbers fall into ranges of equal width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Where the first range begins.
    pub lower: f64,
    /// Where the last range ends.
    pub upper: f64,
    /// How many numbers are in each range; those outside are counted at the ends.
    pub counts: Vec<u64>,
    /// Mean of the numbers.
    pub mean: f64,
    /// Their standard deviation, with `n` in the denominator.
    pub standard_deviation: f64,
}

/// How a layer was doing in its pre-training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pretraining {
    /// The layer, counted from 1 at the input.
    pub layer: usize,
    /// Updates made on it so far.
    pub updates: u64,
    /// Mean loss of reconstruction per image since the line before, in nats.
    #[serde(deserialize_with = "nan_from_null")]
    pub loss: f64,
}

/// Loss and accuracy in evaluation mode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean softmax cross-entropy in nats, without any penalty; NaN where it is not finite, which
    /// JSON writes as `null`.
    #[serde(deserialize_with = "nan_from_null")]
    pub loss: f64,
    /// Share of images classified correctly, 0 to 1.
    pub accuracy: f64,
}

/// The last line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// The outcome.
    pub outcome: RunOutcome,
    /// Number of updates made.
    pub updates: u64,
    /// Updates at the evaluation whose network is the result of the run, where the config asks for
    /// the best network rather than the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Number of gradients of batches that were computed, where it is not one for each update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradients: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// All updates were made, or early stopping or a budget of gradients ended the run.
    Finished,
    /// The loss was not finite.
    Diverged {
        /// The first update after which it was not.
        update: u64,
    },
}

impl RunOutcome {
    /// Whether the run diverged.
    #[must_use]
    pub fn is_diverged(&self) -> bool {
        matches!(self, Self::Diverged { .. })
    }

    /// Returns `finished` or `diverged`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged { .. } => "diverged",
        }
    }
}

fn nan_from_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nans_from_nulls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let losses: Vec<Option<f32>> = Deserialize::deserialize(deserializer)?;
    Ok((losses.into_iter())
        .map(|loss| loss.unwrap_or(f32::NAN))
        .collect())
}
