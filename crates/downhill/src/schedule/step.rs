//! A factor at regular steps.

use serde::{Deserialize, Serialize};

use super::Curve;
use crate::hyperparameter::{InvalidHyperparameter, count, not_negative};
use crate::setters::setters;

setters! {
    /// The base, multiplied by a factor after each period.
    ///
    /// ```text
    /// value = base * factor^floor(t / period)
    /// ```
    ///
    /// PyTorch's `StepLR`, where the period is `step_size` and the factor `gamma`, and Burn's step
    /// scheduler; `exponential_decay` of optax and `ExponentialDecay` of Keras with
    /// `staircase=True`, where the period is `transition_steps` or `decay_steps`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Step {
        /// Number of steps between changes; at least 1.
        pub period: u64,
        /// Factor of each change; non-negative.
        #[serde(default = "default_factor")]
        pub factor: f64,
    }
}

/// As in PyTorch.
fn default_factor() -> f64 {
    0.1
}

impl Step {
    /// Returns a schedule with a factor of a tenth after each period.
    pub fn new(period: u64) -> Self {
        Self {
            period,
            factor: default_factor(),
        }
    }
}

impl Curve for Step {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("step.period", self.period)?;
        not_negative("step.factor", self.factor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let changes = step / self.period.max(1);
        base * libm::pow(self.factor, changes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn changes_come_after_each_period() {
        // optax.exponential_decay(0.1, 3, 0.5, staircase=True) and
        // keras ExponentialDecay(0.1, 3, 0.5, staircase=True)
        let schedule = Step {
            period: 3,
            factor: 0.5,
        };
        let expected = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025];
        assert_values(&schedule, 0.1, &expected);
    }
}
