//! Stochastic gradient descent.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::positive;

/// Stochastic gradient descent: a step down the gradient.
///
/// ```text
/// x_t = x_{t-1} - learning_rate * g_t
/// ```
///
/// Elementwise: any rank and shape. State: none. The same in every library; see
/// [`Momentum`](crate::Momentum) and [`Nesterov`](crate::Nesterov) for the variants with a memory.
///
/// ```
/// use burn::optim::Optimizer;
/// use burn::tensor::{Device, Tensor};
/// use downhill::SgdConfig;
///
/// let x = Tensor::<1>::from_floats([1.0, -2.0], &Device::flex());
/// let gradient = Tensor::<1>::from_floats([10.0, 0.0], &Device::flex());
/// let (x, _) = SgdConfig::default().build()?.step(0.1, x, gradient, None);
/// assert_eq!(x.into_data().to_vec::<f32>().unwrap(), [0.0, -2.0]);
/// # Ok::<(), downhill::InvalidHyperparameter>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sgd;

/// The settings of [`Sgd`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Step per unit of gradient, greater than 0.
    pub learning_rate: f64,
}

impl SgdConfig {
    /// As in the book: learning rate 0.01.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
        }
    }

    /// As in the Theano code: learning rate 0.01.
    ///
    /// There the constructor ignores the rate that it is given and always uses 0.01, which is a
    /// defect and not a variant; here a rate is a rate.
    pub fn theano() -> Self {
        Self::book()
    }

    /// As in PyTorch 2: learning rate 1e-3.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Sgd, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        Ok(Sgd)
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

impl Default for SgdConfig {
    fn default() -> Self {
        Self::torch()
    }
}

impl Optimizer for Sgd {
    type State<const D: usize> = ();

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        _state: Option<()>,
    ) -> (Tensor<D>, Option<()>) {
        (x - g.mul_scalar(learning_rate), None)
    }

    fn to_device<const D: usize>(_state: (), _device: &Device) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_steps::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let sgd = SgdConfig::book().build().unwrap();
        assert_steps(&sgd, [2.0, -1.0], [0.8, 0.9]);
    }
}
