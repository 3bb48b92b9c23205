//! LAMB.

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction, trust_ratio};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// LAMB: Adam with steps scaled by the norm of the parameter.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t),  V = v_t / (1 - beta_2^t)
/// d_t = M / (sqrt(V + epsilon_root) + epsilon) + inner_decay * x_{t-1}
/// r_t = |x_{t-1}| / |d_t|, or 1 if a norm is 0
/// x_t = x_{t-1} - learning_rate * r_t * d_t
/// ```
///
/// with norms over the whole parameter. Any rank and shape. State: two tensors per parameter.
/// Source: You et al. 2019 (arXiv:1904.00962). optax includes weight decay in the trust ratio, as
/// in the paper; Keras decays outside it, decoupled.
#[derive(Clone, Debug)]
pub struct Lamb {
    config: LambConfig,
}

settings! {
    /// The settings of [`Lamb`].
    pub struct LambConfig for Lamb, "lamb" {
        /// Step length relative to the parameter's norm; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Weight decay included in the trust ratio; non-negative.
        pub inner_decay: f64 => not_negative,
        /// Weight decay applied outside the trust ratio.
        pub weight_decay: WeightDecay,
    }
    presets: optax, keras, burn
    source: "You et al. 2019, arXiv:1904.00962"
}

impl LambConfig {
    /// optax's defaults: betas 0.9 and 0.999, epsilon 1e-6. optax has no default learning rate;
    /// this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-6,
            epsilon_root: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// Keras's defaults: learning rate 0.001, epsilon 1e-7.
    pub fn keras() -> Self {
        Self {
            epsilon: 1e-7,
            ..Self::optax()
        }
    }

    /// Burn's defaults: betas and epsilon rounded to `f32`. Burn has no default learning rate; this
    /// uses 0.001.
    pub fn burn() -> Self {
        Self {
            beta_1: f64::from(0.9_f32),
            beta_2: f64::from(0.999_f32),
            epsilon: f64::from(1e-6_f32),
            ..Self::optax()
        }
    }
}

optimizer!(Lamb, burn {
    time: "time",
    tensors: ["moment_1" => "first_moment", "moment_2" => "second_moment"],
    where: |_| true,
});

impl Layout for Lamb {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment"];
    const ALWAYS: usize = 2;
}

impl Rule for Lamb {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let whole = parameter.value.clone();
        let (x, g) =
            (config.weight_decay).before_step(learning_rate, parameter.value, parameter.gradient);
        let m = memory.mix("first_moment", config.beta_1, g.clone());
        let v = memory.mix("second_moment", config.beta_2, g.clone() * g);
        let first = bias_correction(config.beta_1, memory.time);
        let second = bias_correction(config.beta_2, memory.time);
        let square = v.mul_scalar(1.0 / second);
        let divisor = square.add_scalar(config.epsilon_root).sqrt();
        let d = m.mul_scalar(1.0 / first) / divisor.add_scalar(config.epsilon)
            + x.clone().mul_scalar(config.inner_decay);
        let ratio = trust_ratio(x, d.clone(), 1.0, 0.0);
        let step = d * ratio.mul_scalar(learning_rate);
        let x = (config.weight_decay).around_step(learning_rate, whole, step);
        (x, memory)
    }
}
