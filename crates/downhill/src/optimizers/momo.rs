//! MoMo.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, square_norm};
use crate::settings::settings;

/// MoMo: SGD with momentum at a rate that a model of the loss limits.
///
/// ```text
/// m_t = beta * m_{t-1} + (1 - beta) * g_t,                  m_1 = g_1
/// f_t = beta * f_{t-1} + (1 - beta) * loss_t,               f_1 = loss_1
/// c_t = beta * c_{t-1} + (1 - beta) * <g_t, x_{t-1}>,       c_1 = <g_1, x_0>
/// w = 1 + learning_rate * inner_decay
/// limit = max(0, w * (f_t - c_t - b) + <m_t, x_{t-1}>) / |m_t|^2,  0 if |m_t|^2 <= 2.2e-16
/// x_t = x_{t-1} / w - min(learning_rate, limit) * m_t
///
/// b = lower_bound; with adapt_lower_bound it is b_t, b_0 = lower_bound:
/// a = w * (f_t - c_t) + <m_t, x_{t-1}>
/// b = b_{t-1}, but where a < w * b_{t-1}: max(a / (2 * w), lower_bound)
/// b_t = max(f_t - c_t + <m_t, x_{t-1}> - rate of the step * |m_t|^2 / 2, lower_bound)
/// ```
///
/// with products and norms over all parameters of the group. Any rank and shape. State: one tensor
/// per parameter and three numbers. Source: Schaipp et al. 2023 (arXiv:2305.07583), as in optax.
///
/// It needs the loss that the gradients are of: step it by a [`Descent`](crate::Descent) and call
/// [`tell_loss`](crate::Descent::tell_loss) before each step.
#[derive(Clone, Debug)]
pub struct Momo {
    config: MomoConfig,
}

settings! {
    /// The settings of [`Momo`].
    pub struct MomoConfig for Momo, "momo" {
        /// Largest learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the means, in \[0, 1).
        pub beta: f64 => decay_rate,
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

impl MomoConfig {
    /// optax's defaults: largest rate 1, beta 0.9, lower bound 0.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            beta: 0.9,
            lower_bound: 0.0,
            adapt_lower_bound: false,
            inner_decay: 0.0,
        }
    }
}

optimizer!(Momo);

impl Layout for Momo {
    const TENSORS: &'static [&'static str] = &["first_moment"];
    const ALWAYS: usize = 1;
    const NUMBERS: &'static [&'static str] = &["loss", "along", "lower_bound"];
}

/// The model of the loss that limits the rate.
pub(super) struct Model {
    /// The mean loss.
    pub(super) loss: f64,
    /// The mean product of gradient and parameters.
    pub(super) along: f64,
    /// The product of the mean gradient and the parameters.
    pub(super) mean_along: f64,
    /// The square of the mean gradient's norm.
    pub(super) square: f64,
    /// What the means are short of for their start at 0.
    pub(super) correction: f64,
}

impl Model {
    /// Takes a loss and a product of gradient and parameters into the means of the memory.
    pub(super) fn new(
        memory: &mut Memory,
        beta: f64,
        [along, mean_along, square, loss]: [f64; 4],
        correction: f64,
    ) -> Self {
        let mut mean = |name, new: f64| {
            let mean = beta * memory.number(name).unwrap_or(0.0) + (1.0 - beta) * new;
            memory.put_number(name, mean);
            mean
        };
        Self {
            loss: mean("loss", loss),
            along: mean("along", along),
            mean_along,
            square,
            correction,
        }
    }

    /// Returns the rate of the step, at most `most`; remembers the lower bound.
    pub(super) fn rate(
        &self,
        memory: &mut Memory,
        most: f64,
        shrinkage: f64,
        (least, adapts): (f64, bool),
    ) -> f64 {
        let rest = self.loss - self.along;
        let known = memory.number("lower_bound").filter(|_| adapts);
        let mut bound = known.unwrap_or(least);
        let reached = shrinkage * rest + self.mean_along;
        if adapts && reached < shrinkage * self.correction * bound {
            bound = f64::max(reached / (2.0 * self.correction * shrinkage), least);
        }
        let gap = shrinkage * (rest - self.correction * bound) + self.mean_along;
        let limit = match self.square <= f64::EPSILON {
            true => 0.0,
            // NaN stays NaN.
            false => {
                if gap < 0.0 {
                    0.0
                } else {
                    gap / self.square
                }
            }
        };
        let rate = if limit > most { most } else { limit };
        if adapts {
            let end = rest + self.mean_along - 0.5 * rate * self.square;
            bound = f64::max(end / self.correction, least);
        }
        memory.put_number("lower_bound", bound);
        rate
    }
}

impl Rule for Momo {
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
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let along = (g.clone() * x.clone()).sum();
        let m = match memory.tensor("first_moment") {
            Some(_) => memory.mix("first_moment", self.config.beta, g),
            None => memory.accumulate("first_moment", 0.0, g),
        };
        vec![along, (m.clone() * x).sum(), square_norm(m)]
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
        let beta = match memory.number("loss") {
            Some(_) => config.beta,
            None => 0.0,
        };
        let model = Model::new(&mut memory, beta, [along, mean_along, square, loss], 1.0);
        let shrinkage = 1.0 + learning_rate * config.inner_decay;
        let bound = (config.lower_bound, config.adapt_lower_bound);
        let rate = model.rate(&mut memory, learning_rate, shrinkage, bound);
        let m = memory
            .tensor("first_moment")
            .expect("it was measured")
            .clone();
        let x = parameter.value.mul_scalar(1.0 / shrinkage) - m.mul_scalar(rate);
        (x, memory)
    }
}
