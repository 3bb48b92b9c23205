//! A straight line.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{line, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, not_negative};
use crate::setters::setters;

setters! {
    /// Linearly from one multiple of the base to another, which then holds.
    ///
    /// ```text
    /// p = min(t, steps) / steps
    /// value = base * ((1 - p) * start_factor + p * end_factor)
    /// ```
    ///
    /// PyTorch's `LinearLR`, where the length is `total_iters` and both factors are at most 1;
    /// `linear_schedule` of optax with the values `base * start_factor` and `base * end_factor`;
    /// Burn's linear scheduler.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Linear {
        /// Number of steps from the first value to the last; at least 1.
        pub steps: u64,
        /// First value as a factor on the base; non-negative.
        #[serde(default = "default_start_factor")]
        pub start_factor: f64,
        /// Last value as a factor on the base; non-negative.
        #[serde(default = "default_end_factor")]
        pub end_factor: f64,
    }
}

/// As in PyTorch.
fn default_start_factor() -> f64 {
    1.0 / 3.0
}

/// As in PyTorch.
fn default_end_factor() -> f64 {
    1.0
}

impl Linear {
    /// Returns a line from a third of the base to the base.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            start_factor: default_start_factor(),
            end_factor: default_end_factor(),
        }
    }
}

impl Curve for Linear {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("linear.steps", self.steps)?;
        not_negative("linear.start_factor", self.start_factor)?;
        not_negative("linear.end_factor", self.end_factor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let share = share_done(step, self.steps);
        base * line(self.start_factor, self.end_factor, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn the_line_ends_after_its_steps() {
        // optax.linear_schedule(0.02, 0.1, 4)
        let schedule = Linear {
            start_factor: 0.2,
            ..Linear::new(4)
        };
        let expected = [0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1];
        assert_values(&schedule, 0.1, &expected);
        assert_eq!(schedule.value(0.1, 4), 0.1);
    }
}
