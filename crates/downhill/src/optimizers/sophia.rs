//! Sophia.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Sophia: a running mean of the gradient divided by one of the Hessian's diagonal, in steps of at
/// most a bound.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = 0
/// u_t = m_t / (1 - beta_1^t) / max(gamma * h, epsilon)
/// x_t = x_{t-1} - learning_rate * clamp(u_t, -clip_threshold, clip_threshold)
///
/// h <- beta_2 * h + (1 - beta_2) * diagonal,  h = 0 at first
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Liu et al. 2023
/// (arXiv:2305.14342), as in optax.
///
/// The diagonal of the Hessian is yours to estimate, every ten steps or so. Step by a
/// [`Descent`](crate::Descent) and pass the estimate to
/// [`tell_hessian_diagonal`](crate::Descent::tell_hessian_diagonal). Until then `h` is 0, and each
/// step has the size of the bound.
#[derive(Clone, Debug)]
pub struct Sophia {
    config: SophiaConfig,
}

settings! {
    /// The settings of [`Sophia`].
    pub struct SophiaConfig for Sophia, "sophia" {
        /// Learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the mean gradient, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean of the Hessian's diagonal, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Smallest denominator; positive.
        pub epsilon: f64 => positive,
        /// Factor of the Hessian's diagonal; positive.
        pub gamma: f64 => positive,
        /// Largest absolute value of an element's step, in learning rates; positive.
        pub clip_threshold: f64 => positive,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Liu et al. 2023, arXiv:2305.14342"
}

impl SophiaConfig {
    /// optax's defaults: betas 0.965 and 0.99, epsilon 1e-8, gamma 0.01, threshold 1, decoupled
    /// weight decay 1e-4. optax has no default learning rate; this uses 1e-4.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1e-4,
            beta_1: 0.965,
            beta_2: 0.99,
            epsilon: 1e-8,
            gamma: 0.01,
            clip_threshold: 1.0,
            weight_decay: WeightDecay::Decoupled(1e-4),
        }
    }
}

memory!(Means {
    mean,
    hessian_diagonal
});
optimizer!(Sophia);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    learning_rate: f64,
    /// `1 / (1 - beta_1^t)`.
    correction: f64,
}

impl Elementwise for Sophia {
    type Remembers<R: Real> = Means<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        Scalars {
            learning_rate,
            correction: 1.0 / bias_correction(self.config.beta_1, memory.time),
        }
    }

    fn hessian_decay(&self) -> Option<f64> {
        Some(self.config.beta_2)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Means<R> {
        Means::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Means<R>) -> (R, Means<R>) {
        let config = &self.config;
        let m = past.mean.mix(config.beta_1, g);
        let h = past.hessian_diagonal;
        let divisor = h.clone().scale(config.gamma).max(h.fill(config.epsilon));
        let step = m.clone().scale(s.correction) / divisor;
        let step = step.clamp(-config.clip_threshold, config.clip_threshold);
        (x - step.scale(s.learning_rate), Means::new(m, h))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // Without a diagonal, M / epsilon: 1 / 4, then 0.125 / 0.75 / 4.
        let sophia = SophiaConfig {
            beta_1: 0.5,
            epsilon: 4.0,
            weight_decay: WeightDecay::None,
            ..SophiaConfig::optax()
        };
        let sophia = sophia.build().unwrap();
        assert_steps(&sophia, [1.0, -0.25], [0.975, 0.970_833_333_333]);
        // A step of 10 / 4 is cut to 1.
        assert_steps(&sophia, [10.0, 10.0], [0.9, 0.8]);
    }
}
