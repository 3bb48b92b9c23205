//! Optimistic Adam.

use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Optimistic Adam: Adam that expects its step to go on changing as it just did.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t)
/// nesterov:  M = beta_1 * m_t / (1 - beta_1^(t + 1)) + (1 - beta_1) * g_t / (1 - beta_1^t)
/// r_t = M / (sqrt(v_t / (1 - beta_2^t) + epsilon_root) + epsilon)
/// x_t = x_{t-1} - learning_rate * (alpha * r_t + beta * (r_t - r_{t-1})),  r_0 = r_1
/// ```
///
/// For games between networks. Elementwise: any rank and shape. State: three tensors per parameter.
/// Source: Daskalakis et al. 2017 (arXiv:1711.00141), as in optax: Adam is optimistic there with
/// Nesterov momentum unless told otherwise.
#[derive(Clone, Debug)]
pub struct OptimisticAdam {
    config: OptimisticAdamConfig,
}

settings! {
    /// The settings of [`OptimisticAdam`].
    pub struct OptimisticAdamConfig for OptimisticAdam, "optimistic-adam" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Factor on Adam's step; non-negative.
        pub alpha: f64 => not_negative,
        /// Factor on the change of Adam's step; non-negative.
        pub beta: f64 => not_negative,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Daskalakis et al. 2017, arXiv:1711.00141"
}

impl OptimisticAdamConfig {
    /// Defaults of optax's `optimistic_adam_v2`: alpha and beta 1, betas 0.9 and 0.999, epsilon
    /// 1e-8, Nesterov. optax has no default learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            alpha: 1.0,
            beta: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_root: 0.0,
            momentum_kind: MomentumKind::Nesterov,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Moments {
    first_moment,
    second_moment,
    ratio
});
optimizer!(OptimisticAdam);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_mean: f64,
    of_gradient: f64,
    correction: f64,
    of_ratio: f64,
    of_last: f64,
}

impl Elementwise for OptimisticAdam {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let beta_1 = config.beta_1;
        let first = bias_correction(beta_1, memory.time);
        let (of_mean, of_gradient) = match config.momentum_kind {
            MomentumKind::HeavyBall => (1.0 / first, 0.0),
            MomentumKind::Nesterov => (
                beta_1 / bias_correction(beta_1, memory.time + 1),
                (1.0 - beta_1) / first,
            ),
        };
        // At the first step there is no change.
        let beta = match memory.time {
            1 => 0.0,
            _ => config.beta,
        };
        Scalars {
            of_mean,
            of_gradient,
            correction: 1.0 / bias_correction(config.beta_2, memory.time),
            of_ratio: learning_rate * (config.alpha + beta),
            of_last: learning_rate * beta,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let m = past.first_moment.mix(config.beta_1, g.clone());
        let v = (past.second_moment).mix(config.beta_2, g.clone().square());
        let square = v.clone().scale(s.correction);
        let root = match config.epsilon_root {
            0.0 => square.sqrt(),
            epsilon_root => square.shift(epsilon_root).sqrt(),
        };
        let mut mean = m.clone().scale(s.of_mean);
        if s.of_gradient != 0.0 {
            mean = mean + g.scale(s.of_gradient);
        }
        let ratio = mean / root.shift(config.epsilon);
        let step = ratio.clone().scale(s.of_ratio) - past.ratio.scale(s.of_last);
        (x - step, Moments::new(m, v, ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // As Adam, r = 1 and then 0.881917104: the second step is 0.1 * (r + 0.5 * (r - 1)).
        let rule = OptimisticAdamConfig {
            learning_rate: 0.1,
            beta: 0.5,
            beta_1: 0.5,
            beta_2: 0.75,
            epsilon: 0.0,
            momentum_kind: MomentumKind::HeavyBall,
            ..OptimisticAdamConfig::optax()
        };
        let expected = [0.9, 0.817_712_434_4];
        assert_steps(&rule.build().unwrap(), [2.0, 1.0], expected);
    }
}
