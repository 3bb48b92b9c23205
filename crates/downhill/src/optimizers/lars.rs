//! LARS.

use burn::tensor::Tensor;

use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, trust_ratio};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// LARS: momentum with steps scaled by the norm of the parameter.
///
/// ```text
/// d_t = g_t + l2 * x_{t-1}
/// r_t = trust_coefficient * |x_{t-1}| / (|d_t| + epsilon), or 1 if a norm is 0
/// v_t = momentum * v_{t-1} + learning_rate * r_t * d_t,  v_0 = 0
/// x_t = x_{t-1} - v_t, nesterov: x_{t-1} - (momentum * v_t + learning_rate * r_t * d_t)
/// ```
///
/// with norms over the whole parameter. Any rank and shape. State: one tensor per parameter.
/// Source: You, Gitman and Ginsburg 2017 (arXiv:1708.03888), as in optax, which takes the norm of
/// the sum of gradient and decay; the paper adds their norms.
#[derive(Clone, Debug)]
pub struct Lars {
    config: LarsConfig,
}

settings! {
    /// The settings of [`Lars`].
    pub struct LarsConfig for Lars, "lars" {
        /// Learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Momentum coefficient, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Step length relative to the parameter's norm, before the rate; positive.
        pub trust_coefficient: f64 => positive,
        /// Added to the denominator of the trust ratio for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay; with `l2` it is included in the trust ratio.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "You, Gitman and Ginsburg 2017, arXiv:1708.03888"
}

impl LarsConfig {
    /// optax's defaults: momentum 0.9, trust coefficient 0.001. optax has no default learning rate;
    /// this uses 1.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            momentum: 0.9,
            momentum_kind: MomentumKind::HeavyBall,
            trust_coefficient: 0.001,
            epsilon: 0.0,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(Lars);

impl Layout for Lars {
    const TENSORS: &'static [&'static str] = &["velocity"];
}

impl Rule for Lars {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let whole = parameter.value.clone();
        let (x, d) =
            (config.weight_decay).before_step(learning_rate, parameter.value, parameter.gradient);
        let ratio = trust_ratio(x, d.clone(), config.trust_coefficient, config.epsilon);
        let now = d * ratio.mul_scalar(learning_rate);
        let v = memory.accumulate("velocity", config.momentum, now.clone());
        let step = match config.momentum_kind {
            MomentumKind::HeavyBall => v,
            MomentumKind::Nesterov => v.mul_scalar(config.momentum) + now,
        };
        let x = (config.weight_decay).around_step(learning_rate, whole, step);
        (x, memory)
    }
}
