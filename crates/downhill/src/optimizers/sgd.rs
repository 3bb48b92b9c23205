//! Stochastic gradient descent.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Stochastic gradient descent: a step down the gradient.
///
/// ```text
/// x_t = x_{t-1} - learning_rate * g_t
/// ```
///
/// Elementwise: any rank and shape. State: none. The same in every library. See
/// [`Momentum`](crate::Momentum) and [`Nesterov`](crate::Nesterov) for the variants with momentum.
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
pub struct Sgd {
    config: SgdConfig,
}

settings! {
    /// The settings of [`Sgd`].
    pub struct SgdConfig for Sgd, "sgd" {
        /// Learning rate: step per unit of gradient; positive.
        pub learning_rate: f64 => positive,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: ""
}

impl SgdConfig {
    /// The book's settings: learning rate 0.01.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            weight_decay: WeightDecay::None,
        }
    }

    /// The Theano code's settings: learning rate 0.01. Its constructor ignores the rate that it is
    /// given and always uses 0.01; that is a bug, which is not reproduced.
    pub fn theano() -> Self {
        Self::book()
    }

    /// PyTorch's defaults: learning rate 1e-3.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            ..Self::book()
        }
    }

    /// Keras's defaults: learning rate 0.01.
    pub fn keras() -> Self {
        Self::book()
    }

    /// Settings for optax, which has no default learning rate; this uses 0.01.
    pub fn optax() -> Self {
        Self::book()
    }

    /// Settings for Burn, which has no default learning rate; this uses 0.01.
    pub fn burn() -> Self {
        Self::book()
    }
}

memory!(Nothing {});
optimizer!(Sgd, burn {
    tensors: [],
    where: |_| true,
});

impl Elementwise for Sgd {
    type Remembers<R: Real> = Nothing<R>;
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, _g: &R) -> Nothing<R> {
        Nothing::new()
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, nothing: Nothing<R>) -> (R, Nothing<R>) {
        (x - g.scale(*rate), nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let sgd = SgdConfig::book();
        assert_steps(&sgd.build().unwrap(), [2.0, -1.0], [0.8, 0.9]);
        // g = 2 + 3 * 1, then -1 + 3 * 0.5.
        let l2 = SgdConfig {
            weight_decay: WeightDecay::L2(3.0),
            ..sgd
        };
        assert_steps(&l2.build().unwrap(), [2.0, -1.0], [0.5, 0.45]);
        // x = 1 - 0.3, then 0.5 - 0.15.
        let decoupled = SgdConfig {
            weight_decay: WeightDecay::Decoupled(3.0),
            ..sgd
        };
        assert_steps(&decoupled.build().unwrap(), [2.0, -1.0], [0.5, 0.45]);
        // x = 1 - 0.5, then 0.3 - 0.15.
        let independent = SgdConfig {
            weight_decay: WeightDecay::Independent(0.5),
            ..sgd
        };
        assert_steps(&independent.build().unwrap(), [2.0, -1.0], [0.3, 0.25]);
        // x = 1 - 0.2 - 0.3; then the step goes up, and nothing decays.
        let cautious = SgdConfig {
            weight_decay: WeightDecay::Cautious(3.0),
            ..sgd
        };
        assert_steps(&cautious.build().unwrap(), [2.0, -1.0], [0.5, 0.6]);
    }
}
