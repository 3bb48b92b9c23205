//! Schedule-free learning around any optimizer.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::error::InvalidDescent;
use super::kept::KEPT;
use crate::hyperparameter::{not_negative, shrinking};
use crate::rule::Memory;

/// Schedule-free learning around any optimizer: gradients are taken between the sequence that the
/// optimizer steps and its average.
///
/// ```text
/// y: the parameter, where gradients are taken;  z: the base sequence;  x: its average
/// u_t: the step of the optimizer at y_{t-1};  z_0 = x_0 = y_0
///
/// z_t = z_{t-1} + u_t
/// w_t = (the largest learning rate so far)^rate_power
/// c_t = w_t / (w_1 + ... + w_t)
/// x_t = (1 - c_t) * x_{t-1} + c_t * z_t
/// y_t = beta * x_t + (1 - beta) * z_t
/// ```
///
/// State: one tensor per parameter, `z`, and three numbers. Evaluate the network at `x`, which
/// [`Descent::averaged`](crate::Descent::averaged) returns. Optimizers without momentum suit it, as
/// `beta` takes its place. [`ScheduleFree`](crate::ScheduleFree) is the same around SGD and AdamW,
/// in fewer operations.
///
/// Source: Defazio et al. 2024 (arXiv:2405.15682), as optax's `contrib.schedule_free`, whose
/// defaults these are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScheduleFreeAverage {
    /// Where gradients are taken: 1 is the average `x`, near 0 is `z`; in (0, 1\] (optax `b1`).
    pub beta: f64,
    /// Exponent of the largest rate so far in a step's weight in the average; non-negative (optax
    /// `weight_lr_power`).
    pub rate_power: f64,
}

impl Default for ScheduleFreeAverage {
    fn default() -> Self {
        Self {
            beta: 0.9,
            rate_power: 2.0,
        }
    }
}

/// The largest learning rate so far.
const LARGEST: &str = "largest_rate";
/// The sum of the weights of all steps.
const TOTAL: &str = "total";
/// `beta` of the last step, with which `y` was made.
const COMPOSED_WITH: &str = "composed_with";
/// The numbers in the memory of a parameter.
pub(super) const NUMBERS: &[&str] = &[LARGEST, TOTAL, COMPOSED_WITH];

impl ScheduleFreeAverage {
    /// The defaults of optax's `contrib.schedule_free`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where gradients are taken.
    pub fn with_beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// Sets the exponent of the largest rate so far.
    pub fn with_rate_power(mut self, power: f64) -> Self {
        self.rate_power = power;
        self
    }

    pub(super) fn check(&self) -> Result<(), InvalidDescent> {
        shrinking("schedule-free.beta", self.beta)?;
        not_negative("schedule-free.rate_power", self.rate_power)?;
        Ok(())
    }

    /// Returns the parameter after a step of the optimizer from `y` to `stepped`, at this rate.
    pub(super) fn after(
        &self,
        y: Tensor<1>,
        stepped: Tensor<1>,
        rate: f64,
        memory: &mut Memory,
    ) -> Tensor<1> {
        let z = memory.take(KEPT).unwrap_or_else(|| y.clone());
        let largest = memory.number(LARGEST).unwrap_or(0.0).max(rate);
        let weight = libm::pow(largest, self.rate_power);
        let total = memory.number(TOTAL).unwrap_or(0.0) + weight;
        let share = if total == 0.0 { 0.0 } else { weight / total };
        let x = self.average(y.clone(), z.clone(), memory);
        let z = z + (stepped - y);
        let x = x.mul_scalar(1.0 - share) + z.clone().mul_scalar(share);
        let y = x.mul_scalar(self.beta) + z.clone().mul_scalar(1.0 - self.beta);
        memory.put(KEPT, z);
        memory.put_number(LARGEST, largest);
        memory.put_number(TOTAL, total);
        memory.put_number(COMPOSED_WITH, self.beta);
        y
    }

    /// Returns `x`.
    pub(super) fn average(&self, y: Tensor<1>, z: Tensor<1>, memory: &Memory) -> Tensor<1> {
        let beta = memory.number(COMPOSED_WITH).unwrap_or(self.beta);
        (y - z.mul_scalar(1.0 - beta)).mul_scalar(1.0 / beta)
    }
}
