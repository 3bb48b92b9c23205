//! Prodigy.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::dog::beginning;
use crate::InvalidHyperparameter;
use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, bias_correction, optimizer};
use crate::settings::{Setting, settings};

/// Prodigy: Adam at a rate that is estimated from how far the parameters went along the gradients.
///
/// ```text
/// l_t = d_{t-1} * learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// n_t = beta_3 * n_{t-1} + d_{t-1} / d_0 * l_t * <g_t, x_0 - x_{t-1}>,  n_0 = 0
/// w_t = l_t;  safeguarded: d_{t-1}
/// s_t = beta_3 * s_{t-1} + w_t * d_{t-1} / d_0 * g_t,                   s_0 = 0
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * d_{t-1} * g_t,                m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * (d_{t-1} * g_t)^2,            v_0 = 0
/// d_t = max(d_{t-1}, rate_factor * n_t / |s_t|_1),                      d_0 = first_rate
/// x_t = x_{t-1} - inner_decay * l_t * x_{t-1} - l_t * m_t / (sqrt(v_t) + d_t * epsilon)
/// ```
///
/// with the product and the norm over all parameters together in [`Descent`](crate::Descent), and
/// over each alone in a plain `ModuleOptimizer`. Any rank and shape. State: four tensors per
/// parameter and two numbers. Source: Mishchenko and Defazio 2023 (arXiv:2306.06101), as in optax.
#[derive(Clone, Debug)]
pub struct Prodigy {
    config: ProdigyConfig,
}

/// Whether a warm-up of the rate may hold the estimate down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProdigyWarmup {
    /// It may.
    Plain,
    /// The rate is left out of the estimate's denominator (`safeguard_warmup`).
    Safeguarded,
}

impl Setting for ProdigyWarmup {}

settings! {
    /// The settings of [`Prodigy`].
    pub struct ProdigyConfig for Prodigy, "prodigy" {
        /// Factor on the estimated rate, greater than 0; nothing asks for another than 1.
        pub learning_rate: f64,
        /// Share of the first moment that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Share of the estimate's sums that each step keeps, in \[0, 1).
        pub beta_3: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// The estimate before the first step, greater than 0.
        pub first_rate: f64,
        /// Factor on the estimate, greater than 0.
        pub rate_factor: f64,
        /// What a warm-up of the rate does.
        pub warmup: ProdigyWarmup,
        /// Decay towards 0, scaled by the rate in use, at least 0.
        pub inner_decay: f64,
    }
    presets: optax
    source: "Mishchenko and Defazio 2023, arXiv:2306.06101"
}

impl ProdigyConfig {
    /// As in optax: factor 1, betas 0.9, 0.999 and the root of that, epsilon 1e-8, first estimate
    /// 1e-6.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            beta_3: libm::sqrt(0.999),
            epsilon: 1e-8,
            first_rate: 1e-6,
            rate_factor: 1.0,
            warmup: ProdigyWarmup::Plain,
            inner_decay: 0.0,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Prodigy, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        share_kept("beta_3", self.beta_3)?;
        not_negative("epsilon", self.epsilon)?;
        positive("first_rate", self.first_rate)?;
        positive("rate_factor", self.rate_factor)?;
        not_negative("inner_decay", self.inner_decay)?;
        Ok(Prodigy {
            config: self.clone(),
        })
    }
}

impl Prodigy {
    /// `d_{t-1}` and `l_t`.
    fn rates(&self, learning_rate: f64, memory: &Memory) -> (f64, f64) {
        let config = &self.config;
        let estimate = memory.number("rate").unwrap_or(config.first_rate);
        let correction = libm::sqrt(bias_correction(config.beta_2, memory.time))
            / bias_correction(config.beta_1, memory.time);
        (estimate, estimate * learning_rate * correction)
    }
}

optimizer!(Prodigy);

impl Rule for Prodigy {
    const TENSORS: &'static [&'static str] = &["beginning", "first_moment", "second_moment", "sum"];
    const NUMBERS: &'static [&'static str] = &["rate", "numerator"];
    const MEASURES: bool = true;

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
        let (estimate, rate) = self.rates(learning_rate, memory);
        let weight = match config.warmup {
            ProdigyWarmup::Plain => rate,
            ProdigyWarmup::Safeguarded => estimate,
        };
        let new = g.mul_scalar(weight * estimate / config.first_rate);
        let sum = match memory.take("sum") {
            Some(sum) => sum.mul_scalar(config.beta_3) + new,
            None => new,
        };
        let size = sum.clone().abs().sum();
        memory.put("sum", sum);
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
        let (before, rate) = self.rates(learning_rate, &memory);
        let numerator = config.beta_3 * memory.number("numerator").unwrap_or(0.0)
            + before / config.first_rate * rate * along;
        // Without a gradient so far there is nothing to estimate from.
        let found = config.rate_factor * numerator / size;
        let estimate = if found > before { found } else { before };
        memory.put_number("numerator", numerator);
        memory.put_number("rate", estimate);

        let (x, g) = (parameter.value, parameter.gradient.mul_scalar(before));
        let new_m = g.clone().mul_scalar(1.0 - config.beta_1);
        let m = match memory.take("first_moment") {
            Some(m) => m.mul_scalar(config.beta_1) + new_m,
            None => new_m,
        };
        let new_v = (g.clone() * g).mul_scalar(1.0 - config.beta_2);
        let v = match memory.take("second_moment") {
            Some(v) => v.mul_scalar(config.beta_2) + new_v,
            None => new_v,
        };
        let divisor = v.clone().sqrt().add_scalar(estimate * config.epsilon);
        let x =
            x.mul_scalar(1.0 - config.inner_decay * rate) - m.clone().mul_scalar(rate) / divisor;
        memory.put("first_moment", m);
        memory.put("second_moment", v);
        (x, memory)
    }
}
