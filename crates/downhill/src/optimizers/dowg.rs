//! DoWG, distance over weighted gradients.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::distance::beginning;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, square_norm};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// DoWG: DoG with each squared gradient weighted by the squared distance at its step.
///
/// ```text
/// D_t = max(D_{t-1}, |x_{t-1} - x_0|^2),  D_0 = initial_square_distance
/// G_t = G_{t-1} + D_t * |g_t|^2,  G_0 = 0
/// x_t = x_{t-1} - learning_rate * D_t / (sqrt(G_t) + epsilon) * g_t
/// ```
///
/// with norms over all parameters together in [`Descent`](crate::Descent), and over each alone in a
/// plain `ModuleOptimizer`. Any rank and shape. State: one tensor per parameter and two numbers.
/// Source: Khaled, Mishchenko and Jin 2023 (arXiv:2305.16284), as in optax.
///
/// Parameters of type `f16` and `bf16` need [master
/// weights](crate::DescentConfig::with_master_weights): otherwise they start late, or never.
#[derive(Clone, Debug)]
pub struct Dowg {
    config: DowgConfig,
}

settings! {
    /// The settings of [`Dowg`].
    pub struct DowgConfig for Dowg, "dowg" {
        /// Scales every step; positive, normally 1.
        pub learning_rate: f64 => positive,
        /// Initial estimate of the squared distance; positive.
        pub initial_square_distance: f64 => positive,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Khaled, Mishchenko and Jin 2023, arXiv:2305.16284"
    renamed: first_square_distance => initial_square_distance
}

impl DowgConfig {
    /// optax's defaults: factor 1, initial squared distance and epsilon 1e-4.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            initial_square_distance: 1e-4,
            epsilon: 1e-4,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(Dowg);

impl Layout for Dowg {
    const TENSORS: &'static [&'static str] = &["beginning"];
    const NUMBERS: &'static [&'static str] = &["square_distance", "square_gradients"];
}

impl Rule for Dowg {
    fn measures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        _learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let way = square_norm(x.clone() - beginning(memory, &x));
        let g = self.config.weight_decay.into_gradient(&x, g);
        vec![way, square_norm(g)]
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[square_way, square_gradient] = sums else {
            unreachable!("two sums are measured");
        };
        let x = parameter.value;
        let g = config.weight_decay.into_gradient(&x, parameter.gradient);
        let distance = memory.number("square_distance");
        let distance = f64::max(
            distance.unwrap_or(config.initial_square_distance),
            square_way,
        );
        let gradients =
            memory.number("square_gradients").unwrap_or(0.0) + distance * square_gradient;
        memory.put_number("square_distance", distance);
        memory.put_number("square_gradients", gradients);
        let rate = distance / (libm::sqrt(gradients) + config.epsilon);
        let step = g.mul_scalar(learning_rate * rate);
        let x = (config.weight_decay).around_step(learning_rate, x, step);
        (x, memory)
    }
}
