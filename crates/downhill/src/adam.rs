//! Adam.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::{not_negative, positive, share_kept, shrinking};
use crate::state_record::record_state;

/// Adam: a running mean of the gradient over the root of a running mean of its square.
///
/// ```text
/// b_t = beta_1 * beta_1_decay^(t - 1)
/// m_t = b_t * m_{t-1} + (1 - b_t) * g_t,          m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t),  V = v_t / (1 - beta_2^t)
///
/// corrected:    x_t = x_{t-1} - learning_rate * M / (sqrt(V) + epsilon)
/// uncorrected:  x_t = x_{t-1} - learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
///                                             * m_t / (sqrt(v_t) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter and a step count. Source:
/// Kingma and Ba 2014 (arXiv:1412.6980); its algorithm 1 is the corrected form, the remark on the
/// order of computation at the end of its section 2 the uncorrected one, whose epsilon it calls
/// "epsilon hat". PyTorch, optax, Burn and Theano correct, Keras and the book do not. The decay of
/// beta_1 is that of the paper's first versions, which the Theano code follows, and there too the
/// correction of the mean keeps the undecayed `beta_1`. Burn's own Adam has an epsilon of 1e-5 and
/// holds the betas in `f32`.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
}

/// To which second moment Adam's epsilon is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdamEpsilon {
    /// To the root of the bias-corrected one (PyTorch, optax, Burn, Theano).
    Corrected,
    /// To the root of the one before correction, "epsilon hat" (Keras, the book).
    Uncorrected,
}

/// The settings of [`Adam`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// About the size of a coordinate's step, greater than 0.
    pub learning_rate: f64,
    /// Share of the first moment that each step keeps, in \[0, 1).
    pub beta_1: f64,
    /// Share of the second moment that each step keeps, in \[0, 1).
    pub beta_2: f64,
    /// Keeps the divisor from 0, at least 0.
    pub epsilon: f64,
    /// To which second moment epsilon is added.
    pub epsilon_place: AdamEpsilon,
    /// Factor on `beta_1` from step to step, in (0, 1]; 1 keeps it constant.
    pub beta_1_decay: f64,
}

impl AdamConfig {
    /// As in the book: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-7 on the uncorrected
    /// moment.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            epsilon_place: AdamEpsilon::Uncorrected,
            beta_1_decay: 1.0,
        }
    }

    /// As in the Theano code: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, beta_1
    /// falling by a factor of 1 - 1e-8 (there `gamma`) a step. In Theano's `f32` that factor
    /// rounds to 1.
    pub fn theano() -> Self {
        Self {
            beta_1_decay: 1.0 - 1e-8,
            ..Self::torch()
        }
    }

    /// As in PyTorch: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-8,
            epsilon_place: AdamEpsilon::Corrected,
            ..Self::book()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Adam, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        shrinking("beta_1_decay", self.beta_1_decay)?;
        Ok(Adam {
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

impl Default for AdamConfig {
    fn default() -> Self {
        Self::torch()
    }
}

/// What [`Adam`] remembers of one parameter.
#[derive(Clone, Debug)]
pub struct AdamState<const D: usize> {
    /// Steps taken.
    pub time: u64,
    /// Running mean of the gradients; the shape of the parameter.
    pub first_moment: Tensor<D>,
    /// Running mean of the squared gradients; the shape of the parameter.
    pub second_moment: Tensor<D>,
}

record_state!(AdamState {
    tensors: [first_moment, second_moment],
    counts: [time]
});

impl Optimizer for Adam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let config = &self.config;
        let past = state.as_ref().map_or(0, |state| state.time);
        let time = past + 1;
        let beta_1 = config.beta_1 * libm::pow(config.beta_1_decay, past as f64);
        let beta_2 = config.beta_2;

        let new_first = g.clone().mul_scalar(1.0 - beta_1);
        let new_second = g.square().mul_scalar(1.0 - beta_2);
        let (m, v) = match state {
            Some(state) => (
                state.first_moment.mul_scalar(beta_1) + new_first,
                state.second_moment.mul_scalar(beta_2) + new_second,
            ),
            None => (new_first, new_second),
        };

        let first_correction = 1.0 - libm::pow(config.beta_1, time as f64);
        let second_correction = libm::sqrt(1.0 - libm::pow(beta_2, time as f64));
        // sqrt(V) + epsilon = (sqrt(v) + epsilon * c) / c with c = sqrt(1 - beta_2^t), so that both
        // forms are one division and differ in the scale of epsilon alone.
        let epsilon = match config.epsilon_place {
            AdamEpsilon::Corrected => config.epsilon * second_correction,
            AdamEpsilon::Uncorrected => config.epsilon,
        };
        let rate = learning_rate * second_correction / first_correction;
        let x = x - m.clone().mul_scalar(rate) / v.clone().sqrt().add_scalar(epsilon);
        let state = AdamState {
            time,
            first_moment: m,
            second_moment: v,
        };
        (x, Some(state))
    }

    fn to_device<const D: usize>(state: AdamState<D>, device: &Device) -> AdamState<D> {
        state.moved_to(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1 and v = 1 at both steps: M = 2 and V = 4, then M = 4 / 3 and V = 16 / 7.
        let (beta_1, beta_2) = (0.5, 0.75);
        let corrected = |epsilon: f64| AdamConfig {
            beta_1,
            beta_2,
            epsilon,
            ..AdamConfig::torch()
        };
        let expected = [0.9, 0.811_808_289_6];
        assert_steps(&corrected(0.0).build().unwrap(), [2.0, 1.0], expected);
        let expected = [0.95, 0.912_033_391_6];
        assert_steps(&corrected(2.0).build().unwrap(), [2.0, 1.0], expected);
        // Half of each step without epsilon, for sqrt(v) is 1, too.
        let uncorrected = AdamConfig {
            epsilon_place: AdamEpsilon::Uncorrected,
            ..corrected(1.0)
        };
        let expected = [0.95, 0.905_904_144_8];
        assert_steps(&uncorrected.build().unwrap(), [2.0, 1.0], expected);
    }
}
