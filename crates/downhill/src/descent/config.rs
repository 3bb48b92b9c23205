//! What a whole training step is made of, as a config.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::averages::{Ema, EmaStart, WeightStage};
use super::gradients::{GlobalNorm, GlobalNormForm, GradientStage};
use super::select::Parameters;
use super::{Descent, InvalidDescent, members};
use crate::{OptimizerConfig, Schedule};

/// The settings of a [`Descent`]: an optimizer, and what stands around it.
///
/// ```
/// use downhill::DescentConfig;
///
/// let config: DescentConfig = toml::from_str(
///     "optimizer.adamw = { learning_rate = 0.001, weight_decay = { decoupled = 0.1 } }
///      gradients = [{ clip-global-norm = { most = 1.0 } }]
///      weights = [{ ema = { kept = 0.999 } }]
///      [[groups]]
///      parameters = { rank-at-most = 1 }
///      set = { weight_decay = 0.0 }",
/// )
/// .unwrap();
/// assert!(config.build().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescentConfig {
    /// The optimizer of all parameters that no group gives another.
    pub optimizer: OptimizerConfig,
    /// Parameters that are treated differently; of several groups with the same parameter, the last
    /// counts.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Settings that change from step to step, by name: `learning_rate`, or any other number of the
    /// optimizers. The value in the optimizer's config is the base that a schedule starts from.
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    /// Gradients of several calls make one step.
    #[serde(default)]
    pub accumulate: Accumulate,
    /// What is done about gradients that are infinite or not numbers.
    #[serde(default)]
    pub non_finite: NonFinite,
    /// Changes to the gradients, in this order, after accumulation.
    #[serde(default)]
    pub gradients: Vec<GradientStage>,
    /// Which numbers are stepped.
    #[serde(default)]
    pub mask: StepMask,
    /// What is kept of the weights, in this order, after the step.
    #[serde(default)]
    pub weights: Vec<WeightStage>,
    /// Where each parameter holds those of several networks along its first axis: each one's factor
    /// on the learning rate, greater than 0. Empty for a single network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<f64>,
}

/// Parameters with settings of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which.
    pub parameters: Parameters,
    /// Their optimizer, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerConfig>,
    /// Settings of the optimizer that are other numbers for them.
    #[serde(default)]
    pub set: BTreeMap<String, f64>,
    /// Whether they are left as they are.
    #[serde(default)]
    pub frozen: bool,
}

/// What is done about gradients that are infinite or not numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonFinite {
    /// Nothing: they spread.
    #[default]
    Spread,
    /// The call does nothing, and says where they were.
    Skip,
}

/// Which numbers a step moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepMask {
    /// All.
    #[default]
    None,
    /// Only those that move against their gradient, by so much more (Liang et al. 2024,
    /// arXiv:2411.16085): the step is multiplied by `mask / max(mean of the mask, 1e-3)`.
    Cautious,
}

/// How many calls make a step, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accumulate {
    /// The calls, at least 1.
    pub calls: u64,
    /// What the step is given of their gradients.
    #[serde(default)]
    pub form: AccumulateForm,
}

impl Default for Accumulate {
    /// Every call is a step.
    fn default() -> Self {
        Self {
            calls: 1,
            form: AccumulateForm::Mean,
        }
    }
}

/// What a step is given of several gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccumulateForm {
    /// Their mean (Keras, optax).
    #[default]
    Mean,
    /// Their sum (PyTorch, when gradients are not zeroed; optax with `use_grad_mean=False`).
    Sum,
}

