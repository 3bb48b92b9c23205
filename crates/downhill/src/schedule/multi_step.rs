//! A factor at given steps.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Curve;
use crate::hyperparameter::{InvalidHyperparameter, not_negative, rising};
use crate::setters::setters;

setters! {
    /// The base, multiplied by a factor at each of the given steps.
    ///
    /// ```text
    /// value = base * factor^(number of milestones <= t)
    /// ```
    ///
    /// PyTorch's `MultiStepLR`, where the factor is `gamma`, and optax's
    /// `piecewise_constant_schedule` with one scale for all boundaries. A milestone that is given
    /// twice counts twice in PyTorch; here it is an error. Keras's `PiecewiseConstantDecay` changes
    /// one step after its boundary.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct MultiStep {
        /// Steps at which the value changes, in rising order.
        pub milestones: Vec<u64>,
        /// Factor of each change; non-negative.
        #[serde(default = "default_factor")]
        pub factor: f64,
    }
}

/// As in PyTorch.
fn default_factor() -> f64 {
    0.1
}

impl MultiStep {
    /// Returns a schedule with a factor of a tenth at each milestone.
    pub fn new(milestones: Vec<u64>) -> Self {
        Self {
            milestones,
            factor: default_factor(),
        }
    }
}

impl Curve for MultiStep {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        rising("multi-step.milestones", &self.milestones)?;
        not_negative("multi-step.factor", self.factor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| at <= step).count();
        base * libm::pow(self.factor, passed as f64)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn a_milestone_is_the_first_step_with_the_next_value() {
        // optax.piecewise_constant_schedule(0.1, {2: 0.5, 5: 0.5})
        let schedule = MultiStep {
            milestones: vec![2, 5],
            factor: 0.5,
        };
        let expected = [0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025];
        assert_values(&schedule, 0.1, &expected);
    }
}
