//! Schedules on top of one another.

use alloc::vec::Vec;

use super::{Curve, Schedule};
use crate::hyperparameter::{InvalidHyperparameter, ensure};

impl Curve for Vec<Schedule> {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        let count = self.len() as f64;
        ensure(!self.is_empty(), "product", "have a schedule", count)?;
        self.iter().try_for_each(Schedule::check)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        (self.iter()).fold(base, |value, schedule| schedule.value(value, step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;
    use crate::schedule::{Cosine, Exponential, Linear, Step};

    // The numbers are those of PyTorch 2.9.1.

    #[test]
    fn factors_are_multiplied() {
        // ChainedScheduler([LinearLR(optimizer, 0.25, 1.0, 3), ExponentialLR(optimizer, 0.9),
        // StepLR(optimizer, 4, 0.5)])
        let schedule = Schedule::from(Linear::new(3).with_start_factor(0.25))
            .times(Exponential::new(0.9))
            .times(Step::new(4).with_factor(0.5));
        let expected = [
            0.025,
            0.045,
            0.06075,
            0.0729,
            0.032805,
            0.0295245,
            0.02657205,
            0.023914845,
            0.01076168025,
            0.009685512225,
        ];
        assert_values(schedule.curve(), 0.1, &expected);
    }

    #[test]
    fn a_cosine_to_0_is_a_factor() {
        // ChainedScheduler([CosineAnnealingLR(optimizer, 6), ExponentialLR(optimizer, 0.9)])
        let schedule = Schedule::from(Cosine::new(6)).times(Exponential::new(0.9));
        let expected = [
            0.1,
            0.08397114317029976,
            0.06075,
            0.03645,
            0.0164025,
            0.00395553296596634,
        ];
        assert_values(schedule.curve(), 0.1, &expected);
    }
}
