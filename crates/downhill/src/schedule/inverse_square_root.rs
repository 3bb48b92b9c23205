//! The inverse square root of the step.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{line, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, not_negative};
use crate::setters::setters;

setters! {
    /// A straight line up to the base, then down with the inverse square root of the step.
    ///
    /// ```text
    /// value = base * (start_factor + (1 - start_factor) * t / warm_up_steps)   for t < warm_up_steps
    ///         base * sqrt(warm_up_steps / t)                                   from then on
    /// ```
    ///
    /// fairseq's `inverse_sqrt`, where the settings are `warmup_updates` and `warmup_init_lr`, and
    /// the `get_inverse_sqrt_schedule` of Hugging Face's Transformers without a `timescale`, which
    /// starts from 0. [`Noam`](super::Noam) has the same form with steps counted from 1.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct InverseSquareRoot {
        /// Number of steps to the base; at least 1.
        pub warm_up_steps: u64,
        /// First value as a factor on the base; non-negative.
        #[serde(default)]
        pub start_factor: f64,
    }
}

impl InverseSquareRoot {
    /// Returns a schedule that starts at 0, as in fairseq and Transformers.
    pub fn new(warm_up_steps: u64) -> Self {
        Self {
            warm_up_steps,
            start_factor: 0.0,
        }
    }
}

impl Curve for InverseSquareRoot {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("inverse-square-root.warm_up_steps", self.warm_up_steps)?;
        not_negative("inverse-square-root.start_factor", self.start_factor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let steps = self.warm_up_steps;
        if step < steps {
            base * line(self.start_factor, 1.0, share_done(step, steps))
        } else {
            base * libm::sqrt(steps as f64 / step as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Noam;
    use crate::schedule::tests::assert_values;

    #[test]
    fn by_hand() {
        let schedule = InverseSquareRoot {
            warm_up_steps: 4,
            start_factor: 0.5,
        };
        let expected = [0.5, 0.625, 0.75, 0.875, 1.0];
        assert_values(&schedule, 1.0, &expected);
        assert_eq!(schedule.value(1.0, 16), 0.5);
        assert_eq!(schedule.value(1.0, 64), 0.25);
    }

    #[test]
    fn noam_is_a_step_ahead() {
        let noam = Noam {
            model_size: 1,
            warm_up_steps: 9,
        };
        let expected: [f64; 30] = core::array::from_fn(|step| {
            InverseSquareRoot::new(9).value(1.0, step as u64 + 1) / 3.0
        });
        assert_values(&noam, 1.0, &expected);
    }
}
