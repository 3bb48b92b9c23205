//! Simplified AdEMAMix.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Simplified AdEMAMix: Adam with a decaying sum of the gradients, to which the gradient itself is
/// added once more.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + g_t,                   m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// x_t = x_{t-1} - learning_rate * (m_t + alpha * g_t)
///                 / (sqrt(v_t / (1 - beta_2^t) + epsilon_root) + epsilon)
/// ```
///
/// The sum is `1 / (1 - beta_1)` times as large as Adam's mean, so the learning rate is to be as
/// many times smaller. Elementwise: any rank and shape. State: two tensors per parameter. Source:
/// Morwani et al. 2025 (arXiv:2502.02431).
#[derive(Clone, Debug)]
pub struct SimplifiedAdEmaMix {
    config: SimplifiedAdEmaMixConfig,
}

settings! {
    /// The settings of [`SimplifiedAdEmaMix`].
    pub struct SimplifiedAdEmaMixConfig for SimplifiedAdEmaMix, "simplified-ademamix" {
        /// Learning rate: roughly the size of each coordinate's first step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the sum of the gradients, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Weight of the gradient beside the sum; non-negative.
        pub alpha: f64 => not_negative,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Morwani et al. 2025, arXiv:2502.02431"
}

impl SimplifiedAdEmaMixConfig {
    /// optax's defaults: betas 0.99 and 0.95, alpha 0, epsilon 1e-8. optax has no default learning
    /// rate; this uses 1e-5, with which a long run's steps are those of Adam with 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1e-5,
            beta_1: 0.99,
            beta_2: 0.95,
            alpha: 0.0,
            epsilon: 1e-8,
            epsilon_root: 0.0,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Moments { sum, second_moment });
optimizer!(SimplifiedAdEmaMix);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    learning_rate: f64,
    of_gradient: f64,
    correction: f64,
}

impl Elementwise for SimplifiedAdEmaMix {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        Scalars {
            learning_rate,
            of_gradient: learning_rate * self.config.alpha,
            correction: 1.0 / bias_correction(self.config.beta_2, memory.time),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let sum = past.sum.scale(config.beta_1) + g.clone();
        let v = past.second_moment.mix(config.beta_2, g.clone().square());
        let square = v.clone().scale(s.correction);
        let root = match config.epsilon_root {
            0.0 => square.sqrt(),
            epsilon_root => square.shift(epsilon_root).sqrt(),
        };
        let mut step = sum.clone().scale(s.learning_rate);
        if s.of_gradient != 0.0 {
            step = step + g.scale(s.of_gradient);
        }
        (x - step / root.shift(config.epsilon), Moments::new(sum, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 2 and V = 4; then m = 2 and v = 1, V = 16 / 7. Alpha adds 1 and 0.5 gradients.
        let rule = SimplifiedAdEmaMixConfig {
            learning_rate: 0.1,
            beta_1: 0.5,
            beta_2: 0.75,
            alpha: 0.5,
            epsilon: 0.0,
            ..SimplifiedAdEmaMixConfig::optax()
        };
        let expected = [0.85, 0.684_640_543_1];
        assert_steps(&rule.build().unwrap(), [2.0, 1.0], expected);
    }
}
