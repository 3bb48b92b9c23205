//! AdaGrad.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive};
use crate::state_record::record_state;
use crate::{EpsilonPlace, InvalidHyperparameter};

/// AdaGrad: each coordinate's step shrinks with the squares of all its gradients so far.
///
/// ```text
/// h_t = h_{t-1} + g_t^2,  h_0 = initial_accumulator
/// r_t = learning_rate / (1 + (t - 1) * rate_decay)
///
/// outside:  x_t = x_{t-1} - r_t * g_t / (sqrt(h_t) + epsilon)
/// inside:   x_t = x_{t-1} - r_t * g_t / sqrt(h_t + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter and a step count. Source:
/// Duchi, Hazan and Singer 2011 (JMLR 12). Keras and optax start from an accumulator of 0.1, all
/// others from 0; Burn's own AdaGrad has an epsilon of 1e-5.
#[derive(Clone, Debug)]
pub struct AdaGrad {
    config: AdaGradConfig,
}

/// The settings of [`AdaGrad`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaGradConfig {
    /// Step of a coordinate at its first gradient where the accumulator starts at 0; greater than 0.
    pub learning_rate: f64,
    /// Keeps the divisor from 0, at least 0.
    pub epsilon: f64,
    /// Where epsilon goes.
    pub epsilon_place: EpsilonPlace,
    /// The accumulator before the first step, at least 0.
    pub initial_accumulator: f64,
    /// How fast the learning rate itself falls, at least 0 (PyTorch's `lr_decay`).
    pub rate_decay: f64,
}

impl AdaGradConfig {
    /// As in the book: learning rate 0.01, epsilon 1e-7 outside the root.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: 1e-7,
            epsilon_place: EpsilonPlace::Outside,
            initial_accumulator: 0.0,
            rate_decay: 0.0,
        }
    }

    /// As in the Theano code: learning rate 0.01, epsilon 1e-6 inside the root.
    pub fn theano() -> Self {
        Self {
            epsilon: 1e-6,
            epsilon_place: EpsilonPlace::Inside,
            ..Self::book()
        }
    }

    /// As in PyTorch: learning rate 0.01, epsilon 1e-10 outside the root.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-10,
            ..Self::book()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<AdaGrad, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("initial_accumulator", self.initial_accumulator)?;
        not_negative("rate_decay", self.rate_decay)?;
        Ok(AdaGrad {
            config: self.clone(),
        })
    }

    /// The rule for all parameters of a module.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn init(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
        self.build().map(ModuleOptimizer::from)
    }
}

impl Default for AdaGradConfig {
    fn default() -> Self {
        Self::torch()
    }
}

/// What [`AdaGrad`] remembers of one parameter.
#[derive(Clone, Debug)]
pub struct AdaGradState<const D: usize> {
    /// Steps taken.
    pub time: u64,
    /// Sum of the squared gradients; the shape of the parameter.
    pub accumulator: Tensor<D>,
}

record_state!(AdaGradState {
    tensors: [accumulator],
    counts: [time]
});

impl Optimizer for AdaGrad {
    type State<const D: usize> = AdaGradState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<AdaGradState<D>>,
    ) -> (Tensor<D>, Option<AdaGradState<D>>) {
        let config = &self.config;
        let square = g.clone().square();
        let (past, accumulator) = match state {
            Some(state) => (state.time, state.accumulator + square),
            None => (0, square.add_scalar(config.initial_accumulator)),
        };
        let rate = learning_rate / (1.0 + past as f64 * config.rate_decay);
        let divisor = config
            .epsilon_place
            .root(accumulator.clone(), config.epsilon);
        let x = x - g.mul_scalar(rate) / divisor;
        let time = past + 1;
        (x, Some(AdaGradState { time, accumulator }))
    }

    fn to_device<const D: usize>(state: AdaGradState<D>, device: &Device) -> AdaGradState<D> {
        state.moved_to(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let with = |config: AdaGradConfig| config.build().unwrap();
        // h = 4, then 5.
        let outside = AdaGradConfig {
            epsilon: 2.0,
            ..AdaGradConfig::book()
        };
        assert_steps(&with(outside), [2.0, -1.0], [0.95, 0.973_606_797_7]);
        let inside = AdaGradConfig {
            epsilon: 12.0,
            ..AdaGradConfig::theano()
        };
        assert_steps(&with(inside), [2.0, -1.0], [0.95, 0.974_253_562_5]);
        // h = 12 + 4, then 17; the rate 0.1, then 0.1 / 2.
        let started = AdaGradConfig {
            epsilon: 0.0,
            initial_accumulator: 12.0,
            rate_decay: 1.0,
            ..AdaGradConfig::torch()
        };
        assert_steps(&with(started), [2.0, -1.0], [0.95, 0.962_126_781_3]);
    }
}
