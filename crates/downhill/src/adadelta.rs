//! AdaDelta.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::{positive, share_kept};
use crate::state_record::record_state;

/// AdaDelta: a step whose unit is a running average of past steps.
///
/// ```text
/// s_t = rho * s_{t-1} + (1 - rho) * g_t^2,  s_0 = 0
/// d_t = sqrt(u_{t-1} + epsilon) / sqrt(s_t + epsilon) * g_t
/// u_t = rho * u_{t-1} + (1 - rho) * d_t^2,  u_0 = 0
/// x_t = x_{t-1} - learning_rate * d_t
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zeiler 2012
/// (arXiv:1212.5701, algorithm 1), which has no learning rate, that is 1. Epsilon stands inside
/// both roots in every library; they differ in the defaults alone. Burn has no AdaDelta.
#[derive(Clone, Debug)]
pub struct AdaDelta {
    config: AdaDeltaConfig,
}

/// The settings of [`AdaDelta`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaDeltaConfig {
    /// Factor on the step, greater than 0; the averages take in the step before it is scaled.
    pub learning_rate: f64,
    /// Share of both averages that each step keeps, in \[0, 1).
    pub rho: f64,
    /// Added inside both roots, greater than 0: with 0 the first step, and so every step, would be
    /// 0.
    pub epsilon: f64,
}

impl AdaDeltaConfig {
    /// As in the Theano code, and in the paper: rho 0.95, epsilon 1e-6, learning rate 1.
    pub fn theano() -> Self {
        Self {
            learning_rate: 1.0,
            rho: 0.95,
            epsilon: 1e-6,
        }
    }

    /// As in PyTorch: rho 0.9, epsilon 1e-6, learning rate 1.
    pub fn torch() -> Self {
        Self {
            rho: 0.9,
            ..Self::theano()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<AdaDelta, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("rho", self.rho)?;
        positive("epsilon", self.epsilon)?;
        Ok(AdaDelta {
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

impl Default for AdaDeltaConfig {
    fn default() -> Self {
        Self::torch()
    }
}

/// What [`AdaDelta`] remembers of one parameter.
#[derive(Clone, Debug)]
pub struct AdaDeltaState<const D: usize> {
    /// Running mean of the squared gradients; the shape of the parameter.
    pub mean_square_gradient: Tensor<D>,
    /// Running mean of the squared steps; the shape of the parameter.
    pub mean_square_step: Tensor<D>,
}

record_state!(AdaDeltaState {
    tensors: [mean_square_gradient, mean_square_step],
    counts: []
});

impl Optimizer for AdaDelta {
    type State<const D: usize> = AdaDeltaState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<AdaDeltaState<D>>,
    ) -> (Tensor<D>, Option<AdaDeltaState<D>>) {
        let AdaDeltaConfig { rho, epsilon, .. } = self.config;
        let state = state.unwrap_or_else(|| AdaDeltaState {
            mean_square_gradient: g.zeros_like(),
            mean_square_step: g.zeros_like(),
        });
        let s =
            state.mean_square_gradient.mul_scalar(rho) + g.clone().square().mul_scalar(1.0 - rho);
        let u = state.mean_square_step;
        let d = u.clone().add_scalar(epsilon).sqrt() / s.clone().add_scalar(epsilon).sqrt() * g;
        let u = u.mul_scalar(rho) + d.clone().square().mul_scalar(1.0 - rho);
        let x = x - d.mul_scalar(learning_rate);
        let state = AdaDeltaState {
            mean_square_gradient: s,
            mean_square_step: u,
        };
        (x, Some(state))
    }

    fn to_device<const D: usize>(state: AdaDeltaState<D>, device: &Device) -> AdaDeltaState<D> {
        state.moved_to(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // s = 2 and d = sqrt(2 / 4) * 2, so u = 1; then s = 1.5 and d = -sqrt(3 / 3.5).
        let config = AdaDeltaConfig {
            rho: 0.5,
            epsilon: 2.0,
            ..AdaDeltaConfig::torch()
        };
        let expected = [0.858_578_643_76, 0.951_160_653_75];
        assert_steps(&config.build().unwrap(), [2.0, -1.0], expected);
    }
}
