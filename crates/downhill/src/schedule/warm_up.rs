//! Warm-up.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::interpolation::{line, share_done};
use super::{Curve, Schedule};
use crate::InvalidHyperparameter;
use crate::hyperparameter::not_negative;

/// A straight line up to the base, then another schedule, counted from there.
///
/// ```text
/// value = base * (start_factor + (1 - start_factor) * t / steps)   for t < steps
///         then(base, t - steps)                                    from then on
/// ```
///
/// PyTorch's `SequentialLR` of a `LinearLR` and another at the milestone `steps`; optax's
/// `warmup_constant_schedule`, `warmup_cosine_decay_schedule` and
/// `warmup_exponential_decay_schedule`, where the start is a value and the `decay_steps` of the
/// cosine include the warm-up; `CosineDecay` of Keras with a `warmup_target`. A `start_factor` of 0
/// makes the first step one of size 0; with `1 / (steps + 1)` the line begins one step above 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Steps before the other schedule; 0 is none.
    pub steps: u64,
    /// What the first value is of the base, at least 0.
    pub start_factor: f64,
    /// The schedule after it; if not given, constant.
    #[serde(default)]
    pub then: Box<Schedule>,
}

impl Curve for WarmUp {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        not_negative("warm-up.start_factor", self.start_factor)?;
        self.then.check()
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        match step.checked_sub(self.steps) {
            Some(since) => self.then.value(base, since),
            None => base * line(self.start_factor, 1.0, share_done(step, self.steps)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;
    use crate::schedule::{Cosine, CosineEnd};

    #[test]
    fn a_cosine_follows() {
        // optax.warmup_cosine_decay_schedule(0.01, 0.1, 4, 10, end_value=0.001)
        let cosine = Cosine {
            steps: 6,
            end_value: 0.001,
            after: CosineEnd::Hold,
        };
        let schedule = WarmUp {
            steps: 4,
            start_factor: 0.1,
            then: Box::new(Schedule::Cosine(cosine)),
        };
        let expected = [
            0.01,
            0.0325,
            0.055,
            0.0775,
            0.1,
            0.09336825748732973,
            0.07525,
            0.0505,
            0.02575,
            0.007631742512670284,
            0.001,
            0.001,
            0.001,
        ];
        assert_values(&schedule, 0.1, &expected);
    }
}
