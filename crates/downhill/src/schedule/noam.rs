//! The schedule of the Transformer.

use serde::{Deserialize, Serialize};

use super::Curve;
use crate::hyperparameter::{InvalidHyperparameter, count};
use crate::setters::setters;

setters! {
    /// The Transformer's schedule: a linear warm-up, then the inverse square root of the step.
    ///
    /// ```text
    /// n = t + 1
    /// value = base * model_size^(-1/2) * min(n^(-1/2), n * warm_up_steps^(-3/2))
    /// ```
    ///
    /// Burn's Noam scheduler, where the base is `factor`, the model size defaults to 512 and the
    /// warm-up to 4000 steps; it names arXiv:1706.03762 as the source. The highest value, at step
    /// `warm_up_steps - 1`, is `base / sqrt(model_size * warm_up_steps)`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Noam {
        /// Width of the model; at least 1.
        pub model_size: u64,
        /// Number of the step with the highest value, counted from 1; at least 1.
        pub warm_up_steps: u64,
    }
}

impl Noam {
    /// Returns the schedule of a model of this width, with the highest value at this step.
    pub fn new(model_size: u64, warm_up_steps: u64) -> Self {
        Self {
            model_size,
            warm_up_steps,
        }
    }
}

impl Curve for Noam {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("noam.model_size", self.model_size)?;
        count("noam.warm_up_steps", self.warm_up_steps)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let n = step as f64 + 1.0;
        let rise = n * libm::pow(self.warm_up_steps as f64, -1.5);
        let fall = 1.0 / libm::sqrt(n);
        base / libm::sqrt(self.model_size as f64) * rise.min(fall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn by_hand() {
        // 16^(-1/2) = 1 / 4 and 4^(-3/2) = 1 / 8.
        let schedule = Noam {
            model_size: 16,
            warm_up_steps: 4,
        };
        let expected = [
            0.03125,
            0.0625,
            0.09375,
            0.125,
            0.25 / 5_f64.sqrt(),
            0.25 / 6_f64.sqrt(),
            0.25 / 7_f64.sqrt(),
            0.25 / 8_f64.sqrt(),
            0.25 / 3.0,
        ];
        assert_values(&schedule, 1.0, &expected);
    }
}
