//! Schedule-free SGD and AdamW.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Schedule-free learning: gradients are taken between a base sequence and its average, which
/// converges without a decreasing rate.
///
/// ```text
/// y: the parameter, where gradients are taken;  z: the base sequence;  x: its average
/// z_0 = x_0 = y_0
///
/// sgd:   d_t = g_t
/// adamw: v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
///        d_t = g_t / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
///
/// z_t = z_{t-1} - learning_rate * min((t - 1) / warmup_steps, 1) * (d_t + inner_decay * y_{t-1})
/// w_t = t^step_power * r_t^rate_power
/// r_t: the largest learning_rate * min(t / warmup_steps, 1) so far
/// c_t = w_t / (w_1 + ... + w_t)
/// x_t = (1 - c_t) * x_{t-1} + c_t * z_t
/// y_t = beta_1 * x_t + (1 - beta_1) * z_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, two with `adamw`, and three
/// numbers. Source: Defazio et al. 2024 (arXiv:2405.15682). Evaluate the network at `x`, see
/// [`Descent::averaged`](crate::Descent::averaged). In Keras all weights `w_t` are equal and
/// the weight decay is decoupled, acting on `y`; in optax `w_t` grows with the square of the rate
/// and the decay is inner. `warmup_steps` is the warm-up of optax, and 0 is none; for another, use
/// a schedule, which also scales a decoupled decay. Keras's `warmup_steps` leaves the decay at the
/// full rate, as does [`WeightDecay::Independent`] with the product of rate and lambda.
#[derive(Clone, Debug)]
pub struct ScheduleFree {
    config: ScheduleFreeConfig,
}

/// The base optimizer of schedule-free learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScheduleFreeStep {
    /// Steps along the gradient.
    Sgd,
    /// Steps along the gradient divided by its root mean square.
    AdamW,
}

impl Setting for ScheduleFreeStep {}

settings! {
    /// The settings of [`ScheduleFree`].
    pub struct ScheduleFreeConfig for ScheduleFree, "schedule-free" {
        /// Learning rate of the base sequence `z`; positive.
        pub learning_rate: f64 => positive,
        /// Base optimizer of `z`.
        pub step: ScheduleFreeStep,
        /// Where gradients are taken: 1 is the average `x`, near 0 is `z`; in (0, 1\].
        pub beta_1: f64 => shrinking,
        /// Decay rate of the mean square, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Exponent of the largest rate so far in a step's weight in the average; non-negative.
        pub rate_power: f64 => not_negative,
        /// Exponent of the step number in a step's weight in the average; non-negative.
        pub step_power: f64 => not_negative,
        /// Number of steps over which the learning rate rises, as optax's `warmup_steps`: that of
        /// `z` from 0, that of the weights in the average one step ahead; non-negative.
        pub warmup_steps: f64 => not_negative,
        /// Weight decay as part of the step of `z`; non-negative.
        pub inner_decay: f64 => not_negative,
        /// Weight decay of the parameter `y`.
        pub weight_decay: WeightDecay,
    }
    presets: optax, keras
    source: "Defazio et al. 2024, arXiv:2405.15682"
}

impl ScheduleFreeConfig {
    /// Defaults of optax's `schedule_free_adamw`: learning rate 0.0025, betas 0.9 and 0.999,
    /// epsilon 1e-8, rate power 2.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.0025,
            step: ScheduleFreeStep::AdamW,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            rate_power: 2.0,
            step_power: 0.0,
            warmup_steps: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// Defaults of Keras's `ScheduleFreeAdamW`: optax's, with the same weight for all steps.
    pub fn keras() -> Self {
        Self {
            rate_power: 0.0,
            ..Self::optax()
        }
    }

    /// Defaults of optax's `schedule_free_sgd`: learning rate 1.
    pub fn sgd() -> Self {
        Self {
            learning_rate: 1.0,
            step: ScheduleFreeStep::Sgd,
            ..Self::optax()
        }
    }
}

memory!(Points { descending; mean_square });
optimizer!(ScheduleFree);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    rate: f64,
    correction: f64,
    /// `c_t`
    share: f64,
    /// `beta_1` of the step before, which `y` was made with.
    past_beta_1: f64,
}

/// The number in the memory that is `beta_1` of the last step.
const COMPOSED_WITH: &str = "composed_with";

impl ScheduleFreeConfig {
    /// Returns the average `x` of a parameter.
    pub(crate) fn averaged(&self, y: Tensor<1>, memory: &Memory) -> Tensor<1> {
        let Some(descending) = memory.tensor("descending") else {
            return y;
        };
        let beta_1 = memory.number(COMPOSED_WITH).unwrap_or(self.beta_1);
        ScheduleFree::evaluation(beta_1, y, descending.clone())
    }
}

impl ScheduleFree {
    /// Returns the average `x`, where the network is evaluated, for the parameter `y` and `z`.
    #[inline(always)]
    fn evaluation<R: Real>(beta_1: f64, y: R, descending: R) -> R {
        (y - descending.scale(1.0 - beta_1)).scale(1.0 / beta_1)
    }
}

impl Elementwise for ScheduleFree {
    type Remembers<R: Real> = Points<R>;
    type Scalars = Scalars;
    const PROPORTIONAL: bool = false;
    const NUMBERS: &'static [&'static str] = &["largest_rate", "sum_of_weights", COMPOSED_WITH];
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let warmed_up = |steps: u64| match steps as f64 / config.warmup_steps {
            part if part < 1.0 => part * learning_rate,
            _ => learning_rate,
        };
        let ahead = warmed_up(memory.time);
        let largest = f64::max(memory.number("largest_rate").unwrap_or(0.0), ahead);
        let weight = libm::pow(memory.time as f64, config.step_power)
            * libm::pow(largest, config.rate_power);
        let sum = memory.number("sum_of_weights").unwrap_or(0.0) + weight;
        memory.put_number("largest_rate", largest);
        memory.put_number("sum_of_weights", sum);
        let past_beta_1 = memory.number(COMPOSED_WITH).unwrap_or(config.beta_1);
        memory.put_number(COMPOSED_WITH, config.beta_1);
        Scalars {
            rate: warmed_up(memory.time.saturating_sub(1)),
            correction: 1.0 / bias_correction(config.beta_2, memory.time),
            // A rate of 0, as at the start of a warm-up, has no weight.
            share: if sum > 0.0 { weight / sum } else { 0.0 },
            past_beta_1,
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
        let x = Self::evaluation(s.past_beta_1, y.clone(), z.clone());
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
        // The first step has the rate 0, the second half of it: z = 1, then 0.95. Their weights are
        // 1/4 and 1, so that x = 0.2 + 0.8 * 0.95.
        let warmed_up = ScheduleFreeConfig {
            warmup_steps: 2.0,
            ..sgd
        };
        assert_steps(&warmed_up.build().unwrap(), [2.0, 1.0], [1.0, 0.955]);
    }
}
