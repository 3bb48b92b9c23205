//! One schedule after another.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Curve, Schedule};
use crate::hyperparameter::{InvalidHyperparameter, count, ensure, rising};

/// One schedule after another, each counted from its own start.
///
/// ```text
/// value = schedule_0(base, t)         for t < m_1
///         schedule_1(base, t - m_1)   for m_1 <= t < m_2
///         ...
/// ```
///
/// PyTorch's `SequentialLR`, optax's `join_schedules` (there the milestones are `boundaries`) and
/// Burn's sequential scheduler. The base is the same for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Joined {
    /// First step of each schedule but the first, in rising order; at least 1.
    pub milestones: Vec<u64>,
    /// Schedules, one more than milestones.
    pub schedules: Vec<Schedule>,
}

impl Joined {
    /// Returns a sequence that begins with this schedule.
    pub fn new(first: impl Into<Schedule>) -> Self {
        Self {
            milestones: Vec::new(),
            schedules: alloc::vec![first.into()],
        }
    }

    /// Adds a schedule that begins at this step.
    #[must_use]
    pub fn then_at(mut self, milestone: u64, next: impl Into<Schedule>) -> Self {
        self.milestones.push(milestone);
        self.schedules.push(next.into());
        self
    }
}

impl Curve for Joined {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        let milestones = self.milestones.len();
        ensure(
            milestones + 1 == self.schedules.len(),
            "joined.milestones",
            "be one fewer than the schedules",
            milestones as f64,
        )?;
        if let Some(&first) = self.milestones.first() {
            count("joined.milestones", first)?;
        }
        rising("joined.milestones", &self.milestones)?;
        self.schedules.iter().try_for_each(Schedule::check)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let passed = self.milestones.partition_point(|&at| at <= step);
        let start = match passed {
            0 => 0,
            _ => self.milestones[passed - 1],
        };
        let since = step.saturating_sub(start);
        (self.schedules.get(passed)).map_or(base, |schedule| schedule.value(base, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;
    use crate::schedule::{ConstantFactor, Cosine, CosineRestarts, Exponential, Linear};

    // The numbers are those of PyTorch 2.9.1.

    #[test]
    fn each_counts_from_its_own_start() {
        // SequentialLR(optimizer, [LinearLR(optimizer, 0.25, 1.0, 3),
        // CosineAnnealingLR(optimizer, 5, 0.01), ExponentialLR(optimizer, 0.5)], [3, 8])
        let schedule = Joined::new(Linear::new(3).with_start_factor(0.25))
            .then_at(3, Cosine::new(5).with_end_value(0.01))
            .then_at(8, Exponential::new(0.5));
        let expected = [
            0.025,
            0.05,
            0.075,
            0.1,
            0.09140576474687263,
            0.06890576474687263,
            0.04109423525312736,
            0.018594235253127367,
            0.1,
            0.05,
            0.025,
            0.0125,
        ];
        assert_values(&schedule, 0.1, &expected);
    }

    #[test]
    fn a_milestone_cuts_a_schedule_off() {
        // SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 9),
        // CosineAnnealingWarmRestarts(optimizer, 2, 2)], [2])
        let half = ConstantFactor::new(9).with_factor(0.5);
        let restarts = CosineRestarts::new(2).with_period_factor(2);
        let schedule = Joined::new(half).then_at(2, restarts);
        let expected = [
            0.05,
            0.05,
            0.1,
            0.05,
            0.1,
            0.08535533905932738,
            0.05,
            0.014644660940672627,
            0.1,
            0.09619397662556434,
        ];
        assert_values(&schedule, 0.1, &expected);
    }
}
