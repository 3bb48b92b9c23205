//! DoG, distance over gradients.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive};
use crate::rule::{Memory, Parameter, Rule, optimizer};
use crate::settings::{Setting, settings};
use crate::{InvalidHyperparameter, WeightDecay};

/// DoG: gradient descent whose rate is the distance gone so far over the gradients met.
///
/// ```text
/// R_t = max(R_{t-1}, |x_{t-1} - x_0|),  R_0 by the kind of first step
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
#[derive(Clone, Debug)]
pub struct Dog {
    config: DogConfig,
}

/// How far DoG dares to go at first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FirstStep {
    /// So far, greater than 0.
    Distance(f64),
    /// In parts of one and the length of the parameters, greater than 0.
    Heuristic(f64),
    /// At this learning rate, greater than 0.
    Rate(f64),
}

impl Setting for FirstStep {}

settings! {
    /// The settings of [`Dog`].
    pub struct DogConfig for Dog, "dog" {
        /// Factor on the steps, greater than 0; nothing asks for another than 1.
        pub learning_rate: f64,
        /// The first step.
        pub first_step: FirstStep,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Ivgi, Hinder and Carmon 2023, arXiv:2302.12022"
}

impl DogConfig {
    /// As in optax: factor 1, a first distance of 1e-6 by the heuristic, epsilon 1e-8.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            first_step: FirstStep::Heuristic(1e-6),
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Dog, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        match self.first_step {
            FirstStep::Distance(distance) => positive("first_step.distance", distance)?,
            FirstStep::Heuristic(part) => positive("first_step.heuristic", part)?,
            FirstStep::Rate(rate) => positive("first_step.rate", rate)?,
        }
        not_negative("epsilon", self.epsilon)?;
        self.weight_decay.check()?;
        Ok(Dog {
            config: self.clone(),
        })
    }
}

/// `|x|^2`, `[1]`.
pub(crate) fn square_norm(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).sum()
}

/// Where a parameter was before its first step.
pub(crate) fn beginning(memory: &mut Memory, x: &Tensor<1>) -> Tensor<1> {
    match memory.tensor("beginning") {
        Some(beginning) => beginning.clone(),
        None => {
            memory.put("beginning", x.clone());
            x.clone()
        }
    }
}

optimizer!(Dog);

impl Rule for Dog {
    const TENSORS: &'static [&'static str] = &["beginning"];
    const NUMBERS: &'static [&'static str] = &["distance", "square_gradients"];
    const MEASURES: bool = true;

    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let (x, g) = (parameter.value.clone(), parameter.gradient.clone());
        let beginning = beginning(memory, &x);
        let way = square_norm(x.clone() - beginning);
        let (decayed, g) = self.config.weight_decay.around(learning_rate, x, g);
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
        let (x, g) =
            (config.weight_decay).around(learning_rate, parameter.value, parameter.gradient);
        let first = match config.first_step {
            FirstStep::Distance(distance) => distance,
            FirstStep::Heuristic(part) => part * (1.0 + libm::sqrt(square_length)),
            FirstStep::Rate(_) => 0.0,
        };
        let distance = memory.number("distance").unwrap_or(first);
        let distance = f64::max(distance, libm::sqrt(square_way));
        let gradients = memory.number("square_gradients").unwrap_or(0.0) + square_gradient;
        memory.put_number("distance", distance);
        memory.put_number("square_gradients", gradients);
        let rate = match config.first_step {
            FirstStep::Rate(rate) if memory.time == 1 => rate,
            _ => distance / libm::sqrt(gradients + config.epsilon),
        };
        let x = x - g.mul_scalar(learning_rate * rate);
        (config.weight_decay.after(learning_rate, x), memory)
    }

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}
