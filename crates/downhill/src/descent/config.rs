//! The settings of a descent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::averages::{Ema, WeightStage};
use super::gradients::{GlobalNorm, GradientStage};
use super::renamed;
use super::select::Parameters;
use super::{Descent, InvalidDescent, LossScale, Mechanic};
use crate::{OptimizerConfig, Schedule};

/// The settings of a [`Descent`]: an optimizer, and what happens before and after its steps.
///
/// In code:
///
/// ```
/// use downhill::{AdamConfig, DescentConfig, NonFinite};
///
/// let config = DescentConfig::new(AdamConfig::torch())
///     .with_decay_from_rank(2)
///     .with_max_global_norm(1.0)
///     .with_non_finite(NonFinite::Skip)
///     .with_ema(0.999);
/// assert!(config.build().is_ok());
/// ```
///
/// In a file:
///
/// ```
/// use downhill::DescentConfig;
///
/// let config: DescentConfig = toml::from_str(
///     "optimizer.adamw = { learning_rate = 0.001, weight_decay = { decoupled = 0.1 } }
///      gradients = [{ clip-global-norm = { max_norm = 1.0 } }]
///      weights = [{ ema = { decay = 0.999 } }]
///      [[groups]]
///      parameters = { rank-at-most = 1 }
///      set = { weight_decay = 0.0 }",
/// )
/// .unwrap();
/// assert!(config.build().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DescentConfig {
    /// Optimizer of all parameters whose group does not have its own.
    pub optimizer: OptimizerConfig,
    /// Parameters with settings of their own. A parameter in several groups belongs to the last.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Schedules by setting: `learning_rate` or another number of the optimizers. A schedule starts
    /// from the value in the optimizer's config.
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    /// Number of calls per step, and how their gradients are combined.
    #[serde(default)]
    pub accumulate: Accumulate,
    /// Treatment of gradients that are infinite or not numbers.
    #[serde(default)]
    pub non_finite: NonFinite,
    /// Changes to the gradients, in this order, after accumulation.
    #[serde(default)]
    pub gradients: Vec<GradientStage>,
    /// Elements that a step changes.
    #[serde(default)]
    pub mask: StepMask,
    /// Averages, slow weights and what else follows the step, in this order.
    #[serde(default)]
    pub weights: Vec<WeightStage>,
    /// Whether parameters of type `f16` and `bf16` are stepped in an `f32` copy, which the descent
    /// keeps. Without it, a step that is smaller than half the resolution of the type is lost.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub master_weights: bool,
    /// Dynamic scaling of the loss; see [`LossScale`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// For an ensemble, the learning rate of each network relative to that of the config, greater
    /// than 0; see [`with_members`](Self::with_members). Empty for a single network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<f64>,
}

/// Parameters with settings of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Group {
    /// The parameters.
    pub parameters: Parameters,
    /// Their optimizer; `None` for that of the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
    /// Settings of the optimizer that have other values for them.
    #[serde(default)]
    pub set: BTreeMap<String, f64>,
    /// Whether they stay unchanged.
    #[serde(default)]
    pub frozen: bool,
}

impl Group {
    /// These parameters, with the optimizer and the settings of the config.
    pub fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            optimizer: None,
            set: BTreeMap::new(),
            frozen: false,
        }
    }

    /// Sets the optimizer of the parameters.
    pub fn with_optimizer(mut self, optimizer: impl Into<OptimizerConfig>) -> Self {
        self.optimizer = Some(optimizer.into());
        self
    }

    /// Sets a setting of the parameters' optimizer.
    pub fn with_setting(mut self, setting: &str, value: f64) -> Self {
        self.set.insert(setting.into(), value);
        self
    }

    /// Sets whether the parameters stay unchanged.
    pub fn with_frozen(mut self, frozen: bool) -> Self {
        self.frozen = frozen;
        self
    }
}

/// Treatment of gradients that are infinite or not numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NonFinite {
    /// No special treatment: they spread to the weights. With a [`LossScale`](crate::LossScale)
    /// they are skipped all the same.
    #[default]
    Spread,
    /// The call changes nothing and returns [`StepOutcome::Skipped`](crate::StepOutcome::Skipped)
    /// with the paths of the parameters. So does a loss that is not finite, where an optimizer
    /// needs it. Running statistics of batch normalization have taken the batch in already;
    /// [`BatchStatistics`](crate::BatchStatistics) restores them.
    Skip,
}

/// Elements that a step changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepMask {
    /// All.
    #[default]
    None,
    /// Those whose step goes against their gradient (Liang et al. 2024, arXiv:2411.16085). The step
    /// is multiplied by `mask / max(mean of the mask, 1e-3)`: fewer elements change, and each
    /// changes more.
    ///
    /// This masks the step. [`WeightDecay::Cautious`](crate::WeightDecay::Cautious) masks the
    /// decay.
    Cautious,
}

