//! A factor for the first steps.

use serde::{Deserialize, Serialize};

use super::Curve;
use crate::hyperparameter::{InvalidHyperparameter, count, not_negative};
use crate::setters::setters;

setters! {
    /// The base times a factor for the first steps, then the base.
    ///
    /// ```text
    /// value = base * factor   for t < steps
    ///         base            from then on
    /// ```
    ///
    /// PyTorch's `ConstantLR`, where the length is `total_iters`; there the factor lies in \[0, 1].
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct ConstantFactor {
        /// Number of steps with the factor; at least 1.
        pub steps: u64,
        /// Factor on the base; non-negative.
        #[serde(default = "default_factor")]
        pub factor: f64,
    }
}

/// As in PyTorch.
fn default_factor() -> f64 {
    1.0 / 3.0
}

impl ConstantFactor {
    /// Returns a schedule with a third of the base for this many steps.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            factor: default_factor(),
        }
    }
}

impl Curve for ConstantFactor {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("constant-factor.steps", self.steps)?;
        not_negative("constant-factor.factor", self.factor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        if step < self.steps {
            base * self.factor
        } else {
            base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn the_factor_ends_after_its_steps() {
        let schedule = ConstantFactor {
            steps: 2,
            factor: 0.5,
        };
        assert_values(&schedule, 0.1, &[0.05, 0.05, 0.1, 0.1]);
    }
}
