//! Yogi.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Yogi: Adam whose second moment changes additively, in steps of the size of the squared gradient.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = initial_first_moment
/// v_t = v_{t-1} - (1 - beta_2) * sign(v_{t-1} - g_t^2) * g_t^2,  v_0 = initial_second_moment
/// x_t = x_{t-1} - learning_rate * m_t / (1 - beta_1^t)
///                               / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zaheer et al. 2018,
/// "Adaptive methods for nonconvex optimization" (NeurIPS 31), which does not correct the moments.
/// optax does, and starts both at 1e-6.
#[derive(Clone, Debug)]
pub struct Yogi {
    config: YogiConfig,
}

settings! {
    /// The settings of [`Yogi`].
    pub struct YogiConfig for Yogi, "yogi" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Initial value of the first moment; non-negative.
        pub initial_first_moment: f64 => not_negative,
        /// Initial value of the second moment; non-negative.
        pub initial_second_moment: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: r#"Zaheer et al. 2018, "Adaptive methods for nonconvex optimization", NeurIPS 31"#
}

impl YogiConfig {
    /// optax's defaults: betas 0.9 and 0.999, epsilon 1e-3, moments from 1e-6. optax has no default
    /// learning rate; this uses 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-3,
            initial_first_moment: 1e-6,
            initial_second_moment: 1e-6,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Moments {
    first_moment,
    second_moment
});
optimizer!(Yogi);

impl Elementwise for Yogi {
    type Remembers<R: Real> = Moments<R>;
    /// The rate of this step, and what corrects the second moment.
    type Scalars = (f64, f64);

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> (f64, f64) {
        let first = bias_correction(self.config.beta_1, memory.time);
        let second = bias_correction(self.config.beta_2, memory.time);
        (learning_rate / first, 1.0 / second)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &(f64, f64), _x: &R, g: &R) -> Moments<R> {
        Moments::new(
            g.fill(self.config.initial_first_moment),
            g.fill(self.config.initial_second_moment),
        )
    }

    #[inline(always)]
    fn update<R: Real>(
        &self,
        (rate, correction): &(f64, f64),
        x: R,
        g: R,
        past: Moments<R>,
    ) -> (R, Moments<R>) {
        let config = &self.config;
        let square = g.clone().square();
        let m = past.first_moment.mix(config.beta_1, g);
        let v = past.second_moment;
        let towards = (v.clone() - square.clone()).sign() * square;
        let v = v - towards.scale(1.0 - config.beta_2);
        let divisor = v.clone().scale(*correction).sqrt().shift(config.epsilon);
        (x - m.clone().scale(*rate) / divisor, Moments::new(m, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1, M = 2; v = 0 + 0.25 * 4, V = 4. Then m = 1, M = 4 / 3; v stays 1, for v is g^2,
        // and V = 16 / 7.
        let yogi = YogiConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            epsilon: 0.0,
            initial_first_moment: 0.0,
            initial_second_moment: 0.0,
            ..YogiConfig::optax()
        };
        let expected = [0.9, 0.811_808_289_631];
        assert_steps(&yogi.build().unwrap(), [2.0, 1.0], expected);
    }
}
