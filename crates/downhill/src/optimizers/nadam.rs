//! NAdam.

use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, not_negative};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// NAdam: Adam with Nesterov momentum.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// V = v_t / (1 - beta_2^t)
///
/// rising:    mu_t = beta_1 * (1 - 0.96^(t * speed) / 2)
/// constant:  mu_t = beta_1
///
/// P_t = mu_1 * ... * mu_t
/// M = mu_{t+1} * m_t / (1 - P_{t+1}) + (1 - mu_t) * g_t / (1 - P_t)
/// x_t = x_{t-1} - learning_rate * M / (sqrt(V) + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter and a number. Source: Dozat
/// 2016, "Incorporating Nesterov momentum into Adam". The momentum rises at a speed of 0.004 in
/// PyTorch (`momentum_decay`) and of 1 in Keras, and is constant in optax's `nadam`. With decoupled
/// weight decay it is NAdamW.
#[derive(Clone, Debug)]
pub struct NAdam {
    config: NAdamConfig,
}

/// How NAdam's momentum changes over the steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MomentumSchedule {
    /// Always `beta_1` (optax).
    Constant,
    /// Rising from about half of `beta_1` to `beta_1`, at this speed (PyTorch 0.004, Keras 1);
    /// non-negative; at 0 it stays half of `beta_1`.
    Rising(f64),
}

impl Setting for MomentumSchedule {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        match *self {
            Self::Constant => Ok(()),
            Self::Rising(speed) => not_negative("momentum_schedule.rising", speed),
        }
    }
}

impl MomentumSchedule {
    fn at(self, beta_1: f64, time: u64) -> f64 {
        match self {
            Self::Constant => beta_1,
            Self::Rising(speed) => beta_1 * (1.0 - 0.5 * libm::pow(0.96, time as f64 * speed)),
        }
    }
}

settings! {
    /// The settings of [`NAdam`].
    pub struct NAdamConfig for NAdam, "nadam" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// How the momentum changes over the steps.
        pub momentum_schedule: MomentumSchedule,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, keras, optax
    source: r#"Dozat 2016, "Incorporating Nesterov momentum into Adam""#
}

impl NAdamConfig {
    /// PyTorch's defaults: learning rate 0.002, betas 0.9 and 0.999, epsilon 1e-8, momentum rising
    /// at 0.004.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.002,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_root: 0.0,
            momentum_schedule: MomentumSchedule::Rising(0.004),
            weight_decay: WeightDecay::None,
        }
    }

    /// Keras's defaults: learning rate 0.001, epsilon 1e-7, momentum rising at 1.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon: 1e-7,
            momentum_schedule: MomentumSchedule::Rising(1.0),
            ..Self::torch()
        }
    }

    /// optax's defaults: epsilon 1e-8, momentum constant. optax has no default learning rate; this
    /// uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            momentum_schedule: MomentumSchedule::Constant,
            ..Self::torch()
        }
    }
}

memory!(Moments {
    first_moment,
    second_moment
});
optimizer!(NAdam);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_mean: f64,
    of_gradient: f64,
    correction: f64,
}

impl Elementwise for NAdam {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;
    const NUMBERS: &'static [&'static str] = &["momentum_product"];

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let NAdamConfig {
            beta_1,
            beta_2,
            momentum_schedule,
            ..
        } = self.config;
        let now = momentum_schedule.at(beta_1, memory.time);
        let next = momentum_schedule.at(beta_1, memory.time + 1);
        let product = memory.number("momentum_product").unwrap_or(1.0) * now;
        memory.put_number("momentum_product", product);
        Scalars {
            of_mean: learning_rate * next / (1.0 - product * next),
            of_gradient: learning_rate * (1.0 - now) / (1.0 - product),
            correction: 1.0 / bias_correction(beta_2, memory.time),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let m = past.first_moment.mix(config.beta_1, g.clone());
        let v = past.second_moment.mix(config.beta_2, g.clone().square());
        let square = v.clone().scale(s.correction);
        let root = match config.epsilon_root {
            0.0 => square.sqrt(),
            epsilon_root => square.shift(epsilon_root).sqrt(),
        };
        let step = m.clone().scale(s.of_mean) + g.scale(s.of_gradient);
        (x - step / root.shift(config.epsilon), Moments::new(m, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1, v = 1, V = 4. Constant: M = 0.5 * 1 / 0.75 + 0.5 * 2 / 0.5 = 8 / 3, halved; then
        // m = 1, v = 1, V = 16 / 7, M = 0.5 / 0.875 + 0.5 / 0.75.
        let constant = NAdamConfig {
            beta_1: 0.5,
            beta_2: 0.75,
            epsilon: 0.0,
            momentum_schedule: MomentumSchedule::Constant,
            ..NAdamConfig::torch()
        };
        let expected = [0.866_666_666_667, 0.784_774_364_181];
        assert_steps(&constant.build().unwrap(), [2.0, 1.0], expected);
    }
}
