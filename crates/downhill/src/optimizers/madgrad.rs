//! MADGRAD.

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// MADGRAD: dual averaging from where it began, divided by the cube root of the squares.
///
/// ```text
/// l_t = (learning_rate + epsilon) * sqrt(t)
/// q_t = q_{t-1} + l_t * g_t^2,  q_0 = 0
/// s_t = s_{t-1} + l_t * g_t,    s_0 = 0
/// z_t = x_0 - s_t / (q_t^(1/3) + epsilon)
/// x_t = momentum * x_{t-1} + (1 - momentum) * z_t
/// ```
///
/// Elementwise: any rank and shape. State: three tensors per parameter. Source: Defazio and Jelassi
/// 2021 (arXiv:2101.11075), in the form of optax, which adds epsilon to the rate. Decay, if any,
/// should be `l2`: it acts on a parameter that is otherwise made anew from where it began.
#[derive(Clone, Debug)]
pub struct Madgrad {
    config: MadgradConfig,
}

settings! {
    /// The settings of [`Madgrad`].
    pub struct MadgradConfig for Madgrad, "madgrad" {
        /// Weight of the gradients, greater than 0.
        pub learning_rate: f64,
        /// Share of the parameter that each step keeps, in \[0, 1).
        pub momentum: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Defazio and Jelassi 2021, arXiv:2101.11075"
}

impl MadgradConfig {
    /// As in optax: momentum 0.9, epsilon 1e-6. optax has no default rate; here it is 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            epsilon: 1e-6,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Madgrad, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        not_negative("epsilon", self.epsilon)?;
        self.weight_decay.check()?;
        Ok(Madgrad {
            config: self.clone(),
        })
    }
}

memory!(Sums {
    squares,
    gradients,
    beginning
});
optimizer!(Madgrad, elementwise);

impl Elementwise for Madgrad {
    type Remembers<R: Real> = Sums<R>;
    /// The weight of this step's gradient.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> f64 {
        (learning_rate + self.config.epsilon) * libm::sqrt(memory.time as f64)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _weight: &f64, x: &R, g: &R) -> Sums<R> {
        Sums::new(g.zero(), g.zero(), x.clone())
    }

    #[inline(always)]
    fn update<R: Real>(&self, weight: &f64, x: R, g: R, past: Sums<R>) -> (R, Sums<R>) {
        let config = &self.config;
        let q = past.squares + g.clone().square().scale(*weight);
        let s = past.gradients + g.scale(*weight);
        let root = q.clone().power(1.0 / 3.0).shift(config.epsilon);
        let z = past.beginning.clone() - s.clone() / root;
        let x = x.mix(config.momentum, z);
        (x, Sums::new(q, s, past.beginning))
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
        // l = 1.1: q = 4.4 and s = 2.2, halved; then l = 1.1 * sqrt(2).
        let madgrad = MadgradConfig {
            momentum: 0.5,
            epsilon: 1.0,
            ..MadgradConfig::optax()
        };
        let expected = [0.583_118_977_723, 0.123_922_109_129];
        assert_steps(&madgrad.build().unwrap(), [2.0, 1.0], expected);
    }
}
