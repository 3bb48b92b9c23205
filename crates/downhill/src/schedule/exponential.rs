//! Exponential decay.

use serde::{Deserialize, Serialize};

use super::Curve;
use crate::hyperparameter::{InvalidHyperparameter, count, not_negative};
use crate::setters::setters;

setters! {
    /// Exponential decay, or growth.
    ///
    /// ```text
    /// value = base * factor^(t / period)
    /// ```
    ///
    /// With a period of 1 PyTorch's `ExponentialLR`, where the factor is `gamma`, and Burn's
    /// exponential scheduler; with others `exponential_decay` of optax and `ExponentialDecay` of
    /// Keras, where the factor is `decay_rate` and the period `transition_steps` or `decay_steps`.
    /// In steps instead of a curve it is [`Step`](super::Step).
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Exponential {
        /// Factor on the value per period; non-negative.
        pub factor: f64,
        /// Number of steps in a period; at least 1.
        #[serde(default = "default_period")]
        pub period: u64,
    }
}

/// As in PyTorch.
fn default_period() -> u64 {
    1
}

impl Exponential {
    /// Returns a schedule with this factor per step.
    pub fn new(factor: f64) -> Self {
        Self {
            factor,
            period: default_period(),
        }
    }
}

impl Curve for Exponential {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        not_negative("exponential.factor", self.factor)?;
        count("exponential.period", self.period)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let periods = step as f64 / self.period.max(1) as f64;
        base * libm::pow(self.factor, periods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn the_factor_is_that_of_a_whole_period() {
        // optax.exponential_decay(0.1, 4, 0.5) and keras ExponentialDecay(0.1, 4, 0.5)
        let schedule = Exponential {
            factor: 0.5,
            period: 4,
        };
        let expected = [
            0.1,
            0.08408964152537146,
            0.07071067811865477,
            0.05946035575013606,
            0.05,
            0.04204482076268573,
            0.03535533905932738,
        ];
        assert_values(&schedule, 0.1, &expected);
    }
}
