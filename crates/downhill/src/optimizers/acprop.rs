//! ACProp.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// ACProp: the gradient, divided by the root mean square deviation of the gradients before it from
/// their mean.
///
/// ```text
/// S = s_{t-1} / (1 - beta_2^(t-1)), 1 at the first step
/// x_t = x_{t-1} - learning_rate * g_t / (sqrt(S) + epsilon)
/// s_t = beta_2 * s_{t-1} + (1 - beta_2) * (g_t - m_{t-1})^2 + epsilon_root,  s_0 = 0
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = 0
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Zhuang et al. 2021
/// (arXiv:2110.05454), as in optax: the second step divides by the size of the first gradient, and
/// `epsilon_root` accumulates in the average.
#[derive(Clone, Debug)]
pub struct AcProp {
    config: AcPropConfig,
}

settings! {
    /// The settings of [`AcProp`].
    pub struct AcPropConfig for AcProp, "acprop" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean that deviations are taken from, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean squared deviation, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the mean squared deviation at each step; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Zhuang et al. 2021, arXiv:2110.05454"
}

impl AcPropConfig {
    /// optax's defaults: betas 0.9 and 0.999, both epsilons 1e-16. optax has no default learning
    /// rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-16,
            epsilon_root: 1e-16,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Deviation {
    mean,
    mean_square_deviation
});
optimizer!(AcProp);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    learning_rate: f64,
    /// Factor on the mean squared deviation before this step, and what is added to it.
    correction: f64,
    at_first: f64,
}

impl Elementwise for AcProp {
    type Remembers<R: Real> = Deviation<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let (correction, at_first) = match memory.time {
            1 => (0.0, 1.0),
            time => (1.0 / bias_correction(self.config.beta_2, time - 1), 0.0),
        };
        Scalars {
            learning_rate,
            correction,
            at_first,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Deviation<R> {
        Deviation::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Deviation<R>) -> (R, Deviation<R>) {
        let config = &self.config;
        let square = (past.mean_square_deviation.clone())
            .scale(s.correction)
            .shift(s.at_first);
        let deviation = g.clone() - past.mean.clone();
        let spread = (past.mean_square_deviation)
            .mix(config.beta_2, deviation.square())
            .shift(config.epsilon_root);
        let m = past.mean.mix(config.beta_1, g.clone());
        let step = g.scale(s.learning_rate) / square.sqrt().shift(config.epsilon);
        (x - step, Deviation::new(m, spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // s = 0.25 * 4 after the first gradient, S = 4: the second step is 0.1 * 1 / 2.
        let rule = AcPropConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            ..AcPropConfig::optax()
        };
        assert_steps(&rule.build().unwrap(), [2.0, 1.0], [0.8, 0.75]);
    }
}
