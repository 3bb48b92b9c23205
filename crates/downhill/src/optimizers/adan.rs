//! Adan.

use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Adan: Nesterov momentum from the differences of successive gradients.
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
/// (arXiv:2208.06677), as in optax and Burn, whose betas are decay rates. Burn weights the
/// difference by `beta_2`, optax by `1 - beta_2`. Burn's weight decay is [`WeightDecay::Proximal`],
/// optax's is decoupled.
#[derive(Clone, Debug)]
pub struct Adan {
    config: AdanConfig,
}

/// The weight of the gradient difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdanWeight {
    /// `beta_2` (Burn).
    Share,
    /// `1 - beta_2` (optax).
    Rest,
}

impl Setting for AdanWeight {}

settings! {
    /// The settings of [`Adan`].
    pub struct AdanConfig for Adan, "adan" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the mean gradient, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean difference, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Decay rate of the mean square, in \[0, 1).
        pub beta_3: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the mean square inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Weight of the gradient difference.
        pub difference_weight: AdanWeight,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax, burn
    source: "Xie et al. 2022, arXiv:2208.06677"
}

impl AdanConfig {
    /// optax's defaults: betas 0.98, 0.92 and 0.99, both epsilons 1e-8, the gradient difference
    /// weighted by `1 - beta_2`. optax has no default learning rate; this uses 0.001.
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

    /// Burn's defaults: betas rounded to `f32`, epsilon 1e-8, the gradient difference weighted by
    /// `beta_2`. Burn has no default learning rate; this uses 0.001.
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
}

memory!(Averages {
    mean,
    mean_difference,
    mean_square,
    past_gradient
});
optimizer!(Adan, burn {
    time: "momentum.time",
    tensors: [
        "momentum.exp_avg" => "mean",
        "momentum.exp_avg_diff" => "mean_difference",
        "momentum.exp_avg_sq" => "mean_square",
        "-momentum.neg_pre_grad" => "past_gradient",
    ],
    where: |_| true,
});

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // M = 2 and N = 4, then y = -1, m = 1, M = 4 / 3, d = -0.5, D = -2 / 3; with w = 0.5 N
        // takes in 0.25: n = 1.125, N = 1.5.
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
