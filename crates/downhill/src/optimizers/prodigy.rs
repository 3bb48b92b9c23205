//! Prodigy.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::distance::{beginning, rates};
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule};
use crate::settings::{Setting, settings};

/// Prodigy: Adam at a rate that is estimated from the distance gone along the gradients.
///
/// ```text
/// l_t = d_{t-1} * learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// n_t = beta_3 * n_{t-1} + d_{t-1} / d_0 * l_t * <g_t, x_0 - x_{t-1}>,  n_0 = 0
/// w_t = l_t;  safeguarded: d_{t-1}
/// s_t = beta_3 * s_{t-1} + w_t * d_{t-1} / d_0 * g_t,                   s_0 = 0
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * d_{t-1} * g_t,                m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * (d_{t-1} * g_t)^2,            v_0 = 0
/// d_t = max(d_{t-1}, d_coef * n_t / |s_t|_1),                           d_0 = initial_d
/// x_t = x_{t-1} - inner_decay * l_t * x_{t-1} - l_t * m_t / (sqrt(v_t) + d_t * epsilon)
/// ```
///
/// with the product and the norm over all parameters together in [`Descent`](crate::Descent), and
/// over each alone in a plain `ModuleOptimizer`. Any rank and shape. State: four tensors per
/// parameter and two numbers. Source: Mishchenko and Defazio 2023 (arXiv:2306.06101), as in optax.
///
/// Parameters of type `f16` and `bf16` need [master
/// weights](crate::DescentConfig::with_master_weights): otherwise they stay where they are.
#[derive(Clone, Debug)]
pub struct Prodigy {
    config: ProdigyConfig,
}

/// Whether a warm-up of the rate affects the estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProdigyWarmup {
    /// It does.
    Plain,
    /// The rate is left out of the estimate's denominator (`safeguard_warmup`).
    Safeguarded,
}

impl Setting for ProdigyWarmup {}

settings! {
    /// The settings of [`Prodigy`].
    pub struct ProdigyConfig for Prodigy, "prodigy" {
        /// Scales the estimated rate; positive, normally 1.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Decay rate of the sums that `d` is estimated from, in \[0, 1).
        pub beta_3: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Initial estimate of the distance to the solution, `d_0`; positive.
        pub initial_d: f64 => positive,
        /// Factor on the estimate of `d`; positive.
        pub d_coef: f64 => positive,
        /// Whether a warm-up of the rate affects the estimate.
        pub warmup: ProdigyWarmup,
        /// Weight decay, scaled by the estimated rate; non-negative.
        pub inner_decay: f64 => not_negative,
    }
    presets: optax
    source: "Mishchenko and Defazio 2023, arXiv:2306.06101"
    renamed: first_rate => initial_d, rate_factor => d_coef
}

impl ProdigyConfig {
    /// optax's defaults: factor 1, betas 0.9, 0.999 and its square root, epsilon 1e-8, initial
    /// estimate 1e-6.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            beta_3: libm::sqrt(0.999),
            epsilon: 1e-8,
            initial_d: 1e-6,
            d_coef: 1.0,
            warmup: ProdigyWarmup::Plain,
            inner_decay: 0.0,
        }
    }
}

impl Prodigy {
    /// `d_{t-1}` and `l_t`.
    fn rates(&self, learning_rate: f64, memory: &Memory) -> (f64, f64) {
        let ProdigyConfig {
            initial_d,
            beta_1,
            beta_2,
            ..
        } = self.config;
        rates(memory, initial_d, learning_rate, beta_1, beta_2)
    }
}

optimizer!(Prodigy);

impl Layout for Prodigy {
    const TENSORS: &'static [&'static str] = &["beginning", "first_moment", "second_moment", "sum"];
    const NUMBERS: &'static [&'static str] = &["rate", "numerator"];
}

impl Rule for Prodigy {
    fn measures(&self) -> bool {
        true
    }

    fn shared_numbers(&self) -> &'static [&'static str] {
        <Self as Layout>::NUMBERS
    }

    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let config = &self.config;
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let beginning = beginning(memory, &x);
        let along = (g.clone() * (beginning - x)).sum();
        let (d, rate) = self.rates(learning_rate, memory);
        let weight = match config.warmup {
            ProdigyWarmup::Plain => rate,
            ProdigyWarmup::Safeguarded => d,
        };
        let new = g.mul_scalar(weight * d / config.initial_d);
        let size = memory.accumulate("sum", config.beta_3, new).abs().sum();
        vec![along, size]
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[along, size] = sums else {
            unreachable!("two sums are measured");
        };
        let (past_d, rate) = self.rates(learning_rate, &memory);
        let numerator = config.beta_3 * memory.number("numerator").unwrap_or(0.0)
            + past_d / config.initial_d * rate * along;
        // Not a number while all gradients were 0: then `d` stays.
        let estimate = config.d_coef * numerator / size;
        let d = if estimate > past_d { estimate } else { past_d };
        memory.put_number("numerator", numerator);
        memory.put_number("rate", d);

        let (x, g) = (parameter.value, parameter.gradient.mul_scalar(past_d));
        let m = memory.mix("first_moment", config.beta_1, g.clone());
        let v = memory.mix("second_moment", config.beta_2, g.clone() * g);
        let divisor = v.sqrt().add_scalar(d * config.epsilon);
        let x = x.mul_scalar(1.0 - config.inner_decay * rate) - m.mul_scalar(rate) / divisor;
        (x, memory)
    }
}
