//! The threads of a worker.

use crate::error::TrainError;

/// Starts the threads of a worker. Small networks use one of them. The result of a run does not
/// depend on their number, because no sum is split.
pub(crate) fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| {
        TrainError::Backend(format!(
            "cannot start the threads of a worker: {error}; try a smaller --workers"
        ))
    })
}
