//! Work that is cut into parts.

/// Numbers that are gone over once or twice; fewer are not worth a second thread.
const WORTH_A_THREAD: usize = 1 << 16;

/// Does all jobs, on the threads of the pool around.
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

/// The same of jobs that go over so many numbers in all.
pub(super) fn over_numbers<J: Send>(numbers: usize, jobs: Vec<J>, work: impl Fn(J) + Sync) {
    if numbers < WORTH_A_THREAD {
        jobs.into_iter().for_each(work);
    } else {
        on_threads(jobs, work);
    }
}
