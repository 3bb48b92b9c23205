//! MoMo-Adam.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::momo::Model;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction};
use crate::settings::settings;

/// MoMo-Adam: Adam at a rate that a model of the loss limits.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,              m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,            v_0 = 0
/// f_t = beta_1 * f_{t-1} + (1 - beta_1) * loss_t,           f_0 = 0
/// c_t = beta_1 * c_{t-1} + (1 - beta_1) * <g_t, x_{t-1}>,   c_0 = 0
/// D_t = epsilon + sqrt(v_t / (1 - beta_2^t)),  k = 1 - beta_1^t
/// w = 1 + learning_rate * inner_decay
/// n = <m_t, m_t / D_t>
/// limit = max(0, w * (f_t - c_t - k * b) + <m_t, x_{t-1}>) / n,  0 if n <= 2.2e-16
/// x_t = x_{t-1} / w - min(learning_rate / k, limit) * m_t / D_t
///
/// b = lower_bound; with adapt_lower_bound it is b_t, b_0 = lower_bound:
/// a = w * (f_t - c_t) + <m_t, x_{t-1}>
/// b = b_{t-1}, but where a < w * k * b_{t-1}: max(a / (2 * k * w), lower_bound)
/// b_t = max((f_t - c_t + <m_t, x_{t-1}> - rate of the step * n / 2) / k, lower_bound)
/// ```
///
/// with products over all parameters of the group. `t` is the number of steps of the group, in
/// `v_t` that of the parameter. Any rank and shape. State: two tensors per parameter and four
/// numbers. Source: Schaipp et al. 2023 (arXiv:2305.07583), as in optax.
///
/// It needs the loss that the gradients are of: step it by a [`Descent`](crate::Descent) and call
/// [`tell_loss`](crate::Descent::tell_loss) before each step.
#[derive(Clone, Debug)]
pub struct MomoAdam {
    config: MomoAdamConfig,
}

settings! {
    /// The settings of [`MomoAdam`].
    pub struct MomoAdamConfig for MomoAdam, "momo-adam" {
        /// Largest learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the mean gradient and the mean loss, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean square, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// A number that the loss does not fall below.
        pub lower_bound: f64 => finite,
        /// Whether the lower bound is raised where the loss seems to end above it.
        pub adapt_lower_bound: bool,
        /// Weight decay, scaled by the largest rate; non-negative.
        pub inner_decay: f64 => not_negative,
    }
    presets: optax
    source: "Schaipp et al. 2023, arXiv:2305.07583"
}

impl MomoAdamConfig {
    /// optax's defaults: largest rate 0.01, betas 0.9 and 0.999, epsilon 1e-8, lower bound 0.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            lower_bound: 0.0,
            adapt_lower_bound: false,
            inner_decay: 0.0,
        }
    }
}

optimizer!(MomoAdam);

impl Layout for MomoAdam {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment"];
    const ALWAYS: usize = 2;
    const NUMBERS: &'static [&'static str] = &["loss", "along", "lower_bound", "steps"];
}

impl MomoAdam {
    /// Returns the denominators of a step.
    fn divisor(&self, v: Tensor<1>, time: u64) -> Tensor<1> {
        let corrected = v.mul_scalar(1.0 / bias_correction(self.config.beta_2, time));
        corrected.sqrt().add_scalar(self.config.epsilon)
    }
}

impl Rule for MomoAdam {
    fn measures(&self) -> bool {
        true
    }

    fn needs_loss(&self) -> bool {
        true
    }

    fn shared_numbers(&self) -> &'static [&'static str] {
        <Self as Layout>::NUMBERS
    }

    fn measure(
        &self,
        _learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let config = &self.config;
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let along = (g.clone() * x.clone()).sum();
        let m = memory.mix("first_moment", config.beta_1, g.clone());
        let v = memory.mix("second_moment", config.beta_2, g.clone() * g);
        let step = m.clone() / self.divisor(v, memory.time);
        vec![along, (m.clone() * x).sum(), (m * step).sum()]
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[along, mean_along, square, loss] = sums else {
            unreachable!("three sums are measured, and the loss is told");
        };
        // The mean loss is that of the group, whenever this parameter has joined.
        // Older states do not count them.
        let before = (memory.time - 1) as f64;
        let steps = memory.number("steps").unwrap_or(before) + 1.0;
        memory.put_number("steps", steps);
        let correction = 1.0 - libm::pow(config.beta_1, steps);
        let sums = [along, mean_along, square, loss];
        let model = Model::new(&mut memory, config.beta_1, sums, correction);
        let shrinkage = 1.0 + learning_rate * config.inner_decay;
        let bound = (config.lower_bound, config.adapt_lower_bound);
        let rate = model.rate(&mut memory, learning_rate / correction, shrinkage, bound);
        let of = |name| memory.tensor(name).expect("it was measured").clone();
        let divisor = self.divisor(of("second_moment"), memory.time);
        let step = of("first_moment").mul_scalar(rate) / divisor;
        (parameter.value.mul_scalar(1.0 / shrinkage) - step, memory)
    }
}
