//! Nesterov's accelerated gradient.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{positive, share_kept};
use crate::{InvalidHyperparameter, MomentumForm, MomentumState};

/// Stochastic gradient descent with Nesterov's momentum, the gradient taken at the point itself.
///
/// ```text
/// velocity:  v_t = momentum * v_{t-1} - learning_rate * g_t
///            x_t = x_{t-1} + momentum * v_t - learning_rate * g_t
///
/// buffer:    v_t = momentum * v_{t-1} + g_t,  v_1 = g_1
///            x_t = x_{t-1} - learning_rate * (g_t + momentum * v_t)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. The velocity form is that of
/// Keras, and of the book, which writes the same step as
/// `x_t = x_{t-1} + momentum^2 * v_{t-1} - (1 + momentum) * learning_rate * g_t`; the buffer form
/// is that of PyTorch and optax. They agree while the learning rate is constant. The rewriting of
/// the rule for a gradient taken at the point itself is that of Bengio, Boulanger-Lewandowski and
/// Pascanu 2012 (arXiv:1212.0901), which the book's code cites.
///
/// A widespread mistake, in earlier revisions of the book's code and in forks of it, multiplies
/// `momentum^2` with the new `v_t`; it takes other steps and is not offered.
#[derive(Clone, Debug)]
pub struct Nesterov {
    momentum: f64,
    form: MomentumForm,
}

/// The settings of [`Nesterov`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NesterovConfig {
    /// Step per unit of gradient, greater than 0.
    pub learning_rate: f64,
    /// Share of the memory that each step keeps, in \[0, 1).
    pub momentum: f64,
    /// What the memory holds.
    pub form: MomentumForm,
}

impl NesterovConfig {
    /// As in the book: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
        }
    }

    /// As in PyTorch 2 (`SGD` with `nesterov=True`): learning rate 1e-3, buffer. PyTorch's own
    /// momentum is 0 until one asks for it; here it is 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Nesterov, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        Ok(Nesterov {
            momentum: self.momentum,
            form: self.form,
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

impl Default for NesterovConfig {
    fn default() -> Self {
        Self::torch()
    }
}

impl Optimizer for Nesterov {
    type State<const D: usize> = MomentumState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<MomentumState<D>>,
    ) -> (Tensor<D>, Option<MomentumState<D>>) {
        // Both forms step by `momentum * v + now`; they differ in whether `now` and the memory are
        // scaled by the learning rate when they come in or when they go out.
        let now = match self.form {
            MomentumForm::Velocity => g.mul_scalar(-learning_rate),
            MomentumForm::Buffer => g,
        };
        let v = match state {
            Some(state) => state.velocity.mul_scalar(self.momentum) + now.clone(),
            None => now.clone(),
        };
        let ahead = v.clone().mul_scalar(self.momentum) + now;
        let x = match self.form {
            MomentumForm::Velocity => x + ahead,
            MomentumForm::Buffer => x - ahead.mul_scalar(learning_rate),
        };
        (x, Some(MomentumState { velocity: v }))
    }

    fn to_device<const D: usize>(state: MomentumState<D>, device: &Device) -> MomentumState<D> {
        state.moved_to(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // v = -0.2 and x = 1 - 0.18 - 0.2; then v = -0.08 and x = 0.62 - 0.072 + 0.1.
        let velocity = NesterovConfig::book().build().unwrap();
        assert_steps(&velocity, [2.0, -1.0], [0.62, 0.648]);
        let buffer = NesterovConfig::torch().build().unwrap();
        assert_steps(&buffer, [2.0, -1.0], [0.62, 0.648]);
    }
}
