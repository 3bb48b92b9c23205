//! FTRL-Proximal.

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::InvalidHyperparameter;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// FTRL-Proximal: each step solves for the best parameter in hindsight. With an L1 penalty,
/// coordinates with little effect on the loss become exactly 0.
///
/// ```text
/// n_t = n_{t-1} + g_t^2,  n_0 = initial_accumulator,  p = -learning_rate_power
/// s = (n_t^p - n_{t-1}^p) / learning_rate
/// z_t = z_{t-1} + g_t + 2 * l2_shrinkage * x_{t-1} - s * x_{t-1},  z_0 = 0
/// q = n_t^p / learning_rate + 2 * l2 + beta / learning_rate
/// x_t = (clamp(z_t, -l1, l1) - z_t) / q
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: McMahan et al. 2013,
/// "Ad click prediction: a view from the trenches", in the form of Keras.
#[derive(Clone, Debug)]
pub struct Ftrl {
    config: FtrlConfig,
}

settings! {
    /// The settings of [`Ftrl`].
    pub struct FtrlConfig for Ftrl, "ftrl" {
        /// Learning rate: the size of each coordinate's first step; positive.
        pub learning_rate: f64 => positive,
        /// Exponent of the accumulator in the rate; at most 0.
        pub learning_rate_power: f64 => not_positive,
        /// Initial value of the accumulator; non-negative. Positive if the first gradients may be
        /// 0.
        pub initial_accumulator: f64 => not_negative,
        /// Weight of the L1 penalty; non-negative.
        pub l1: f64 => not_negative,
        /// Weight of the L2 penalty; non-negative.
        pub l2: f64 => not_negative,
        /// Weight of an L2 penalty added to the gradient; non-negative.
        pub l2_shrinkage: f64 => not_negative,
        /// Added to the root of the accumulator; non-negative.
        pub beta: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: keras
    source: r#"McMahan et al. 2013, "Ad click prediction: a view from the trenches""#
    check: check_decay
    renamed: rate_power => learning_rate_power
}

impl FtrlConfig {
    fn check_decay(&self) -> Result<(), InvalidHyperparameter> {
        self.weight_decay.refuse_cautious()
    }

    /// Keras's defaults: learning rate 0.001, power -0.5, accumulator from 0.1, no penalties.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            learning_rate_power: -0.5,
            initial_accumulator: 0.1,
            l1: 0.0,
            l2: 0.0,
            l2_shrinkage: 0.0,
            beta: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    #[inline(always)]
    fn raised<R: Real>(&self, accumulator: R) -> R {
        match self.learning_rate_power {
            // A root is exact, and quicker.
            -0.5 => accumulator.sqrt(),
            power => accumulator.power(-power),
        }
    }
}

memory!(Sums {
    accumulator,
    linear
});
optimizer!(Ftrl);

impl Elementwise for Ftrl {
    type Remembers<R: Real> = Sums<R>;
    /// The learning rate.
    type Scalars = f64;
    const PROPORTIONAL: bool = false;
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Sums<R> {
        Sums::new(g.fill(self.config.initial_accumulator), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Sums<R>) -> (R, Sums<R>) {
        let config = &self.config;
        let n = past.accumulator.clone() + g.clone().square();
        let (now, before) = (config.raised(n.clone()), config.raised(past.accumulator));
        let s = (now.clone() - before).scale(1.0 / rate);
        let g = g + x.clone().scale(2.0 * config.l2_shrinkage);
        let z = past.linear + g - s * x;
        let q = now
            .scale(1.0 / rate)
            .shift(2.0 * config.l2 + config.beta / rate);
        let x = (z.clone().clamp(-config.l1, config.l1) - z.clone()) / q;
        (x, Sums::new(n, z))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // n = 0 + 4: s = 20, z = 2 - 20, q = 20; then n = 4: s = 0, z = -18.
        let ftrl = FtrlConfig {
            initial_accumulator: 0.0,
            ..FtrlConfig::keras()
        };
        assert_steps(&ftrl.build().unwrap(), [2.0, 0.0], [0.9, 0.9]);
        // z is moved by 3 towards 0, and q is 20 + 4 + 6.
        let penalized = FtrlConfig {
            l1: 3.0,
            l2: 2.0,
            beta: 0.6,
            ..ftrl
        };
        assert_steps(&penalized.build().unwrap(), [2.0, 0.0], [0.5, 0.5]);
    }
}
