//! The threads of a worker.

use crate::error::TrainError;

/// The threads of a worker. Small networks use one of them, and what a run computes does not depend
/// on how many there are: a sum is never split.
pub(crate) fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| TrainError::Backend(format!("a worker's threads do not start: {error}")))
}