impl DescentConfig {
    /// This optimizer for all parameters, with nothing around it.
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
            members: Vec::new(),
        }
    }

    /// No weight decay for biases and norms: for parameters of rank 1 and less. A group like any
    /// other: where a parameter is in several, the last counts alone.
    pub fn without_decay_of_vectors(self) -> Self {
        self.with_setting(Parameters::RankAtMost(1), "weight_decay", 0.0)
    }

    /// Another number for a setting of these parameters' optimizer.
    pub fn with_setting(mut self, parameters: Parameters, setting: &str, value: f64) -> Self {
        self.groups.push(Group {
            parameters,
            optimizer: None,
            set: BTreeMap::from([(setting.into(), value)]),
            frozen: false,
        });
        self
    }

    /// Another optimizer for these parameters.
    pub fn with_optimizer(
        mut self,
        parameters: Parameters,
        optimizer: impl Into<OptimizerConfig>,
    ) -> Self {
        self.groups.push(Group {
            parameters,
            optimizer: Some(optimizer.into()),
            set: BTreeMap::new(),
            frozen: false,
        });
        self
    }

    /// These parameters stay as they are, unless a later group has them, too.
    pub fn freezing(mut self, parameters: Parameters) -> Self {
        self.groups.push(Group {
            parameters,
            optimizer: None,
            set: BTreeMap::new(),
            frozen: true,
        });
        self
    }

    /// A schedule for a setting, `learning_rate` or another.
    pub fn with_schedule(mut self, setting: &str, schedule: Schedule) -> Self {
        self.schedules.insert(setting.into(), schedule);
        self
    }

    /// A step for the mean gradient of so many calls.
    pub fn accumulating(mut self, calls: u64) -> Self {
        self.accumulate.calls = calls;
        self
    }

    /// Gradients that are not finite are skipped and reported.
    pub fn skipping_non_finite(mut self) -> Self {
        self.non_finite = NonFinite::Skip;
        self
    }

    /// A further change to the gradients.
    pub fn with_gradients(mut self, stage: GradientStage) -> Self {
        self.gradients.push(stage);
        self
    }

    /// All gradients together are at most this long, exactly.
    pub fn clipping_global_norm(self, most: f64) -> Self {
        let form = GlobalNormForm::Exact;
        self.with_gradients(GradientStage::ClipGlobalNorm(GlobalNorm { most, form }))
    }

    /// Steps only against the gradient.
    pub fn cautious(mut self) -> Self {
        self.mask = StepMask::Cautious;
        self
    }

    /// A further thing that is kept of the weights.
    pub fn with_weights(mut self, stage: WeightStage) -> Self {
        self.weights.push(stage);
        self
    }

    /// A moving average of the weights that keeps this share at each step.
    pub fn with_ema(self, kept: f64) -> Self {
        self.with_weights(WeightStage::Ema(Ema {
            kept,
            start: EmaStart::First,
            overwrite_every: 0,
        }))
    }

    /// For a module whose every parameter holds those of several networks along its first axis, each
    /// trained at the learning rate times its own factor.
    ///
    /// ```text
    /// x_t = x_{t-1} + factor * (what the rule adds at the learning rate of the config)
    /// ```
    ///
    /// That is, to rounding, each network's own step at its own rate, under schedules, too: for a
    /// rule whose steps are proportional to the rate, with a decay that is none, `l2` or `decoupled`.
    /// A memory that holds past steps, such as the velocity of [`Momentum`](crate::Momentum), then
    /// holds those at the config's rate. Factors of at most 1 lose no digits: let the config have the
    /// largest rate. Other elementwise rules can have factors of 1 alone; where a rule or a stage
    /// looks at a whole parameter, the members would have a part in each other's steps, and
    /// [`build`](Self::build) refuses.
    ///
    /// Groups see the rank of a single network's parameter: biases, `[members, units]`, have 1.
    pub fn with_members(mut self, factors: Vec<f64>) -> Self {
        self.members = factors;
        self
    }

    /// The descent, before its first step.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of bounds or not there.
    pub fn build(&self) -> Result<Descent, InvalidDescent> {
        Descent::new(self.clone())
    }

    /// The group of a parameter: 0 for none, else 1 and more, in the order of the groups.
    pub(super) fn group_of(&self, path: &str, rank: usize) -> usize {
        let rank = members::rank(&self.members, rank);
        let mut groups = self.groups.iter();
        let found = groups.rposition(|group| group.parameters.include(path, rank));
        found.map_or(0, |index| index + 1)
    }
}
