//! D-Adaptation for Adam.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use crate::InvalidHyperparameter;
use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, bias_correction, optimizer};
use crate::settings::settings;

/// D-Adaptation for Adam: Adam at a rate that is estimated as it goes, from below.
///
/// ```text
/// b = sqrt(beta_2)
/// l_t = d_{t-1} * learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// n_t = b * n_{t-1} + (1 - b) * l_t * <g_t, s_{t-1} / (sqrt(v_{t-1}) + epsilon)>,  n_0 = 0
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * l_t * g_t,  m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,      v_0 = 0
/// s_t = b * s_{t-1} + (1 - b) * l_t * g_t,            s_0 = 0
/// d_t = max(d_{t-1}, n_t / ((1 - b) * |s_t|_1)),      d_0 = first_rate
/// x_t = x_{t-1} - inner_decay * l_t * x_{t-1} - m_t / (sqrt(v_t) + epsilon)
/// ```
///
/// with the product and the norm over all parameters together in [`Descent`](crate::Descent), and
/// over each alone in a plain `ModuleOptimizer`. Any rank and shape. State: three tensors per
/// parameter and two numbers. Source: Defazio and Mishchenko 2023 (arXiv:2301.07733), as optax's
/// `dadapt_adamw`.
#[derive(Clone, Debug)]
pub struct DAdaptAdam {
    config: DAdaptAdamConfig,
}

settings! {
    /// The settings of [`DAdaptAdam`].
    pub struct DAdaptAdamConfig for DAdaptAdam, "dadaptadam" {
        /// Factor on the estimated rate, greater than 0; nothing asks for another than 1.
        pub learning_rate: f64,
        /// Share of the first moment that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// The estimate before the first step, greater than 0.
        pub first_rate: f64,
        /// Decay towards 0, scaled by the rate in use, at least 0.
        pub inner_decay: f64,
    }
    presets: optax
    source: "Defazio and Mishchenko 2023, arXiv:2301.07733"
}

impl DAdaptAdamConfig {
    /// As in optax: factor 1, betas 0.9 and 0.999, epsilon 1e-8, first estimate 1e-6.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            first_rate: 1e-6,
            inner_decay: 0.0,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<DAdaptAdam, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        positive("first_rate", self.first_rate)?;
        not_negative("inner_decay", self.inner_decay)?;
        Ok(DAdaptAdam {
            config: self.clone(),
        })
    }
}

impl DAdaptAdam {
    /// `d_{t-1}` and `l_t`.
    fn rates(&self, learning_rate: f64, memory: &Memory) -> (f64, f64) {
        let config = &self.config;
        let estimate = memory.number("rate").unwrap_or(config.first_rate);
        let correction = libm::sqrt(bias_correction(config.beta_2, memory.time))
            / bias_correction(config.beta_1, memory.time);
        (estimate, estimate * learning_rate * correction)
    }
}

optimizer!(DAdaptAdam);

impl Rule for DAdaptAdam {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment", "sum"];
    const NUMBERS: &'static [&'static str] = &["rate", "numerator"];
    const MEASURES: bool = true;

    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let config = &self.config;
        let g = parameter.gradient.clone();
        let (_, rate) = self.rates(learning_rate, memory);
        let kept = libm::sqrt(config.beta_2);
        let new = g.clone().mul_scalar((1.0 - kept) * rate);
        let (along, sum) = match (memory.take("sum"), memory.tensor("second_moment")) {
            (Some(s), Some(v)) => {
                let weighed = s.clone() / v.clone().sqrt().add_scalar(config.epsilon);
                ((g * weighed).sum(), s.mul_scalar(kept) + new)
            }
            _ => (g.sum().mul_scalar(0.0), new),
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
        let (estimate, rate) = self.rates(learning_rate, &memory);
        let kept = libm::sqrt(config.beta_2);
        let numerator =
            kept * memory.number("numerator").unwrap_or(0.0) + (1.0 - kept) * rate * along;
        // Without a gradient so far there is nothing to estimate from.
        let found = numerator / ((1.0 - kept) * size);
        let estimate = if found > estimate { found } else { estimate };
        memory.put_number("numerator", numerator);
        memory.put_number("rate", estimate);

        let (x, g) = (parameter.value, parameter.gradient);
        let new_m = g.clone().mul_scalar((1.0 - config.beta_1) * rate);
        let m = match memory.take("first_moment") {
            Some(m) => m.mul_scalar(config.beta_1) + new_m,
            None => new_m,
        };
        let new_v = (g.clone() * g).mul_scalar(1.0 - config.beta_2);
        let v = match memory.take("second_moment") {
            Some(v) => v.mul_scalar(config.beta_2) + new_v,
            None => new_v,
        };
        let divisor = v.clone().sqrt().add_scalar(config.epsilon);
        let x = x.mul_scalar(1.0 - config.inner_decay * rate) - m.clone() / divisor;
        memory.put("first_moment", m);
        memory.put("second_moment", v);
        (x, memory)
    }
}
