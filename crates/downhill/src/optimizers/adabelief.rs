//! AdaBelief.

use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// AdaBelief: Adam that divides by the root mean square deviation of the gradient from its mean.
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
/// (arXiv:2010.07468). As there and in optax, `epsilon_root` accumulates in the average.
#[derive(Clone, Debug)]
pub struct AdaBelief {
    config: AdaBeliefConfig,
}

settings! {
    /// The settings of [`AdaBelief`].
    pub struct AdaBeliefConfig for AdaBelief, "adabelief" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean squared deviation, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the mean squared deviation at each step; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Zhuang et al. 2020, arXiv:2010.07468"
}

impl AdaBeliefConfig {
    /// optax's defaults: betas 0.9 and 0.999, both epsilons 1e-16. optax has no default learning
    /// rate; this uses 0.001.
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
}

memory!(Belief {
    mean,
    mean_square_deviation
});
optimizer!(AdaBelief);

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1, M = 2; s = 0.25 * 1, S = 1. Then m = 1, M = 4 / 3; s = 0.1875, S = 0.1875 /
        // 0.4375.
        let belief = AdaBeliefConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            ..AdaBeliefConfig::optax()
        };
        let expected = [0.8, 0.596_329_969_113];
        assert_steps(&belief.build().unwrap(), [2.0, 1.0], expected);
    }
}