/// Number of calls per step, and how their gradients are combined.
///
/// They are added up in the type of the gradient, at least `f32`. optax's `MultiSteps` adds them up
/// in `f32` even if they are `f64`, unless `accumulator_dtype` is set. Averages of the weights take
/// in one value per step, see [`Ema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "WrittenAccumulate")]
#[non_exhaustive]
pub struct Accumulate {
    /// Number of calls per step, at least 1.
    pub steps: u64,
    /// What the step is given of their gradients.
    pub form: AccumulateForm,
}

impl Accumulate {
    /// A step with the mean gradient of this number of calls.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            form: AccumulateForm::Mean,
        }
    }

    /// Sets how the gradients are combined.
    pub fn with_form(mut self, form: AccumulateForm) -> Self {
        self.form = form;
        self
    }
}

impl Default for Accumulate {
    /// Every call is a step.
    fn default() -> Self {
        Self::new(1)
    }
}

/// An [`Accumulate`] in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WrittenAccumulate {
    steps: u64,
    #[serde(default)]
    form: AccumulateForm,
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "calls", deserialize_with = "renamed::calls")]
    _calls: (),
}

impl From<WrittenAccumulate> for Accumulate {
    fn from(written: WrittenAccumulate) -> Self {
        Self {
            steps: written.steps,
            form: written.form,
        }
    }
}

/// How the gradients of several calls are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AccumulateForm {
    /// Their mean (Keras, optax).
    #[default]
    Mean,
    /// Their sum (PyTorch without `zero_grad`; optax with `use_grad_mean=False`).
    Sum,
}

impl DescentConfig {
    /// This optimizer for all parameters, with no other settings.
    pub fn new(optimizer: impl Into<OptimizerConfig>) -> Self {
        Self {
            optimizer: optimizer.into(),
            groups: Vec::new(),
            schedules: BTreeMap::new(),
            accumulate: Accumulate::default(),
            non_finite: NonFinite::Spread,
            gradients: Vec::new(),
            mask: StepMask::None,
            weights: Vec::new(),
            master_weights: false,
            loss_scale: None,
            members: Vec::new(),
        }
    }

    /// Adds a group. A parameter in several groups belongs to the last.
    pub fn with_group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Adds a group whose optimizer has another value for a setting.
    pub fn with_setting(self, parameters: Parameters, setting: &str, value: f64) -> Self {
        self.with_group(Group::new(parameters).with_setting(setting, value))
    }

    /// Adds a group with another optimizer.
    pub fn with_optimizer(
        self,
        parameters: Parameters,
        optimizer: impl Into<OptimizerConfig>,
    ) -> Self {
        self.with_group(Group::new(parameters).with_optimizer(optimizer))
    }

    /// Adds a group that stays unchanged.
    pub fn with_frozen(self, parameters: Parameters) -> Self {
        self.with_group(Group::new(parameters).with_frozen(true))
    }

    /// Adds a group without weight decay: the parameters of a smaller rank than this. With 2, these
    /// are biases and the parameters of norms.
    pub fn with_decay_from_rank(self, rank: usize) -> Self {
        match rank.checked_sub(1) {
            Some(most) => self.with_setting(Parameters::RankAtMost(most), "weight_decay", 0.0),
            None => self,
        }
    }

    /// Sets the schedule of a setting: `learning_rate` or another number of the optimizers.
    pub fn with_schedule(mut self, setting: &str, schedule: impl Into<Schedule>) -> Self {
        self.schedules.insert(setting.into(), schedule.into());
        self
    }

    /// Sets the number of calls per step; the step uses their mean gradient.
    pub fn with_accumulation(mut self, steps: u64) -> Self {
        self.accumulate = Accumulate::new(steps);
        self
    }

    /// Sets the treatment of gradients that are infinite or not numbers.
    pub fn with_non_finite(mut self, non_finite: NonFinite) -> Self {
        self.non_finite = non_finite;
        self
    }

    /// Adds a change to the gradients. Burn's clipping configs are accepted, too.
    pub fn with_gradients(mut self, stage: impl Into<GradientStage>) -> Self {
        self.gradients.push(stage.into());
        self
    }

    /// Adds clipping by the norm of all gradients together, as in optax and Keras.
    pub fn with_max_global_norm(self, max_norm: f64) -> Self {
        self.with_gradients(GlobalNorm::new(max_norm))
    }

    /// Sets which elements a step changes.
    pub fn with_mask(mut self, mask: StepMask) -> Self {
        self.mask = mask;
        self
    }

