//! The settings of a training.

use std::collections::BTreeMap;

use downhill::{
    Accumulate, DescentConfig, GradientStage, Group, LbfgsConfig, NonFinite, OptimizerConfig,
    SamConfig, Schedule, SgdConfig, StepMask, WeightStage,
};
use downhill_data::{BatchOrder, DEFAULT_SOURCE};
use downhill_model::{BatchNormConvention, MlpConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// All settings of a training except its seed and backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// The images.
    pub data: DataConfig,
    /// The network.
    pub model: MlpConfig,
    /// The optimizer and its settings.
    pub optimizer: OptimizerConfig,
    /// Parameters with settings of their own. A parameter in several groups belongs to the last.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Vec<Group>,
    /// Schedules by setting: `learning_rate` or another number of the optimizers. A schedule starts
    /// from the value in the optimizer's settings, and counts its steps.
    #[serde(skip_serializing_if = "is_default")]
    pub schedules: BTreeMap<String, Schedule>,
    /// Number of updates per step of the optimizer, and how their gradients are combined.
    #[serde(skip_serializing_if = "is_default")]
    pub accumulate: Accumulate,
    /// Treatment of gradients that are infinite or not numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub non_finite: NonFinite,
    /// Changes to the gradients, in this order, after accumulation.
    #[serde(skip_serializing_if = "is_default")]
    pub gradients: Vec<GradientStage>,
    /// Elements that a step changes.
    #[serde(skip_serializing_if = "is_default")]
    pub mask: StepMask,
    /// Averages and slow weights, updated in this order after the step.
    #[serde(skip_serializing_if = "is_default")]
    pub weights: Vec<WeightStage>,
    /// Sharpness-aware minimization: each update uses the gradient from where the loss nearby is
    /// largest, which costs a second gradient of the same batch, with the same dropout. The loss of
    /// an update is that before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sam: Option<SamConfig>,
    /// L-BFGS in place of the optimizer, whose settings are then not used. An update is a call on
    /// one batch, of up to `max_iterations` iterations, with the same dropout in each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbfgs: Option<LbfgsConfig>,
    /// The training loop.
    pub training: LoopConfig,
}

/// Whether a value is the default: it is then not written, so that the names of runs without a
/// recipe stay as they are.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TrainingConfig {
    /// The optimizer with its recipe: what happens before and after its steps.
    pub fn descent(&self) -> DescentConfig {
        let mut descent = DescentConfig::new(self.optimizer.clone());
        descent.groups.clone_from(&self.groups);
        descent.schedules.clone_from(&self.schedules);
        descent.accumulate = self.accumulate;
        descent.non_finite = self.non_finite;
        descent.gradients.clone_from(&self.gradients);
        descent.mask = self.mask;
        descent.weights.clone_from(&self.weights);
        descent
    }

    /// Updates of pre-training, of all hidden layers together.
    pub(crate) fn pretraining_updates(&self) -> u64 {
        self.training.pretraining.updates * self.model.hidden.len() as u64
    }

    /// Whether averages of the weights are evaluated, beside the weights themselves.
    pub(crate) fn has_averages(&self) -> bool {
        let mut optimizers = (self.groups.iter())
            .filter_map(|group| group.optimizer.as_ref())
            .chain([&self.optimizer]);
        let has_average = |optimizer: &OptimizerConfig| {
            matches!(
                optimizer,
                OptimizerConfig::ScheduleFree(_) | OptimizerConfig::Asgd(_)
            )
        };
        self.lbfgs.is_none()
            && (self.weights.iter().any(WeightStage::is_average) || optimizers.any(has_average))
    }

    /// Whether evaluations need batch statistics of their own in a network with batch
    /// normalization: those of averaged weights, and of weights that L-BFGS tried on copies.
    pub(crate) fn has_own_statistics(&self) -> bool {
        let normalized = self.model.batch_norm != BatchNormConvention::None;
        normalized && (self.has_averages() || self.lbfgs.is_some())
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            data: DataConfig::default(),
            model: MlpConfig::default(),
            optimizer: OptimizerConfig::Sgd(SgdConfig::book()),
            groups: Vec::new(),
            schedules: BTreeMap::new(),
            accumulate: Accumulate::default(),
            non_finite: NonFinite::default(),
            gradients: Vec::new(),
            mask: StepMask::default(),
            weights: Vec::new(),
            sam: None,
            lbfgs: None,
            training: LoopConfig::default(),
        }
    }
}

/// The images to train and test on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// The images: the name of a set such as `"fashion-mnist"`, or a directory of IDX or PNG files;
    /// the same for all methods. The option `--data-dir` overrides it.
    #[serde(skip_serializing_if = "is_default_source")]
    pub source: String,
    /// Number of training images.
    pub train_images: Amount,
    /// Which training images.
    pub subset: Subset,
    /// Number of test images, from the first on.
    pub test_images: Amount,
    /// Number of training images held out for validation, different for each seed. The network
    /// trains on the rest.
    pub validation_images: usize,
    /// Subtracted from each pixel, which lies in \[0, 1\]; in \[-1000, 1000\].
    pub pixel_mean: f64,
    /// Each pixel is divided by this after `pixel_mean` is subtracted; in \[0.001, 1000\].
    pub pixel_deviation: f64,
}

