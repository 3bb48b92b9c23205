//! Fromage.

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, norm};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Fromage: steps whose length is a fixed part of the parameter's norm, which they do not increase.
///
/// ```text
/// r_t = max(|x_{t-1}|, min_norm) / max(|g_t|, min_norm), or 1 if either is 0
/// x_t = (x_{t-1} - learning_rate * r_t * g_t) / sqrt(1 + learning_rate^2)
/// ```
///
/// with norms over the whole parameter. Any rank and shape. State: none. Source: Bernstein et al.
/// 2020 (arXiv:2002.03432), as in optax.
#[derive(Clone, Debug)]
pub struct Fromage {
    config: FromageConfig,
}

settings! {
    /// The settings of [`Fromage`].
    pub struct FromageConfig for Fromage, "fromage" {
        /// Learning rate: the length of a step, relative to the parameter; positive.
        pub learning_rate: f64 => positive,
        /// Minimum of both norms; non-negative.
        pub min_norm: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Bernstein et al. 2020, arXiv:2002.03432"
}

impl FromageConfig {
    /// optax's defaults: both norms at least 1e-6. optax has no default learning rate; this uses
    /// 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            min_norm: 1e-6,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(Fromage);

impl Layout for Fromage {
    const TENSORS: &'static [&'static str] = &[];
}

impl Rule for Fromage {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let whole = parameter.value.clone();
        let (x, g) =
            (config.weight_decay).before_step(learning_rate, parameter.value, parameter.gradient);
        let at_least = |x: Tensor<1>| norm(x).clamp_min(config.min_norm);
        let (of_x, of_g) = (at_least(x.clone()), at_least(g.clone()));
        let none = (of_x.clone().equal_scalar(0.0)).bool_or(of_g.clone().equal_scalar(0.0));
        let ratio = (of_x / of_g).mask_fill(none, 1.0);
        let shrunk = 1.0 / libm::sqrt(1.0 + learning_rate * learning_rate);
        let step = g * ratio.mul_scalar(learning_rate * shrunk) + x.mul_scalar(1.0 - shrunk);
        let x = (config.weight_decay).around_step(learning_rate, whole, step);
        (x, memory)
    }
}
