//! NovoGrad.

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, square_norm};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// NovoGrad: Adam with one second moment per parameter, and a mean of normalized gradients.
///
/// ```text
/// v_1 = |g_1|^2,  v_t = beta_2 * v_{t-1} + (1 - beta_2) * |g_t|^2
/// d_t = g_t / (sqrt(v_t + epsilon_root) + epsilon) + inner_decay * x_{t-1}
/// m_1 = d_1,  m_t = beta_1 * m_{t-1} + d_t
/// x_t = x_{t-1} - learning_rate * m_t
/// ```
///
/// with `|g|` the Euclidean norm over the parameter. Any rank and shape. State: one tensor per
/// parameter and one number on its device. Source: Ginsburg et al. 2019 (arXiv:1905.11286), as in
/// optax.
#[derive(Clone, Debug)]
pub struct NovoGrad {
    config: NovoGradConfig,
}

settings! {
    /// The settings of [`NovoGrad`].
    pub struct NovoGradConfig for NovoGrad, "novograd" {
        /// Learning rate: step per unit of the mean; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Weight decay added to the normalized gradient; non-negative.
        pub inner_decay: f64 => not_negative,
        /// Weight decay applied outside the mean.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Ginsburg et al. 2019, arXiv:1905.11286"
}

impl NovoGradConfig {
    /// optax's defaults: betas 0.9 and 0.25, epsilon 1e-6. optax has no default learning rate; this
    /// uses 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.25,
            epsilon: 1e-6,
            epsilon_root: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(NovoGrad);

impl Layout for NovoGrad {
    const TENSORS: &'static [&'static str] = &["mean", "second_moment"];
}

impl Rule for NovoGrad {
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
        let norm = square_norm(g.clone());
        let share = match memory.time {
            1 => 1.0,
            _ => 1.0 - config.beta_2,
        };
        let v = memory.accumulate("second_moment", config.beta_2, norm.mul_scalar(share));
        let root = v.add_scalar(config.epsilon_root).sqrt();
        let d = g / root.add_scalar(config.epsilon) + x.mul_scalar(config.inner_decay);
        let m = memory.accumulate("mean", config.beta_1, d);
        let step = m.mul_scalar(learning_rate);
        let x = (config.weight_decay).around_step(learning_rate, whole, step);
        (x, memory)
    }
}
