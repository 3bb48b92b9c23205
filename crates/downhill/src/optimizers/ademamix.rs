//! AdEMAMix.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// AdEMAMix: Adam with a second, slower mean of the gradient.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// s_t = beta_3 * s_{t-1} + (1 - beta_3) * g_t,    s_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// x_t = x_{t-1} - learning_rate * (m_t / (1 - beta_1^t) + alpha * s_t)
///                 / (sqrt(v_t / (1 - beta_2^t) + epsilon_root) + epsilon)
/// ```
///
/// Alpha and beta_3 may have a warm-up of `T` steps. Alpha rises linearly; beta_3 rises from beta_1
/// so that the half-life of the slow mean rises linearly:
///
/// ```text
/// alpha_t = alpha * min(t / T, 1)
/// beta_3_t = min(exp(ln(beta_1) * ln(beta_3) / ((1 - t / T) * ln(beta_3) + t / T * ln(beta_1))),
///                beta_3)
/// ```
///
/// Elementwise: any rank and shape. State: three tensors per parameter. Source: Pagliardini, Ablin
/// and Grangier 2024 (arXiv:2409.03137). optax has schedules instead of the warm-ups.
#[derive(Clone, Debug)]
pub struct AdEmaMix {
    config: AdEmaMixConfig,
}

settings! {
    /// The settings of [`AdEmaMix`].
    pub struct AdEmaMixConfig for AdEmaMix, "ademamix" {
        /// Learning rate: roughly the size of each coordinate's step without the slow mean;
        /// positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the fast mean, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Decay rate of the slow mean, in \[0, 1).
        pub beta_3: f64 => decay_rate,
        /// Weight of the slow mean; non-negative.
        pub alpha: f64 => not_negative,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Steps over which alpha rises to its value; non-negative. 0 means no warm-up.
        pub alpha_warmup: f64 => not_negative,
        /// Steps over which beta_3 rises to its value; non-negative. 0 means no warm-up.
        pub beta_3_warmup: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Pagliardini, Ablin and Grangier 2024, arXiv:2409.03137"
}

impl AdEmaMixConfig {
    /// optax's defaults: betas 0.9, 0.999 and 0.9999, alpha 5, epsilon 1e-8. optax has no default
    /// learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            beta_3: 0.9999,
            alpha: 5.0,
            epsilon: 1e-8,
            epsilon_root: 0.0,
            alpha_warmup: 0.0,
            beta_3_warmup: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// Returns beta_3 at step `t`, counted from 1.
    fn beta_3_at(&self, t: f64) -> f64 {
        let Self {
            beta_1,
            beta_3,
            beta_3_warmup,
            ..
        } = *self;
        if t >= beta_3_warmup || beta_1 == 0.0 || beta_3 == 0.0 {
            return beta_3;
        }
        let done = t / beta_3_warmup;
        let (fast, slow) = (libm::log(beta_1), libm::log(beta_3));
        let rising = libm::exp(fast * slow / ((1.0 - done) * slow + done * fast));
        f64::min(rising, beta_3)
    }
}

memory!(Moments {
    fast_mean,
    slow_mean,
    second_moment
});
optimizer!(AdEmaMix);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    beta_3: f64,
    of_fast: f64,
    of_slow: f64,
    correction: f64,
}

impl Elementwise for AdEmaMix {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let t = memory.time as f64;
        let warmed = match config.alpha_warmup {
            0.0 => 1.0,
            steps => f64::min(t / steps, 1.0),
        };
        Scalars {
            beta_3: config.beta_3_at(t),
            of_fast: learning_rate / bias_correction(config.beta_1, memory.time),
            of_slow: learning_rate * config.alpha * warmed,
            correction: 1.0 / bias_correction(config.beta_2, memory.time),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let fast = past.fast_mean.mix(config.beta_1, g.clone());
        let slow = past.slow_mean.mix(s.beta_3, g.clone());
        let v = past.second_moment.mix(config.beta_2, g.square());
        let square = v.clone().scale(s.correction);
        let root = match config.epsilon_root {
            0.0 => square.sqrt(),
            epsilon_root => square.shift(epsilon_root).sqrt(),
        };
        let step = fast.clone().scale(s.of_fast) + slow.clone().scale(s.of_slow);
        let x = x - step / root.shift(config.epsilon);
        (x, Moments::new(fast, slow, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    fn config() -> AdEmaMixConfig {
        AdEmaMixConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            beta_3: 0.5,
            alpha: 2.0,
            epsilon: 0.0,
            ..AdEmaMixConfig::optax()
        }
    }

    #[test]
    fn two_steps_by_hand() {
        // Both means are 1: (2 + 2) / 2, then (4 / 3 + 2) / sqrt(16 / 7).
        let expected = [0.8, 0.579_520_724_078];
        assert_steps(&config().build().unwrap(), [2.0, 1.0], expected);
        // Alpha 1 at the first step, 2 from the second on.
        let warming = AdEmaMixConfig {
            alpha_warmup: 2.0,
            ..config()
        };
        let expected = [0.85, 0.629_520_724_078];
        assert_steps(&warming.build().unwrap(), [2.0, 1.0], expected);
    }

    #[test]
    fn the_slow_mean_slows_down_until_it_is_warm() {
        let warming = AdEmaMixConfig {
            beta_3: 0.75,
            beta_3_warmup: 4.0,
            ..config()
        };
        // Half-lives of 1 and ln(2) / -ln(0.75) = 2.409 steps; half way between them.
        let half_life = |beta: f64| -core::f64::consts::LN_2 / beta.ln();
        let middle = (half_life(0.5) + half_life(0.75)) / 2.0;
        assert!((half_life(warming.beta_3_at(2.0)) - middle).abs() < 1e-12);
        assert_eq!(warming.beta_3_at(4.0), 0.75);
        assert_eq!(warming.beta_3_at(5.0), 0.75);
    }
}
