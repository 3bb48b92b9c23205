//! DoG, distance over gradients.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::distance::beginning;
use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, positive};
use crate::rule::{Layout, Memory, Parameter, Rule, square_norm};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// DoG: gradient descent at a rate of the distance from the start over the norm of all gradients.
///
/// ```text
/// R_t = max(R_{t-1}, |x_{t-1} - x_0|),  R_0 by the kind of initial step
/// G_t = G_{t-1} + |g_t|^2,  G_0 = 0
/// x_t = x_{t-1} - learning_rate * R_t / sqrt(G_t + epsilon) * g_t
///
/// distance(r):   R_0 = r
/// heuristic(a):  R_0 = a * (1 + |x_0|)
/// rate(r):       R_0 = 0, and the first step at rate r instead of R_1 / sqrt(G_1 + epsilon)
/// ```
///
/// with norms over all parameters together in [`Descent`](crate::Descent), and over each alone in a
/// plain `ModuleOptimizer` (the paper's L-DoG). Any rank and shape. State: one tensor per parameter
/// and two numbers. Source: Ivgi, Hinder and Carmon 2023 (arXiv:2302.12022), as in optax.
///
/// Parameters of type `f16` and `bf16` need [master
/// weights](crate::DescentConfig::with_master_weights): otherwise they stay where they are.
#[derive(Clone, Debug)]
pub struct Dog {
    config: DogConfig,
}

/// Size of DoG's first step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InitialStep {
    /// The distance `R_0`; positive.
    Distance(f64),
    /// A fraction of `1 + |x_0|`; positive.
    Heuristic(f64),
    /// The learning rate of the first step; positive.
    Rate(f64),
}

impl Setting for InitialStep {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        match *self {
            Self::Distance(distance) => positive("initial_step.distance", distance),
            Self::Heuristic(fraction) => positive("initial_step.heuristic", fraction),
            Self::Rate(rate) => positive("initial_step.rate", rate),
        }
    }
}

settings! {
    /// The settings of [`Dog`].
    pub struct DogConfig for Dog, "dog" {
        /// Scales every step; positive, normally 1.
        pub learning_rate: f64 => positive,
        /// Size of the first step.
        pub initial_step: InitialStep,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Ivgi, Hinder and Carmon 2023, arXiv:2302.12022"
    renamed: first_step => initial_step
}

impl DogConfig {
    /// optax's defaults: factor 1, initial distance 1e-6 by the heuristic, epsilon 1e-8.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            initial_step: InitialStep::Heuristic(1e-6),
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(Dog);

impl Layout for Dog {
    const TENSORS: &'static [&'static str] = &["beginning"];
    const NUMBERS: &'static [&'static str] = &["distance", "square_gradients"];
}

impl Rule for Dog {
    fn measures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let beginning = beginning(memory, &x);
        let way = square_norm(x.clone() - beginning);
        let (decayed, g) = self.config.weight_decay.before_step(learning_rate, x, g);
        vec![way, square_norm(g), square_norm(decayed)]
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[square_way, square_gradient, square_length] = sums else {
            unreachable!("three sums are measured");
        };
        let x = parameter.value;
        let g = config.weight_decay.into_gradient(&x, parameter.gradient);
        let first = match config.initial_step {
            InitialStep::Distance(distance) => distance,
            InitialStep::Heuristic(part) => part * (1.0 + libm::sqrt(square_length)),
            InitialStep::Rate(_) => 0.0,
        };
        let distance = memory.number("distance").unwrap_or(first);
        let distance = f64::max(distance, libm::sqrt(square_way));
        let gradients = memory.number("square_gradients").unwrap_or(0.0) + square_gradient;
        memory.put_number("distance", distance);
        memory.put_number("square_gradients", gradients);
        let rate = match config.initial_step {
            InitialStep::Rate(rate) if memory.time == 1 => rate,
            _ => distance / libm::sqrt(gradients + config.epsilon),
        };
        let step = g.mul_scalar(learning_rate * rate);
        let x = (config.weight_decay).around_step(learning_rate, x, step);
        (x, memory)
    }
}
