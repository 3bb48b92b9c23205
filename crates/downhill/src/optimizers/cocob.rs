//! COCOB.

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::InvalidHyperparameter;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// COCOB: gradient descent as coin betting, without a learning rate.
///
/// ```text
/// g <- learning_rate * g
/// L_t = max(L_{t-1}, |g_t|),  L_0 = epsilon
/// G_t = G_{t-1} + |g_t|,  G_0 = 0
/// R_t = max(R_{t-1} - g_t * (x_{t-1} - x_0), 0),  R_0 = 0
/// C_t = C_{t-1} - g_t,  C_0 = 0
/// x_t = x_0 + C_t / (L_t * max(G_t + L_t, alpha * L_t)) * (L_t + R_t)
/// ```
///
/// Elementwise: any rank and shape. State: five tensors per parameter. Source: Orabona and Tommasi
/// 2017 (arXiv:1705.07795), algorithm 2, in the form of optax. The learning rate should be 1.
/// Weight decay, if any, should be `l2`: it is part of the gradient and, like it, scaled by the
/// learning rate, as in optax.
#[derive(Clone, Debug)]
pub struct Cocob {
    config: CocobConfig,
}

settings! {
    /// The settings of [`Cocob`].
    pub struct CocobConfig for Cocob, "cocob" {
        /// Scales every gradient; positive, normally 1.
        pub learning_rate: f64 => positive,
        /// Limits the first steps: the larger, the smaller they are; positive.
        pub alpha: f64 => positive,
        /// Initial value of the largest gradient; positive.
        pub epsilon: f64 => positive,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Orabona and Tommasi 2017, arXiv:1705.07795"
    check: check_decay
}

impl CocobConfig {
    fn check_decay(&self) -> Result<(), InvalidHyperparameter> {
        self.weight_decay.refuse_cautious()
    }

    /// optax's defaults: factor 1, alpha 100, epsilon 1e-8.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            alpha: 100.0,
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Bets {
    beginning,
    largest,
    sizes,
    reward,
    gradients
});
optimizer!(Cocob);

impl Elementwise for Cocob {
    type Remembers<R: Real> = Bets<R>;
    /// The factor on the gradient.
    type Scalars = f64;
    const PROPORTIONAL: bool = false;
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _factor: &f64, x: &R, g: &R) -> Bets<R> {
        let largest = g.fill(self.config.epsilon);
        Bets::new(x.clone(), largest, g.zero(), g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, factor: &f64, x: R, g: R, past: Bets<R>) -> (R, Bets<R>) {
        let g = g.scale(*factor);
        let beginning = past.beginning;
        let size = g.clone().abs();
        let largest = past.largest.max(size.clone());
        let sizes = past.sizes + size;
        let reward = past.reward - g.clone() * (x - beginning.clone());
        let reward = reward.max(g.zero());
        let gradients = past.gradients - g;
        let bound = (sizes.clone() + largest.clone()).max(largest.clone().scale(self.config.alpha));
        let share = gradients.clone() / (largest.clone() * bound);
        let x = beginning.clone() + share * (largest.clone() + reward.clone());
        (x, Bets::new(beginning, largest, sizes, reward, gradients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // g = 0.2: L = 0.2, C = -0.2, G + L = 0.4: -0.2 / (0.2 * 0.4) * 0.2. Then g = -0.1:
        // R = 0, C = -0.1, G + L = 0.5.
        let cocob = CocobConfig {
            alpha: 1.0,
            ..CocobConfig::optax()
        };
        assert_steps(&cocob.build().unwrap(), [2.0, -1.0], [0.5, 0.8]);
    }
}
