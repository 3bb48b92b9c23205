//! A schedule as Burn's learning-rate scheduler.

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::LearningRate;

use super::Schedule;
use crate::hyperparameter::{InvalidHyperparameter, positive};

/// A [`Schedule`] of the learning rate as a scheduler of Burn's.
///
/// It can be used wherever Burn takes one, in its `Learner` and alongside its own schedulers. Its
/// record holds the number of steps taken.
///
/// ```
/// use burn::lr_scheduler::LrScheduler;
/// use downhill::Schedule;
/// use downhill::schedule::{Cosine, WarmUp};
///
/// let schedule = Schedule::from(WarmUp::new(2).then(Cosine::new(10)));
/// let mut scheduler = schedule.lr_scheduler(0.1)?;
/// assert_eq!([0; 3].map(|_| scheduler.step()), [0.0, 0.05, 0.1]);
/// # Ok::<(), downhill::InvalidHyperparameter>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledRate {
    schedule: Schedule,
    base: f64,
    step: u64,
}

impl Schedule {
    /// Returns Burn's scheduler of a learning rate with this base value.
    ///
    /// # Errors
    ///
    /// If the base or a setting of the schedule is out of bounds; the error names it.
    pub fn lr_scheduler(self, base: f64) -> Result<ScheduledRate, InvalidHyperparameter> {
        positive("learning_rate", base)?;
        self.check()?;
        Ok(ScheduledRate {
            schedule: self,
            base,
            step: 0,
        })
    }
}

const STEP: &str = "step";

impl LrScheduler for ScheduledRate {
    fn step(&mut self) -> LearningRate {
        let rate = self.schedule.value(self.base, self.step);
        self.step += 1;
        rate
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(STEP, self.step)
    }

    /// A record of another scheduler changes nothing, as with Burn's own.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(step) = record.scalar(STEP) {
            self.step = step;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::schedule::Cosine;

    fn cosine() -> Schedule {
        Cosine::new(7).into()
    }

    #[test]
    fn the_scheduler_follows_its_schedule() {
        let scheduler = cosine().lr_scheduler(0.3).unwrap();
        let mut scheduler: Box<dyn LrScheduler> = Box::new(scheduler);
        for step in 0..20 {
            assert_eq!(scheduler.step(), cosine().value(0.3, step));
        }
    }

    #[test]
    fn a_saved_scheduler_goes_on_where_it_was() {
        let mut straight = cosine().lr_scheduler(0.3).unwrap();
        for _ in 0..5 {
            straight.step();
        }
        let bytes = straight.to_record().into_bytes().unwrap();
        let mut resumed = cosine().lr_scheduler(0.3).unwrap();
        resumed.load_record(LrSchedulerRecord::from_bytes(bytes).unwrap());
        assert_eq!(resumed, straight);
        assert_eq!(resumed.step(), cosine().value(0.3, 5));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let error = cosine().lr_scheduler(0.0).unwrap_err();
        assert_eq!(error.name, "learning_rate");
        let error = Schedule::from(Cosine::new(0))
            .lr_scheduler(0.1)
            .unwrap_err();
        assert_eq!(error.name, "cosine.steps");
    }
}
