//! Schedule-free SGD and AdamW.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept, shrinking};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory, optimizer};
use crate::settings::{Setting, settings};
use crate::{InvalidHyperparameter, WeightDecay};

/// Schedule-free learning: gradients are taken between a point that descends and the mean of where
/// it has been, and that mean needs no falling rate.
///
/// ```text
/// y: the parameter, where gradients are taken;  z: the point that descends;  x: the mean
/// z_0 = x_0 = y_0
///
/// sgd:   d_t = g_t
/// adamw: v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
///        d_t = g_t / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
///
/// z_t = z_{t-1} - learning_rate * (d_t + inner_decay * y_{t-1})
/// w_t = t^step_power * (the largest learning rate so far)^rate_power
/// c_t = w_t / (w_1 + ... + w_t)
/// x_t = (1 - c_t) * x_{t-1} + c_t * z_t
/// y_t = beta_1 * x_t + (1 - beta_1) * z_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, two with `adamw`, and two
/// numbers. Source: Defazio et al. 2024 (arXiv:2405.15682). `x` is the network to evaluate, see
/// [`Descent::evaluation`](crate::Descent::evaluation). In Keras the weights are all alike and decay is decoupled, acting
/// on `y`; in optax they grow with the square of the rate and the decay is inner. A warm-up is a
/// schedule's matter.
#[derive(Clone, Debug)]
pub struct ScheduleFree {
    config: ScheduleFreeConfig,
}

/// How the descending point steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleFreeStep {
    /// By the gradient.
    Sgd,
    /// By the gradient over the root of its mean square.
    AdamW,
}

impl Setting for ScheduleFreeStep {}

settings! {
    /// The settings of [`ScheduleFree`].
    pub struct ScheduleFreeConfig for ScheduleFree, "schedulefree" {
        /// Rate of the descending point, greater than 0.
        pub learning_rate: f64,
        /// How it steps.
        pub step: ScheduleFreeStep,
        /// Where gradients are taken: 1 at the mean, near 0 at the descending point; in (0, 1\].
        pub beta_1: f64,
        /// Share of the mean square that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Power of the largest rate in a step's weight in the mean, at least 0.
        pub rate_power: f64,
        /// Power of a step's number in its weight in the mean, at least 0.
        pub step_power: f64,
        /// Decay towards 0 as a part of the descending point's step, at least 0.
        pub inner_decay: f64,
        /// Decay of the parameter itself towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax, keras
    source: "Defazio et al. 2024, arXiv:2405.15682"
}

impl ScheduleFreeConfig {
    /// As optax's `schedule_free_adamw`: learning rate 0.0025, betas 0.9 and 0.999, epsilon 1e-8,
    /// rate power 2.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.0025,
            step: ScheduleFreeStep::AdamW,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            rate_power: 2.0,
            step_power: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// As Keras's `ScheduleFreeAdamW`: the same with all steps of the same weight.
    pub fn keras() -> Self {
        Self {
            rate_power: 0.0,
            ..Self::optax()
        }
    }

    /// As optax's `schedule_free_sgd`: learning rate 1.
    pub fn sgd() -> Self {
        Self {
            learning_rate: 1.0,
            step: ScheduleFreeStep::Sgd,
            ..Self::optax()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<ScheduleFree, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        shrinking("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("rate_power", self.rate_power)?;
        not_negative("step_power", self.step_power)?;
        not_negative("inner_decay", self.inner_decay)?;
        self.weight_decay.check()?;
        Ok(ScheduleFree {
            config: self.clone(),
        })
    }
}

memory!(Points { descending; mean_square });
optimizer!(ScheduleFree, elementwise);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    rate: f64,
    correction: f64,
    /// `c_t`
    share: f64,
}

impl ScheduleFree {
    /// The mean `x` of a parameter `y` and what is remembered of it: where to evaluate.
    #[inline(always)]
    pub(crate) fn evaluation<R: Real>(beta_1: f64, y: R, descending: R) -> R {
        (y - descending.scale(1.0 - beta_1)).scale(1.0 / beta_1)
    }
}

impl Elementwise for ScheduleFree {
    type Remembers<R: Real> = Points<R>;
    type Scalars = Scalars;
    const NUMBERS: &'static [&'static str] = &["largest_rate", "sum_of_weights"];

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let largest = f64::max(memory.number("largest_rate").unwrap_or(0.0), learning_rate);
        let weight = libm::pow(memory.time as f64, config.step_power)
            * libm::pow(largest, config.rate_power);
        let sum = memory.number("sum_of_weights").unwrap_or(0.0) + weight;
        memory.put_number("largest_rate", largest);
        memory.put_number("sum_of_weights", sum);
        Scalars {
            rate: learning_rate,
            correction: 1.0 / bias_correction(config.beta_2, memory.time),
            // A rate of 0, as at the beginning of a warm-up, weighs nothing.
            share: if sum > 0.0 { weight / sum } else { 0.0 },
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, y: &R, g: &R) -> Points<R> {
        let mean_square = match self.config.step {
            ScheduleFreeStep::Sgd => None,
            ScheduleFreeStep::AdamW => Some(g.zero()),
        };
        Points::new(y.clone(), mean_square)
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, y: R, g: R, past: Points<R>) -> (R, Points<R>) {
        let config = &self.config;
        let z = past.descending;
        let x = Self::evaluation(config.beta_1, y.clone(), z.clone());
        let (d, mean_square) = match past.mean_square {
            Some(v) => {
                let v = v.mix(config.beta_2, g.clone().square());
                let root = v.clone().scale(s.correction).sqrt();
                (g / root.shift(config.epsilon), Some(v))
            }
            None => (g, None),
        };
        let d = match config.inner_decay {
            0.0 => d,
            decay => d + y.scale(decay),
        };
        let z = z - d.scale(s.rate);
        let x = x.mix(1.0 - s.share, z.clone());
        let y = x.mix(config.beta_1, z.clone());
        (y, Points::new(z, mean_square))
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
        // z = 0.8 = x = y; then z = 0.7, x = 0.75 and y = 0.725.
        let sgd = ScheduleFreeConfig {
            beta_1: 0.5,
            ..ScheduleFreeConfig::sgd()
        };
        assert_steps(&sgd.build().unwrap(), [2.0, 1.0], [0.8, 0.725]);
        // The second step weighs twice as much: x = 0.8 / 3 + 1.4 / 3.
        let later = ScheduleFreeConfig {
            step_power: 1.0,
            ..sgd
        };
        let expected = [0.8, 0.716_666_666_667];
        assert_steps(&later.build().unwrap(), [2.0, 1.0], expected);
    }
}
