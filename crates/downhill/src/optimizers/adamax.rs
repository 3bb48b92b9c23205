//! Adamax.

use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Adamax: Adam with a decaying maximum of the gradient in place of the root of the mean square.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = 0
///
/// gradient:  u_t = max(beta_2 * u_{t-1}, |g_t| + epsilon),  u_0 = 0
///            x_t = x_{t-1} - learning_rate / (1 - beta_1^t) * m_t / u_t
///
/// divisor:   u_t = max(beta_2 * u_{t-1}, |g_t|),  u_0 = 0
///            x_t = x_{t-1} - learning_rate / (1 - beta_1^t) * m_t / (u_t + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Kingma and Ba 2014
/// (arXiv:1412.6980), algorithm 2, which has no epsilon. PyTorch and optax add epsilon to the
/// gradient, Keras to the denominator.
#[derive(Clone, Debug)]
pub struct Adamax {
    config: AdamaxConfig,
}

/// What Adamax's epsilon is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdamaxEpsilon {
    /// The absolute gradient, inside the maximum (PyTorch, optax).
    Gradient,
    /// The denominator (Keras).
    Divisor,
}

impl Setting for AdamaxEpsilon {}

settings! {
    /// The settings of [`Adamax`].
    pub struct AdamaxConfig for Adamax, "adamax" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the largest gradient, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added to the gradient or to the denominator.
        pub epsilon_place: AdamaxEpsilon,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, keras, optax
    source: "Kingma and Ba 2014, arXiv:1412.6980"
}

impl AdamaxConfig {
    /// PyTorch's defaults: learning rate 0.002, betas 0.9 and 0.999, epsilon 1e-8.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.002,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_place: AdamaxEpsilon::Gradient,
            weight_decay: WeightDecay::None,
        }
    }

    /// Keras's defaults: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-7 on the divisor.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon: 1e-7,
            epsilon_place: AdamaxEpsilon::Divisor,
            ..Self::torch()
        }
    }

    /// optax's defaults: PyTorch's, with a learning rate of 0.002, for which optax has no default.
    pub fn optax() -> Self {
        Self::torch()
    }
}

memory!(Moments {
    first_moment,
    largest
});
optimizer!(Adamax);

impl Elementwise for Adamax {
    type Remembers<R: Real> = Moments<R>;
    /// The rate of this step.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> f64 {
        learning_rate / bias_correction(self.config.beta_1, memory.time)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let m = past.first_moment.mix(config.beta_1, g.clone());
        let kept = past.largest.scale(config.beta_2);
        let (u, divisor) = match config.epsilon_place {
            AdamaxEpsilon::Gradient => {
                let u = kept.max(g.abs().shift(config.epsilon));
                (u.clone(), u)
            }
            AdamaxEpsilon::Divisor => {
                let u = kept.max(g.abs());
                (u.clone(), u.shift(config.epsilon))
            }
        };
        (x - m.clone().scale(*rate) / divisor, Moments::new(m, u))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1, M = 2, u = 2 + 2; then m = 1, M = 4 / 3, u = max(2, 1 + 2).
        let gradient = AdamaxConfig {
            beta_1: 0.5,
            beta_2: 0.5,
            epsilon: 2.0,
            ..AdamaxConfig::torch()
        };
        let expected = [0.95, 0.905_555_555_556];
        assert_steps(&gradient.build().unwrap(), [2.0, 1.0], expected);
        // u = 2, divided by 2 + 2; then u = max(1, 1), divided by 1 + 2.
        let divisor = AdamaxConfig {
            epsilon_place: AdamaxEpsilon::Divisor,
            ..gradient
        };
        assert_steps(&divisor.build().unwrap(), [2.0, 1.0], expected);
        // With more kept of u = 2: 1.5, divided by 1.5 + 2.
        let kept = AdamaxConfig {
            beta_2: 0.75,
            ..divisor
        };
        let expected = [0.95, 0.911_904_761_905];
        assert_steps(&kept.build().unwrap(), [2.0, 1.0], expected);
    }
}