fn is_default_source(source: &String) -> bool {
    source == DEFAULT_SOURCE
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: DEFAULT_SOURCE.to_owned(),
            train_images: Amount::All,
            subset: Subset::First,
            test_images: Amount::All,
            validation_images: 0,
            pixel_mean: 0.0,
            pixel_deviation: 1.0,
        }
    }
}

impl DataConfig {
    /// Number of training images that are not held out, out of those available.
    pub fn images_to_train_on(&self, available: usize) -> usize {
        let images = self.train_images.of(available);
        images.saturating_sub(self.validation_images)
    }
}

/// A number of images, or `"all"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// All available images.
    All,
    /// This many.
    Images(usize),
}

impl Amount {
    /// Returns the number, out of those available.
    pub fn of(self, available: usize) -> usize {
        match self {
            Self::All => available,
            Self::Images(images) => images,
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Images(images) => serializer.serialize_u64(*images as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Amount;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number of images of at least 1, or \"all\"")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
                match usize::try_from(value) {
                    Ok(images @ 1..) => Ok(Amount::Images(images)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
                match u64::try_from(value) {
                    Ok(images) => self.visit_u64(images),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Amount, E> {
                match value {
                    "all" => Ok(Amount::All),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// How a part of the training set is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Subset {
    /// The first images, the same for every seed.
    First,
    /// Drawn without replacement, different for each seed.
    Random,
}

/// The training loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LoopConfig {
    /// Images per update.
    pub batch: usize,
    /// How batches are drawn.
    pub batch_order: BatchOrder,
    /// Number of updates.
    pub updates: u64,
    /// Number of gradients of batches at which the run ends, if `updates` does not end it before.
    /// An update computes one, with SAM two, and with L-BFGS as many as it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradients: Option<u64>,
    /// Updates between evaluations. The network is also evaluated before and after the first update
    /// and after the last.
    pub evaluate_every: u64,
    /// Whether the loss of each batch is recorded, and when it is measured.
    pub record_losses: RecordLosses,
    /// Whether histograms of the hidden units are recorded, before the first update and after the
    /// last.
    pub record_activations: bool,
    /// Pre-training of the hidden layers, one after the other.
    pub pretraining: PretrainingConfig,
    /// Whether the run ends when the score on the validation images does not improve, and which
    /// network is its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingConfig>,
}

/// Early stopping by the score on the validation images (`data.validation_images`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStoppingConfig {
    /// The score: `accuracy`, or `loss`.
    pub measure: Measure,
    /// Number of evaluations in a row without an improvement after which the run ends. Without it,
    /// the run makes all updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// A score improves on the best one if it is better by more than this; at least 0. Accuracies
    /// lie in \[0, 1\].
    pub min_delta: f64,
    /// Whether the result of the run is the network with the best score, rather than the last.
    pub keep_best: bool,
}

impl Default for EarlyStoppingConfig {
    fn default() -> Self {
        Self {
            measure: Measure::Accuracy,
            patience: None,
            min_delta: 0.0,
            keep_best: true,
        }
    }
}

/// A score of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The share of images classified correctly.
    Accuracy,
    /// The mean cross-entropy.
    Loss,
}

/// Pre-training of each hidden layer as a denoising autoencoder, starting with the first. Each
/// layer has an optimizer of its own with the settings of the network's. Pixels must lie in
/// \[0, 1\].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PretrainingConfig {
    /// Updates of each layer, in addition to those of the network; 0 turns pre-training off.
    pub updates: u64,
    /// Probability that an input of the layer is set to 0, in \[0, 1).
    pub corruption: f64,
}

impl Default for PretrainingConfig {
    fn default() -> Self {
        Self {
            updates: 0,
            corruption: 0.3,
        }
    }
}

/// Which batch losses are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RecordLosses {
    /// None.
    No,
    /// The loss that the update minimizes, with dropout and batch statistics.
    BeforeUpdate,
    /// The loss of the same batch after the update, in evaluation mode, as in the book's scripts.
    AfterUpdate,
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self {
            batch: 100,
            batch_order: BatchOrder::ShuffledEpochs,
            updates: 1000,
            gradients: None,
            evaluate_every: 100,
            record_losses: RecordLosses::No,
            record_activations: false,
            pretraining: PretrainingConfig::default(),
            early_stopping: None,
        }
    }
}

impl LoopConfig {
    /// Whether the network is evaluated after this update (counted from 1).
    pub fn evaluates_after(&self, update: u64) -> bool {
        (update - 1).is_multiple_of(self.evaluate_every) || update == self.updates
    }
}
