//! AdamW.

use super::adam::{Adam, AdamConfig, AdamEpsilon, Amsgrad};
use super::rmsprop::MomentumKind;
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// AdamW: [`Adam`] with decoupled weight decay.
///
/// ```text
/// x <- x - learning_rate * lambda * x, then Adam's step
/// ```
///
/// Everything else, the state included, is as in [`Adam`]. Source: Loshchilov and Hutter 2017
/// (arXiv:1711.05101). The paper decays by a factor of its own; PyTorch, Keras, optax and Burn
/// scale the decay by the learning rate, as here.
///
/// ```
/// use downhill::{AdamWConfig, OptimizerConfig, WeightDecay};
///
/// let config = AdamWConfig::torch().with_weight_decay(WeightDecay::Decoupled(0.1));
/// let written = "adamw = { weight_decay = { decoupled = 0.1 } }";
/// assert_eq!(toml::from_str::<OptimizerConfig>(written).unwrap(), config.into());
/// ```
pub type AdamW = Adam;

settings! {
    /// The settings of AdamW.
    pub struct AdamWConfig for AdamW, "adamw" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added to the root of the corrected or the uncorrected second moment.
        pub epsilon_place: AdamEpsilon,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Factor on `beta_1` from step to step, in (0, 1]; 1 keeps it constant.
        pub beta_1_decay: f64 => shrinking,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Whether, and how, AMSGrad keeps the denominator from decreasing.
        pub amsgrad: Amsgrad,
        /// Weight decay; decoupled in every preset.
        pub weight_decay: WeightDecay,
    }
    presets: torch, keras, optax, burn
    source: "Loshchilov and Hutter 2017, arXiv:1711.05101"
}

impl AdamWConfig {
    /// PyTorch's defaults: those of its Adam, with a weight decay of 0.01.
    pub fn torch() -> Self {
        Self::from_adam(&AdamConfig::torch(), 0.01)
    }

    /// Keras's defaults: those of its Adam, with a weight decay of 0.004.
    pub fn keras() -> Self {
        Self::from_adam(&AdamConfig::keras(), 0.004)
    }

    /// optax's defaults: those of its Adam, with a weight decay of 1e-4.
    pub fn optax() -> Self {
        Self::from_adam(&AdamConfig::optax(), 1e-4)
    }

    /// Burn's defaults: those of its Adam, with a weight decay of 1e-4, rounded to `f32`.
    pub fn burn() -> Self {
        Self::from_adam(&AdamConfig::burn(), f64::from(1e-4_f32))
    }

    fn from_adam(adam: &AdamConfig, lambda: f64) -> Self {
        Self {
            learning_rate: adam.learning_rate,
            beta_1: adam.beta_1,
            beta_2: adam.beta_2,
            epsilon: adam.epsilon,
            epsilon_place: adam.epsilon_place,
            epsilon_root: adam.epsilon_root,
            beta_1_decay: adam.beta_1_decay,
            momentum_kind: adam.momentum_kind,
            amsgrad: adam.amsgrad,
            weight_decay: WeightDecay::Decoupled(lambda),
        }
    }
}

/// The settings of the same optimizer as [`Adam`].
impl From<AdamWConfig> for AdamConfig {
    fn from(config: AdamWConfig) -> Self {
        Self {
            learning_rate: config.learning_rate,
            beta_1: config.beta_1,
            beta_2: config.beta_2,
            epsilon: config.epsilon,
            epsilon_place: config.epsilon_place,
            epsilon_root: config.epsilon_root,
            beta_1_decay: config.beta_1_decay,
            momentum_kind: config.momentum_kind,
            amsgrad: config.amsgrad,
            weight_decay: config.weight_decay,
        }
    }
}