    /// Adds an average of the weights, slow weights, or what else follows the step.
    pub fn with_weights(mut self, stage: impl Into<WeightStage>) -> Self {
        self.weights.push(stage.into());
        self
    }

    /// Adds an exponential moving average of the weights with this decay rate.
    pub fn with_ema(self, decay: f64) -> Self {
        self.with_weights(Ema::new(decay))
    }

    /// Sets the dynamic scaling of the loss.
    pub fn with_loss_scale(mut self, scale: LossScale) -> Self {
        self.loss_scale = Some(scale);
        self
    }

    /// The stage that estimates the scale of the steps, with its place.
    pub(super) fn mechanic(&self) -> Option<(usize, Mechanic)> {
        let mut stages = self.weights.iter().enumerate();
        stages.find_map(|(place, stage)| match stage {
            WeightStage::Mechanic(mechanic) => Some((place, *mechanic)),
            _ => None,
        })
    }

    /// Sets whether parameters of type `f16` and `bf16` are stepped in an `f32` copy.
    ///
    /// The descent keeps the copy from the first step on. Afterwards it ignores changes that others
    /// make to the values of these parameters. Optimizers that estimate their rate from the
    /// distance travelled ([`Prodigy`](crate::Prodigy), [`Dog`](crate::Dog), [`Dowg`](crate::Dowg))
    /// need the copy: without it their first steps, and so all others, are lost. `PRECISION.md` has
    /// a table.
    ///
    /// ```
    /// use burn::module::{Module, Param};
    /// use burn::optim::GradientsParams;
    /// use burn::tensor::{DType, Device, Tensor};
    /// use downhill::{DescentConfig, SgdConfig};
    ///
    /// #[derive(Module, Debug)]
    /// struct Model {
    ///     weight: Param<Tensor<1>>,
    /// }
    ///
    /// let device = Device::flex();
    /// let after_100_steps = |config: DescentConfig| {
    ///     let weight = Tensor::<1>::ones([1], (&device, DType::BF16));
    ///     let mut model = Model { weight: Param::from_tensor(weight) };
    ///     let mut descent = config.build()?;
    ///     for _ in 0..100 {
    ///         let mut gradients = GradientsParams::new();
    ///         gradients.register(model.weight.id, Tensor::<1>::ones([1], (&device, DType::BF16)));
    ///         (model, _) = descent.step(model, gradients)?;
    ///     }
    ///     Ok::<f32, Box<dyn std::error::Error>>(model.weight.val().into_scalar())
    /// };
    /// // A step of 1e-3 from 1 is less than half the resolution of bf16.
    /// let sgd = DescentConfig::new(SgdConfig::torch());
    /// assert_eq!(after_100_steps(sgd.clone())?, 1.0);
    /// assert_eq!(after_100_steps(sgd.with_master_weights(true))?, 0.8984375);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_master_weights(mut self, master_weights: bool) -> Self {
        self.master_weights = master_weights;
        self
    }

    /// For an ensemble: a module in which every parameter holds those of several networks along its
    /// first axis. Each network is trained at the learning rate times its own factor.
    ///
    /// ```text
    /// x_t = x_{t-1} + factor * (what the rule adds at the learning rate of the config)
    /// ```
    ///
    /// Up to rounding, this is each network's own step at its own rate, under schedules too. It
    /// requires a rule whose steps are proportional to the rate, and either no weight decay or one
    /// that is `l2`, `decoupled` or `cautious`. State made of past steps, such as the velocity of
    /// [`Momentum`](crate::Momentum), is then that at the config's rate. Factors of at most 1 lose
    /// no digits, so give the config the largest rate. Other elementwise rules accept only factors
    /// of 1. [`build`](Self::build) refuses rules and stages that look at a whole parameter,
    /// because they would mix the networks.
    ///
    /// Groups see the rank of a single network's parameter: biases, `[members, units]`, have 1.
    pub fn with_members(mut self, factors: Vec<f64>) -> Self {
        self.members = factors;
        self
    }

    /// Builds the descent, before its first step.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of bounds or unknown.
    pub fn build(&self) -> Result<Descent, InvalidDescent> {
        Descent::new(self.clone())
    }

    /// The group of a parameter: 0 for none, else 1 and more, in the order of the groups.
    pub(super) fn group_of(&self, path: &str, rank: usize) -> usize {
        // Of an ensemble, the rank of a single network's parameter.
        let rank = rank.saturating_sub(usize::from(!self.members.is_empty()));
        let includes = |group: &Group| group.parameters.include(path, rank);
        let found = self.groups.iter().rposition(includes);
        found.map_or(0, |index| index + 1)
    }
}
