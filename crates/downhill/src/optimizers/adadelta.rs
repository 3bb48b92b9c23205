//! AdaDelta.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// AdaDelta: steps in units of a running average of past steps.
///
/// ```text
/// s_t = rho * s_{t-1} + (1 - rho) * g_t^2,  s_0 = 0
/// d_t = sqrt(u_{t-1} + epsilon) / sqrt(s_t + epsilon) * g_t
/// u_t = rho * u_{t-1} + (1 - rho) * d_t^2,  u_0 = 0
/// x_t = x_{t-1} - learning_rate * d_t
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zeiler 2012
/// (arXiv:1212.5701, algorithm 1), which has no learning rate; this is a rate of 1. Epsilon is
/// inside both roots in every library; only the defaults differ. Burn has no AdaDelta.
#[derive(Clone, Debug)]
pub struct AdaDelta {
    config: AdaDeltaConfig,
}

settings! {
    /// The settings of [`AdaDelta`].
    pub struct AdaDeltaConfig for AdaDelta, "adadelta" {
        /// Factor on the step; positive. The averages use the step before it is scaled.
        pub learning_rate: f64 => positive,
        /// Decay rate of both averages, in \[0, 1).
        pub rho: f64 => decay_rate,
        /// Added inside both roots; positive, because with 0 no step would move anything.
        pub epsilon: f64 => positive,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, theano, keras, optax
    source: "Zeiler 2012, arXiv:1212.5701"
}

impl AdaDeltaConfig {
    /// The Theano code's settings, which are the paper's: rho 0.95, epsilon 1e-6, learning rate 1.
    pub fn theano() -> Self {
        Self {
            learning_rate: 1.0,
            rho: 0.95,
            epsilon: 1e-6,
            weight_decay: WeightDecay::None,
        }
    }

    /// PyTorch's defaults: rho 0.9, epsilon 1e-6, learning rate 1.
    pub fn torch() -> Self {
        Self {
            rho: 0.9,
            ..Self::theano()
        }
    }

    /// Keras's defaults: learning rate 0.001, rho 0.95, epsilon 1e-7.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon: 1e-7,
            ..Self::theano()
        }
    }

    /// optax's defaults: PyTorch's, with a learning rate of 1, for which optax has no default.
    pub fn optax() -> Self {
        Self::torch()
    }
}

memory!(Averages {
    mean_square_gradient,
    mean_square_step
});
optimizer!(AdaDelta);

impl Elementwise for AdaDelta {
    type Remembers<R: Real> = Averages<R>;
    /// The learning rate.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Averages<R> {
        Averages::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Averages<R>) -> (R, Averages<R>) {
        let AdaDeltaConfig { rho, epsilon, .. } = self.config;
        let s = past.mean_square_gradient.mix(rho, g.clone().square());
        let u = past.mean_square_step;
        let d = u.clone().shift(epsilon).sqrt() / s.clone().shift(epsilon).sqrt() * g;
        let u = u.mix(rho, d.clone().square());
        (x - d.scale(*rate), Averages::new(s, u))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

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
