//! Work split over threads.

/// Fewest values, processed once or twice, for which several threads pay off.
const MIN_VALUES: usize = 1 << 16;

/// Runs all jobs on the threads of the current pool.
pub(super) fn on_threads<J: Send>(jobs: Vec<J>, work: impl Fn(J) + Sync) {
    if jobs.len() == 1 || rayon::current_num_threads() == 1 {
        jobs.into_iter().for_each(work);
        return;
    }
    rayon::scope(|scope| {
        let work = &work;
        for job in jobs {
            scope.spawn(move |_| work(job));
        }
    });
}

/// Like [`on_threads`], for jobs that process `values` values in total; few values stay on one
/// thread.
pub(super) fn over_values<J: Send>(values: usize, jobs: Vec<J>, work: impl Fn(J) + Sync) {
    if values < MIN_VALUES {
        jobs.into_iter().for_each(work);
    } else {
        on_threads(jobs, work);
    }
}
