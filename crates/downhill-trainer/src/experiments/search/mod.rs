//! A random search: settings drawn at random, then from ranges narrowed to the best of them.

mod draws;
pub(crate) mod report;
mod rounds;

use std::sync::Arc;

use downhill_data::ImagePair;

use crate::config::tables::search::SearchConfig;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::search::report::{record, report_search};
pub(crate) use crate::experiments::search::rounds::check;
use crate::experiments::search::rounds::rounds;
use crate::experiments::trainings::Trainer;
use crate::runs::experiment::ExperimentRecord;

/// Searches with each seed and reports.
pub(crate) fn search(
    trainer: &Trainer<'_>,
    config: &SearchConfig,
    data: ImagePair,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let mut kept = ExperimentRecord::of(trainer.plan, trainer.arguments);
    kept.search = Some(record(trainer.plan, config));
    let mut damaged = Vec::new();
    let found = rounds(
        trainer,
        config,
        &Arc::new(data),
        &mut kept,
        &mut damaged,
        out,
    )?;
    let done = match found {
        Some(found) => {
            trainer.finish()?;
            report_search(trainer, &kept, &found, out)?
        }
        None => Done::Interrupted,
    };
    TrainError::of_damaged(damaged).map(|()| done)
}
