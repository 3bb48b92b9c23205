//! AdaBelief.

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, MomentumKind, WeightDecay};

/// AdaBelief: Adam that divides by how far the gradient is from its own running mean.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = 0
/// s_t = beta_2 * s_{t-1} + (1 - beta_2) * (g_t - m_t)^2 + epsilon_root,  s_0 = 0
/// M = m_t / (1 - beta_1^t)
/// nesterov:  M = beta_1 * m_t / (1 - beta_1^(t + 1)) + (1 - beta_1) * g_t / (1 - beta_1^t)
/// x_t = x_{t-1} - learning_rate * M / (sqrt(s_t / (1 - beta_2^t)) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zhuang et al. 2020
/// (arXiv:2010.07468); `epsilon_root` stays in the average, as there and in optax.
#[derive(Clone, Debug)]
pub struct AdaBelief {
    config: AdaBeliefConfig,
}

settings! {
    /// The settings of [`AdaBelief`].
    pub struct AdaBeliefConfig for AdaBelief, "adabelief" {
        /// About the size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the mean that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the mean squared deviation that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Added to the mean squared deviation at each step, at least 0.
        pub epsilon_root: f64,
        /// Whether the step is by the mean or ahead of it.
        pub momentum_kind: MomentumKind,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Zhuang et al. 2020, arXiv:2010.07468"
}

impl AdaBeliefConfig {
    /// As in optax: betas 0.9 and 0.999, both epsilons 1e-16. optax has no default rate; here it is
    /// 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-16,
            epsilon_root: 1e-16,
            momentum_kind: MomentumKind::HeavyBall,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<AdaBelief, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("epsilon_root", self.epsilon_root)?;
        self.weight_decay.check()?;
        Ok(AdaBelief {
            config: self.clone(),
        })
    }
}

memory!(Belief {
    mean,
    mean_square_deviation
});
optimizer!(AdaBelief, elementwise);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_mean: f64,
    of_gradient: f64,
    correction: f64,
}

impl Elementwise for AdaBelief {
    type Remembers<R: Real> = Belief<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let beta_1 = self.config.beta_1;
        let first = bias_correction(beta_1, memory.time);
        let (of_mean, of_gradient) = match self.config.momentum_kind {
            MomentumKind::HeavyBall => (learning_rate / first, 0.0),
            MomentumKind::Nesterov => (
                learning_rate * beta_1 / bias_correction(beta_1, memory.time + 1),
                learning_rate * (1.0 - beta_1) / first,
            ),
        };
        Scalars {
            of_mean,
            of_gradient,
            correction: 1.0 / bias_correction(self.config.beta_2, memory.time),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Belief<R> {
        Belief::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Belief<R>) -> (R, Belief<R>) {
        let config = &self.config;
        let m = past.mean.mix(config.beta_1, g.clone());
        let deviation = g.clone() - m.clone();
        let spread = (past.mean_square_deviation)
            .mix(config.beta_2, deviation.square())
            .shift(config.epsilon_root);
        let divisor = (spread.clone().scale(s.correction).sqrt()).shift(config.epsilon);
        let mut step = m.clone().scale(s.of_mean);
        if s.of_gradient != 0.0 {
            step = step + g.scale(s.of_gradient);
        }
        (x - step / divisor, Belief::new(m, spread))
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
        // m = 1, M = 2; s = 0.25 * 1, S = 1. Then m = 1, M = 4 / 3; s = 0.1875, S = 0.1875 / 0.4375.
        let belief = AdaBeliefConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            ..AdaBeliefConfig::optax()
        };
        let expected = [0.8, 0.596_329_969_113];
        assert_steps(&belief.build().unwrap(), [2.0, 1.0], expected);
    }
}
