//! Stochastic gradient descent with momentum.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::{positive, share_kept, zero_unless};
use crate::state_record::record_state;

/// Stochastic gradient descent with (heavy-ball) momentum.
///
/// ```text
/// velocity:  v_t = momentum * v_{t-1} - learning_rate * g_t
///            x_t = x_{t-1} + v_t
///
/// buffer:    v_t = momentum * v_{t-1} + (1 - dampening) * g_t,  v_1 = g_1
///            x_t = x_{t-1} - learning_rate * v_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. The two forms take the same
/// steps while the learning rate is constant; after a change of the rate, the velocity still
/// carries the old one. Velocity is the form of the book, Theano and Keras, buffer that of PyTorch
/// and optax. Burn's own SGD is the buffer form with a dampening of 0.1 by default.
#[derive(Clone, Debug)]
pub struct Momentum {
    momentum: f64,
    form: MomentumForm,
    dampening: f64,
}

/// What the memory of a momentum method holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MomentumForm {
    /// Past steps, each scaled by the learning rate of its time (book, Theano, Keras).
    Velocity,
    /// Past gradients, scaled by the learning rate of now (PyTorch, optax, Burn).
    Buffer,
}

/// The settings of [`Momentum`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MomentumConfig {
    /// Step per unit of gradient, greater than 0.
    pub learning_rate: f64,
    /// Share of the memory that each step keeps, in \[0, 1).
    pub momentum: f64,
    /// What the memory holds.
    pub form: MomentumForm,
    /// Share of each gradient but the first that the buffer leaves out, in \[0, 1); 0 with
    /// [`MomentumForm::Velocity`], which knows no such thing.
    pub dampening: f64,
}

impl MomentumConfig {
    /// As in the book: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
            dampening: 0.0,
        }
    }

    /// As in the Theano code (`MomentumSGD`), which is as in the book.
    pub fn theano() -> Self {
        Self::book()
    }

    /// As in PyTorch 2: learning rate 1e-3, buffer, no dampening. PyTorch's own momentum is 0
    /// until one asks for it; here it is 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
            dampening: 0.0,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Momentum, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        share_kept("dampening", self.dampening)?;
        let buffer = self.form == MomentumForm::Buffer;
        zero_unless(
            "dampening",
            self.dampening,
            buffer,
            "be 0 where form is velocity",
        )?;
        Ok(Momentum {
            momentum: self.momentum,
            form: self.form,
            dampening: self.dampening,
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

impl Default for MomentumConfig {
    fn default() -> Self {
        Self::torch()
    }
}

/// What [`Momentum`] and [`Nesterov`](crate::Nesterov) remember of one parameter.
#[derive(Clone, Debug)]
pub struct MomentumState<const D: usize> {
    /// Past steps or past gradients, by [`MomentumForm`]; the shape of the parameter.
    pub velocity: Tensor<D>,
}

record_state!(MomentumState {
    tensors: [velocity],
    counts: []
});

impl Optimizer for Momentum {
    type State<const D: usize> = MomentumState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<MomentumState<D>>,
    ) -> (Tensor<D>, Option<MomentumState<D>>) {
        let past = state.map(|state| state.velocity.mul_scalar(self.momentum));
        let (x, velocity) = match self.form {
            MomentumForm::Velocity => {
                let step = g.mul_scalar(-learning_rate);
                let v = match past {
                    Some(past) => past + step,
                    None => step,
                };
                (x + v.clone(), v)
            }
            MomentumForm::Buffer => {
                let v = match past {
                    Some(past) => past + g.mul_scalar(1.0 - self.dampening),
                    None => g,
                };
                (x - v.clone().mul_scalar(learning_rate), v)
            }
        };
        (x, Some(MomentumState { velocity }))
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
        // v = -0.2, then 0.9 * -0.2 + 0.1 = -0.08.
        let velocity = MomentumConfig::book().build().unwrap();
        assert_steps(&velocity, [2.0, -1.0], [0.8, 0.72]);
        // v = 2, then 0.9 * 2 - 1 = 0.8.
        let buffer = MomentumConfig::torch().build().unwrap();
        assert_steps(&buffer, [2.0, -1.0], [0.8, 0.72]);
        // v = 2, undampened at first, then 0.9 * 2 - 0.5 = 1.3.
        let dampened = MomentumConfig {
            dampening: 0.5,
            ..MomentumConfig::torch()
        };
        assert_steps(&dampened.build().unwrap(), [2.0, -1.0], [0.8, 0.67]);
    }
}
