//! RMSprop.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::state_record::record_state;
use crate::{EpsilonPlace, InvalidHyperparameter};

/// RMSprop: each coordinate's gradient divided by the root of its running mean square.
///
/// ```text
/// v_t = rho * v_{t-1} + (1 - rho) * g_t^2,  v_0 = 0
///
/// outside:  x_t = x_{t-1} - learning_rate * g_t / (sqrt(v_t) + epsilon)
/// inside:   x_t = x_{t-1} - learning_rate * g_t / sqrt(v_t + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. Source: Tieleman and Hinton,
/// lecture 6e of "Neural Networks for Machine Learning" (2012), which names no epsilon; hence the
/// variants. PyTorch, the book and Burn put it outside the root, Keras, optax and Theano inside;
/// Keras and optax keep 0.9 of the past, the others here 0.99. Burn's own RMSprop adds a momentum
/// of 0.9 by default.
#[derive(Clone, Debug)]
pub struct RmsProp {
    config: RmsPropConfig,
}

/// The settings of [`RmsProp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Step of a coordinate whose gradient is as large as usual, greater than 0.
    pub learning_rate: f64,
    /// Share of the mean square that each step keeps, in \[0, 1).
    pub rho: f64,
    /// Keeps the divisor from 0, at least 0.
    pub epsilon: f64,
    /// Where epsilon goes.
    pub epsilon_place: EpsilonPlace,
}

impl RmsPropConfig {
    /// As in the book: learning rate 0.01, rho 0.99, epsilon 1e-7 outside the root.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            rho: 0.99,
            epsilon: 1e-7,
            epsilon_place: EpsilonPlace::Outside,
        }
    }

    /// As in the Theano code: learning rate 0.001, rho 0.99, epsilon 1e-8 inside the root.
    pub fn theano() -> Self {
        Self {
            learning_rate: 0.001,
            rho: 0.99,
            epsilon: 1e-8,
            epsilon_place: EpsilonPlace::Inside,
        }
    }

    /// As in PyTorch: learning rate 0.01, rho (there `alpha`) 0.99, epsilon 1e-8 outside the root.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-8,
            ..Self::book()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<RmsProp, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("rho", self.rho)?;
        not_negative("epsilon", self.epsilon)?;
        Ok(RmsProp {
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

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self::torch()
    }
}

/// What [`RmsProp`] remembers of one parameter.
#[derive(Clone, Debug)]
pub struct RmsPropState<const D: usize> {
    /// Running mean of the squared gradients; the shape of the parameter.
    pub mean_square: Tensor<D>,
}

record_state!(RmsPropState {
    tensors: [mean_square],
    counts: []
});

impl Optimizer for RmsProp {
    type State<const D: usize> = RmsPropState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<RmsPropState<D>>,
    ) -> (Tensor<D>, Option<RmsPropState<D>>) {
        let config = &self.config;
        let square = g.clone().square().mul_scalar(1.0 - config.rho);
        let mean_square = match state {
            Some(state) => state.mean_square.mul_scalar(config.rho) + square,
            None => square,
        };
        let divisor = config
            .epsilon_place
            .root(mean_square.clone(), config.epsilon);
        let x = x - g.mul_scalar(learning_rate) / divisor;
        (x, Some(RmsPropState { mean_square }))
    }

    fn to_device<const D: usize>(state: RmsPropState<D>, device: &Device) -> RmsPropState<D> {
        state.moved_to(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // v = 1 at both steps.
        let (rho, epsilon) = (0.75, 1.0);
        let outside = RmsPropConfig {
            rho,
            epsilon,
            ..RmsPropConfig::book()
        };
        assert_steps(&outside.build().unwrap(), [2.0, -1.0], [0.9, 0.95]);
        let inside = RmsPropConfig {
            rho,
            epsilon: 3.0,
            ..RmsPropConfig::theano()
        };
        assert_steps(&inside.build().unwrap(), [2.0, -1.0], [0.9, 0.95]);
    }
}
