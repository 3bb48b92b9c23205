//! Polynomial decay.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{line, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, finite, positive};
use crate::setters::setters;

setters! {
    /// From the base to an end value, by a power of the fraction of steps left; the end value then
    /// holds.
    ///
    /// ```text
    /// p = min(t, steps) / steps
    /// value = end_value + (base - end_value) * (1 - p)^power
    /// ```
    ///
    /// With the end value 0 PyTorch's `PolynomialLR`, where the length is `total_iters`; with
    /// others `polynomial_schedule` of optax and `PolynomialDecay` of Keras without `cycle`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Polynomial {
        /// Number of steps from the base to the end value; at least 1.
        pub steps: u64,
        /// Exponent; positive.
        #[serde(default = "default_power")]
        pub power: f64,
        /// Value at the end, not a factor.
        #[serde(default)]
        pub end_value: f64,
    }
}

/// As in PyTorch.
fn default_power() -> f64 {
    1.0
}

impl Polynomial {
    /// Returns a line from the base to 0.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            power: default_power(),
            end_value: 0.0,
        }
    }
}

impl Curve for Polynomial {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("polynomial.steps", self.steps)?;
        positive("polynomial.power", self.power)?;
        finite("polynomial.end_value", self.end_value)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let left = 1.0 - share_done(step, self.steps);
        line(self.end_value, base, libm::pow(left, self.power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn the_end_value_holds() {
        // optax.polynomial_schedule(0.1, 0.01, 2, 5) and
        // keras PolynomialDecay(0.1, 5, end_learning_rate=0.01, power=2)
        let schedule = Polynomial {
            steps: 5,
            power: 2.0,
            end_value: 0.01,
        };
        let expected = [0.1, 0.0676, 0.0424, 0.0244, 0.0136, 0.01, 0.01, 0.01];
        assert_values(&schedule, 0.1, &expected);
    }
}
