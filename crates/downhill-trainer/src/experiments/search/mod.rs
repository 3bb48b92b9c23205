//! A random search: settings drawn at random, then from ranges narrowed to the best of them.

mod draws;
mod report;
mod rounds;

use std::sync::Arc;

use downhill_data::ImagePair;

use crate::config::tables::search::SearchConfig;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::search::report::report_search;
pub(crate) use crate::experiments::search::rounds::check;
use crate::experiments::search::rounds::rounds;
use crate::experiments::trainings::Trainer;

/// Searches with each seed and reports.
pub(crate) fn search(
    trainer: &Trainer<'_>,
    config: &SearchConfig,
    data: ImagePair,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    match rounds(trainer, config, &Arc::new(data), out)? {
        Some(found) => report_search(trainer, config, &found, out),
        None => Ok(Done::Interrupted),
    }
}
