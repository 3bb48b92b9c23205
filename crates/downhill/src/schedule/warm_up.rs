//! Warm-up.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::interpolation::{line, share_done};
use super::{Curve, Schedule};
use crate::hyperparameter::{InvalidHyperparameter, not_negative};

/// A linear warm-up to the base, then another schedule, which counts its steps from there.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WarmUp {
    /// Number of steps before the other schedule; 0 for no warm-up.
    pub steps: u64,
    /// First value as a factor on the base; non-negative. 0 by default.
    #[serde(default)]
    pub start_factor: f64,
    /// Schedule that follows; constant by default.
    #[serde(default)]
    pub then: Box<Schedule>,
}

impl WarmUp {
    /// Returns a warm-up from 0 to the base in this many steps, followed by a constant.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            start_factor: 0.0,
            then: Box::default(),
        }
    }

    /// Sets [`start_factor`](Self#structfield.start_factor).
    #[must_use]
    pub fn with_start_factor(mut self, start_factor: f64) -> Self {
        self.start_factor = start_factor;
        self
    }

    /// Sets the schedule that follows the warm-up.
    #[must_use]
    pub fn then(mut self, schedule: impl Into<Schedule>) -> Self {
        self.then = Box::new(schedule.into());
        self
    }
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
        let cosine = Cosine::new(6)
            .with_end_value(0.001)
            .with_after(CosineEnd::Hold);
        let schedule = WarmUp::new(4).with_start_factor(0.1).then(cosine);
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
