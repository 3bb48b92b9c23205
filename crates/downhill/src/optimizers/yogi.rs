//! Yogi.

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// Yogi: Adam whose second moment moves by steps of the squared gradient's own size.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = initial_first_moment
/// v_t = v_{t-1} - (1 - beta_2) * sign(v_{t-1} - g_t^2) * g_t^2,  v_0 = initial_second_moment
/// x_t = x_{t-1} - learning_rate * m_t / (1 - beta_1^t)
///                               / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zaheer et al. 2018,
/// "Adaptive methods for nonconvex optimization" (NeurIPS 31), which does not correct the moments;
/// optax does, and starts both at 1e-6.
#[derive(Clone, Debug)]
pub struct Yogi {
    config: YogiConfig,
}

settings! {
    /// The settings of [`Yogi`].
    pub struct YogiConfig for Yogi, "yogi" {
        /// About the size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the first moment that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// How slowly the second moment moves, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// The first moment before the first step, at least 0.
        pub initial_first_moment: f64,
        /// The second moment before the first step, at least 0.
        pub initial_second_moment: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: r#"Zaheer et al. 2018, "Adaptive methods for nonconvex optimization", NeurIPS 31"#
}

impl YogiConfig {
    /// As in optax: betas 0.9 and 0.999, epsilon 1e-3, moments from 1e-6. optax has no default rate;
    /// here it is 0.01.
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

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Yogi, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("initial_first_moment", self.initial_first_moment)?;
        not_negative("initial_second_moment", self.initial_second_moment)?;
        self.weight_decay.check()?;
        Ok(Yogi {
            config: self.clone(),
        })
    }
}

memory!(Moments {
    first_moment,
    second_moment
});
optimizer!(Yogi, elementwise);

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

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1, M = 2; v = 0 + 0.25 * 4, V = 4. Then m = 1, M = 4 / 3; v stays 1, for v is g^2, and
        // V = 16 / 7.
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
