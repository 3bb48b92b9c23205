//! The threads of a worker.

use std::thread;

use crate::error::TrainError;

/// Starts the threads of a worker. Small networks use one of them. The result of a run does not
/// depend on their number, because no sum is split.
pub(crate) fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| cannot_start(&error))
}

/// Starts a thread that ends with its scope.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>, TrainError> {
    let started = thread::Builder::new().spawn_scoped(scope, work);
    started.map_err(|error| cannot_start(&error))
}

fn cannot_start(error: &dyn std::fmt::Display) -> TrainError {
    TrainError::Backend(format!(
        "cannot start the threads of a worker: {error}; try a smaller --workers"
    ))
}
