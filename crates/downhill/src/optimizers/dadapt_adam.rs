//! D-Adaptation for Adam.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::distance::rates;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule};
use crate::settings::settings;

/// D-Adaptation for Adam: Adam at a rate that is estimated during training, from below.
///
/// ```text
/// b = sqrt(beta_2)
/// l_t = d_{t-1} * learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// n_t = b * n_{t-1} + (1 - b) * l_t * <g_t, s_{t-1} / (sqrt(v_{t-1}) + epsilon)>,  n_0 = 0
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * l_t * g_t,  m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,      v_0 = 0
/// s_t = b * s_{t-1} + (1 - b) * l_t * g_t,            s_0 = 0
/// d_t = max(d_{t-1}, n_t / ((1 - b) * |s_t|_1)),      d_0 = initial_d
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
    pub struct DAdaptAdamConfig for DAdaptAdam, "d-adapt-adam" {
        /// Scales the estimated rate; positive, normally 1.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Initial estimate of the distance to the solution, `d_0`; positive.
        pub initial_d: f64 => positive,
        /// Weight decay, scaled by the estimated rate; non-negative.
        pub inner_decay: f64 => not_negative,
    }
    presets: optax
    source: "Defazio and Mishchenko 2023, arXiv:2301.07733"
    renamed: first_rate => initial_d
}

impl DAdaptAdamConfig {
    /// optax's defaults: factor 1, betas 0.9 and 0.999, epsilon 1e-8, initial estimate 1e-6.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            initial_d: 1e-6,
            inner_decay: 0.0,
        }
    }
}

impl DAdaptAdam {
    /// `d_{t-1}` and `l_t`.
    fn rates(&self, learning_rate: f64, memory: &Memory) -> (f64, f64) {
        let DAdaptAdamConfig {
            initial_d,
            beta_1,
            beta_2,
            ..
        } = self.config;
        rates(memory, initial_d, learning_rate, beta_1, beta_2)
    }
}

optimizer!(DAdaptAdam);

impl Layout for DAdaptAdam {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment", "sum"];
    const NUMBERS: &'static [&'static str] = &["rate", "numerator"];
}

impl Rule for DAdaptAdam {
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
        let g = parameter.gradient.clone();
        let (_, rate) = self.rates(learning_rate, memory);
        let kept = libm::sqrt(config.beta_2);
        let new = g.clone().mul_scalar((1.0 - kept) * rate);
        let along = match (memory.tensor("sum"), memory.tensor("second_moment")) {
            (Some(s), Some(v)) => {
                let weighed = s.clone() / v.clone().sqrt().add_scalar(config.epsilon);
                (g * weighed).sum()
            }
            _ => g.sum().mul_scalar(0.0),
        };
        let size = memory.accumulate("sum", kept, new).abs().sum();
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
        let kept = libm::sqrt(config.beta_2);
        let numerator =
            kept * memory.number("numerator").unwrap_or(0.0) + (1.0 - kept) * rate * along;
        // Not a number while all gradients were 0: then `d` stays.
        let estimate = numerator / ((1.0 - kept) * size);
        let d = if estimate > past_d { estimate } else { past_d };
        memory.put_number("numerator", numerator);
        memory.put_number("rate", d);

        let (x, g) = (parameter.value, parameter.gradient);
        let new_m = g.clone().mul_scalar((1.0 - config.beta_1) * rate);
        let m = memory.accumulate("first_moment", config.beta_1, new_m);
        let v = memory.mix("second_moment", config.beta_2, g.clone() * g);
        let divisor = v.sqrt().add_scalar(config.epsilon);
        let x = x.mul_scalar(1.0 - config.inner_decay * rate) - m / divisor;
        (x, memory)
    }
}
