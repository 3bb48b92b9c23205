//! LARS.

use burn::tensor::Tensor;

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, optimizer, trust_ratio};
use crate::settings::settings;
use crate::{InvalidHyperparameter, MomentumKind, WeightDecay};

/// LARS: momentum whose steps are sized by the norm of the parameter.
///
/// ```text
/// d_t = g_t + l2 * x_{t-1}
/// r_t = trust_coefficient * |x_{t-1}| / (|d_t| + epsilon), 1 where a norm is 0
/// v_t = momentum * v_{t-1} + learning_rate * r_t * d_t,  v_0 = 0
/// x_t = x_{t-1} - v_t, nesterov: x_{t-1} - (momentum * v_t + learning_rate * r_t * d_t)
/// ```
///
/// with norms over the whole parameter. Any rank and shape. State: one tensor per parameter. Source:
/// You, Gitman and Ginsburg 2017 (arXiv:1708.03888), as in optax, which takes the norm of gradient
/// and decay together where the paper adds their norms.
#[derive(Clone, Debug)]
pub struct Lars {
    config: LarsConfig,
}

settings! {
    /// The settings of [`Lars`].
    pub struct LarsConfig for Lars, "lars" {
        /// Factor on the steps, greater than 0.
        pub learning_rate: f64,
        /// Share of the past steps that each step keeps, in \[0, 1).
        pub momentum: f64,
        /// Whether the step is by the memory or ahead of it.
        pub momentum_kind: MomentumKind,
        /// Length of a step, before the rate, by the length of the parameter, greater than 0.
        pub trust_coefficient: f64,
        /// Keeps the ratio from growing without bound, at least 0.
        pub epsilon: f64,
        /// Decay towards 0; `l2` counts in the ratio.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "You, Gitman and Ginsburg 2017, arXiv:1708.03888"
}

impl LarsConfig {
    /// As in optax: momentum 0.9, trust coefficient 0.001. optax has no default rate; here it is 1.
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

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Lars, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        positive("trust_coefficient", self.trust_coefficient)?;
        not_negative("epsilon", self.epsilon)?;
        self.weight_decay.check()?;
        Ok(Lars {
            config: self.clone(),
        })
    }
}

optimizer!(Lars);

impl Rule for Lars {
    const TENSORS: &'static [&'static str] = &["velocity"];
    const NUMBERS: &'static [&'static str] = &[];

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let (x, d) =
            (config.weight_decay).around(learning_rate, parameter.value, parameter.gradient);
        let ratio = trust_ratio(
            x.clone(),
            d.clone(),
            config.trust_coefficient,
            config.epsilon,
        );
        let now = d * ratio.mul_scalar(learning_rate);
        let v = match memory.take("velocity") {
            Some(v) => v.mul_scalar(config.momentum) + now.clone(),
            None => now.clone(),
        };
        let step = match config.momentum_kind {
            MomentumKind::HeavyBall => v.clone(),
            MomentumKind::Nesterov => v.clone().mul_scalar(config.momentum) + now,
        };
        memory.put("velocity", v);
        (config.weight_decay.after(learning_rate, x - step), memory)
    }
    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}
