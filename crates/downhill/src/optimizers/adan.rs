//! Adan.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory, optimizer};
use crate::settings::{Setting, settings};
use crate::{InvalidHyperparameter, WeightDecay};

/// Adan: Nesterov's momentum by the differences of successive gradients.
///
/// ```text
/// y_t = g_t - g_{t-1},  y_1 = 0
/// w = beta_2 (share), 1 - beta_2 (rest)
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,               m_0 = 0
/// d_t = beta_2 * d_{t-1} + (1 - beta_2) * y_t,               d_0 = 0
/// n_t = beta_3 * n_{t-1} + (1 - beta_3) * (g_t + w * y_t)^2,  n_0 = 0
/// M, D, N = m_t / (1 - beta_1^t), d_t / (1 - beta_2^t), n_t / (1 - beta_3^t)
/// x_t = x_{t-1} - learning_rate * (M + w * D) / (sqrt(N + epsilon_root) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: four tensors per parameter. Source: Xie et al. 2022
/// (arXiv:2208.06677), as in optax and in Burn, whose betas are the shares kept. Burn weighs the
/// difference by `beta_2` itself, optax by the rest; Burn's decay is [`WeightDecay::Proximal`], optax's
/// decoupled.
#[derive(Clone, Debug)]
pub struct Adan {
    config: AdanConfig,
}

/// By what the difference of gradients is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AdanWeight {
    /// By `beta_2` (Burn).
    Share,
    /// By `1 - beta_2` (optax).
    Rest,
}

impl Setting for AdanWeight {}

settings! {
    /// The settings of [`Adan`].
    pub struct AdanConfig for Adan, "adan" {
        /// About the size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the mean gradient that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the mean difference that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Share of the mean square that each step keeps, in \[0, 1).
        pub beta_3: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Added to the mean square inside the root, at least 0.
        pub epsilon_root: f64,
        /// By what the difference is weighed.
        pub difference_weight: AdanWeight,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax, burn
    source: "Xie et al. 2022, arXiv:2208.06677"
}

impl AdanConfig {
    /// As in optax: betas 0.98, 0.92 and 0.99, both epsilons 1e-8, the difference weighed by the
    /// rest. optax has no default rate; here it is 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.98,
            beta_2: 0.92,
            beta_3: 0.99,
            epsilon: 1e-8,
            epsilon_root: 1e-8,
            difference_weight: AdanWeight::Rest,
            weight_decay: WeightDecay::None,
        }
    }

    /// As in Burn: betas rounded to `f32`, epsilon 1e-8, the difference weighed by `beta_2`. Burn
    /// has no default rate; here it is 0.001.
    pub fn burn() -> Self {
        Self {
            beta_1: f64::from(0.98_f32),
            beta_2: f64::from(0.92_f32),
            beta_3: f64::from(0.99_f32),
            epsilon: f64::from(1e-8_f32),
            epsilon_root: 0.0,
            difference_weight: AdanWeight::Share,
            ..Self::optax()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Adan, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        share_kept("beta_3", self.beta_3)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("epsilon_root", self.epsilon_root)?;
        self.weight_decay.check()?;
        Ok(Adan {
            config: self.clone(),
        })
    }
}

memory!(Averages {
    mean,
    mean_difference,
    mean_square,
    past_gradient
});
optimizer!(Adan, elementwise);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    weight: f64,
    of_mean: f64,
    of_difference: f64,
    correction: f64,
}

impl Elementwise for Adan {
    type Remembers<R: Real> = Averages<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let weight = match config.difference_weight {
            AdanWeight::Share => config.beta_2,
            AdanWeight::Rest => 1.0 - config.beta_2,
        };
        Scalars {
            weight,
            of_mean: learning_rate / bias_correction(config.beta_1, memory.time),
            of_difference: learning_rate * weight / bias_correction(config.beta_2, memory.time),
            correction: 1.0 / bias_correction(config.beta_3, memory.time),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Averages<R> {
        Averages::new(g.zero(), g.zero(), g.zero(), g.clone())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Averages<R>) -> (R, Averages<R>) {
        let config = &self.config;
        let y = g.clone() - past.past_gradient;
        let m = past.mean.mix(config.beta_1, g.clone());
        let d = past.mean_difference.mix(config.beta_2, y.clone());
        let ahead = g.clone() + y.scale(s.weight);
        let n = past.mean_square.mix(config.beta_3, ahead.square());
        let square = n.clone().scale(s.correction);
        let root = match config.epsilon_root {
            0.0 => square.sqrt(),
            epsilon_root => square.shift(epsilon_root).sqrt(),
        };
        let step = m.clone().scale(s.of_mean) + d.clone().scale(s.of_difference);
        let x = x - step / root.shift(config.epsilon);
        (x, Averages::new(m, d, n, g))
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
        // M = 2 and N = 4, then y = -1, m = 1, M = 4 / 3, d = -0.5, D = -2 / 3; with w = 0.5 N takes
        // in 0.25: n = 1.125, N = 1.5.
        let adan = AdanConfig {
            beta_1: 0.5,
            beta_2: 0.5,
            beta_3: 0.5,
            epsilon: 0.0,
            epsilon_root: 0.0,
            ..AdanConfig::optax()
        };
        let expected = [0.9, 0.818_350_341_907];
        assert_steps(&adan.build().unwrap(), [2.0, 1.0], expected);
    }
}
