//! Workers that train runs side by side, each a network or an ensemble at a time. The result of a
//! run does not depend on the number of workers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use burn::tensor::Device;
use downhill_cli::backend::Backend;
use downhill_model::{Ensemble, Network};
use downhill_report::record::{Evaluation, Line, RunEnd};

use crate::device;
use crate::device::shared::SharedImages;
use crate::error::TrainError;
use crate::plan::runs::RunPlan;
use crate::runs::groups::together;
use crate::runs::progress::{Progress, RunProgress};
use crate::runs::store::{RecordWriter, Store};
use crate::runs::threads::{start, thread_pool};
use crate::runs::timings::Timing;
use crate::training::Training;
use crate::training::ensemble::EnsembleTraining;
use crate::training::observer::{EnsembleObserver, Observer};
use crate::weights;

/// Trains runs side by side, and holds what they share.
#[derive(Debug)]
pub(crate) struct RunPool<'a> {
    /// Backend of the runs.
    pub(crate) backend: Backend,
    /// Device of the backend, without autodiff.
    pub(crate) device: &'a Device,
    /// Images of the runs.
    pub(crate) images: &'a SharedImages<'a>,
    /// Directory of the records.
    pub(crate) store: &'a Store,
    /// Progress shown to the user.
    pub(crate) progress: &'a Progress,
    /// Set when the user stops the command.
    pub(crate) stop: &'a AtomicBool,
    /// Number of runs, or of ensembles, that train at the same time.
    pub(crate) workers: usize,
    /// The largest number of runs that train as one ensemble.
    pub(crate) ensemble: usize,
    /// Whether finished runs are trained again.
    pub(crate) again: bool,
    /// Whether trained networks are saved.
    pub(crate) save_weights: bool,
}

/// The number of pools that train.
static TRAINING: AtomicUsize = AtomicUsize::new(0);

/// Whether runs are being trained, which are then to be stopped in order. All else leaves nothing
/// half-written if the process ends.
pub fn is_training() -> bool {
    TRAINING.load(Ordering::Relaxed) > 0
}

/// Counts a pool as one that trains, until dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        TRAINING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        TRAINING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RunPool<'_> {
    /// Trains the runs and keeps each record as soon as it is complete. Returns the number of
    /// finished runs: all of them unless the user stopped.
    ///
    /// # Errors
    ///
    /// The first failure. Runs that were finished before it are kept.
    pub(crate) fn train(&self, runs: &[&RunPlan<'_>]) -> Result<usize, TrainError> {
        let _counted = Counted::new();
        let groups = together(
            runs,
            self.ensemble,
            self.backend,
            (self.image_size(), self.images.classes),
        );
        let next = Mutex::new(groups.iter());
        let done = Mutex::new(0);
        let failure = Mutex::new(None);
        let failed = AtomicBool::new(false);
        let work = || {
            while !self.stopped() && !failed.load(Ordering::Relaxed) {
                let Some(group) = lock(&next).next() else {
                    return;
                };
                // A panic counts as a failure and stops the other workers at once.
                let guard = RaiseOnDrop(&failed);
                let finished = match group.as_slice() {
                    [run] => self.train_one(run, &failed).map(usize::from),
                    runs => self.train_ensemble(runs, &failed),
                };
                std::mem::forget(guard);
                match finished {
                    Ok(finished) => {
                        *lock(&done) += finished;
                        if finished < group.len() {
                            return;
                        }
                    }
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                        return;
                    }
                }
            }
        };
        let workers = self.workers.min(groups.len()).max(1);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let pools: Vec<_> = (0..workers)
            .map(|_| thread_pool((cores / workers).max(1)))
            .collect::<Result<_, _>>()?;
        thread::scope(|scope| {
            for pool in &pools {
                if let Err(error) = start(scope, || pool.install(work)) {
                    failed.store(true, Ordering::Relaxed);
                    lock(&failure).get_or_insert(error);
                }
            }
        });
        self.progress.finish();
        match lock(&failure).take() {
            Some(error) => Err(error),
            None => Ok(*lock(&done)),
        }
    }

    /// Trains a run. Returns whether it was finished.
    fn train_one(&self, run: &RunPlan<'_>, failed: &AtomicBool) -> Result<bool, TrainError> {
        let start = Instant::now();
        let config = &run.method.config;
        let Some(writer) = self.begin(run)? else {
            self.progress.skipped(config.training.updates);
            return Ok(true);
        };
        let images = self.images.of_run(&config.data, run.header.seed)?;
        let mut recorder = Recorder::new(self, run, writer, failed);
        recorder.writer.write(&Line::Run(run.header.clone()))?;
        let training = Training {
            config,
            seed: run.header.seed,
            train: &images.train,
            test: &images.test,
            validation: images.validation.as_ref(),
            image: self.images.image,
            device: self.device,
        };
        let Some(end) = training.run(&mut recorder)? else {
            return Ok(false);
        };
        recorder.end(end, start.elapsed().as_secs_f64(), 1)?;
        Ok(true)
    }

    /// Trains an ensemble. Returns the number of finished runs: all unless stopped.
    fn train_ensemble(
        &self,
        runs: &[&RunPlan<'_>],
        failed: &AtomicBool,
    ) -> Result<usize, TrainError> {
        let start = Instant::now();
        let mut recorders = Vec::with_capacity(runs.len());
        let mut chosen = Vec::with_capacity(runs.len());
        let mut finished = 0;
        for &run in runs {
            let config = &run.method.config;
            let Some(writer) = self.begin(run)? else {
                self.progress.skipped(config.training.updates);
                finished += 1;
                continue;
            };
            let mut recorder = Recorder::new(self, run, writer, failed);
            recorder.writer.write(&Line::Run(run.header.clone()))?;
            recorders.push(Some(recorder));
            chosen.push((config, run.header.seed));
        }
        let Some((config, seed)) = chosen.first() else {
            return Ok(finished);
        };
        // All runs of an ensemble have the same images.
        let images = self.images.of_run(&config.data, *seed)?;
        let training = EnsembleTraining {
            runs: &chosen,
            train: &images.train,
            test: &images.test,
            image_size: self.image_size(),
            device: self.device,
        };
        let members = recorders.len();
        let mut recorders = EnsembleRecorder {
            start,
            members,
            recorders,
        };
        // Diverged runs end before the others are stopped.
        training.run(&mut recorders)?;
        let left = recorders.recorders.iter().flatten().count();
        Ok(finished + members - left)
    }

    /// Begins the record of a run; `None` if it is finished.
    fn begin(&self, run: &RunPlan<'_>) -> Result<Option<RecordWriter>, TrainError> {
        let run = &run.header.run;
        let lacks_weights = self.save_weights && !self.store.weights(run).is_file();
        self.store.begin(run, self.again || lacks_weights)
    }

    fn image_size(&self) -> usize {
        self.images.image.iter().product()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Writes the record of a run while it trains.
struct Recorder<'a> {
    pool: &'a RunPool<'a>,
    run: &'a RunPlan<'a>,
    writer: RecordWriter,
    failed: &'a AtomicBool,
    progress: RunProgress<'a>,
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, line: &Line) -> Result<(), TrainError> {
        self.writer.write(line)
    }

    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError> {
        self.writer.write(&Line::Evaluation(*evaluation))?;
        self.progress.evaluated(evaluation);
        Ok(())
    }

    fn trained(&mut self, network: &Network) -> Result<(), TrainError> {
        if !self.pool.save_weights {
            return Ok(());
        }
        let config = &self.run.method.config;
        let bytes = weights::encode(&self.run.header, config, network, self.pool.image_size())?;
        self.writer.keep_weights(&bytes)
    }

    fn goes_on(&mut self) -> bool {
        !self.pool.stopped() && !self.failed.load(Ordering::Relaxed)
    }

    fn updated(&mut self) -> bool {
        self.progress.updated();
        !self.pool.stopped() && !self.failed.load(Ordering::Relaxed)
    }
}

impl<'a> Recorder<'a> {
    fn new(
        pool: &'a RunPool<'a>,
        run: &'a RunPlan<'a>,
        writer: RecordWriter,
        failed: &'a AtomicBool,
    ) -> Self {
        let updates = run.method.config.training.updates;
        Self {
            pool,
            run,
            writer,
            failed,
            progress: pool.progress.begin(&run.header, updates),
        }
    }

    /// Completes the record. `seconds` are those of the whole ensemble.
    fn end(mut self, end: RunEnd, seconds: f64, members: usize) -> Result<(), TrainError> {
        let pool = self.pool;
        self.writer.write(&Line::End(end.clone()))?;
        self.writer.finish(Timing {
            seconds: seconds / members as f64,
            device: device::describe(pool.backend, pool.device),
            workers: pool.workers,
            members,
            weights: None,
        })?;
        self.progress.ended(end);
        Ok(())
    }
}

/// Writes the records of an ensemble while it trains.
struct EnsembleRecorder<'a> {
    start: Instant,
    members: usize,
    /// By run; `None` once the run has ended.
    recorders: Vec<Option<Recorder<'a>>>,
}

impl EnsembleObserver for EnsembleRecorder<'_> {
    fn evaluated(&mut self, run: usize, evaluation: &Evaluation) -> Result<(), TrainError> {
        match &mut self.recorders[run] {
            Some(recorder) => recorder.evaluated(evaluation),
            None => Ok(()),
        }
    }

    fn ended(&mut self, run: usize, end: &RunEnd) -> Result<(), TrainError> {
        let seconds = self.start.elapsed().as_secs_f64();
        match self.recorders[run].take() {
            Some(recorder) => recorder.end(end.clone(), seconds, self.members),
            None => Ok(()),
        }
    }

    fn trained(&mut self, networks: &Ensemble) -> Result<(), TrainError> {
        let recorders = self.recorders.iter_mut().flatten();
        if !(recorders.into_iter()).any(|recorder| recorder.pool.save_weights) {
            return Ok(());
        }
        for (recorder, network) in self.recorders.iter_mut().zip(networks.members()) {
            if let Some(recorder) = recorder {
                recorder.trained(&Network::Mlp(network))?;
            }
        }
        Ok(())
    }

    fn updated(&mut self) -> bool {
        let mut recorders = self.recorders.iter_mut().flatten();
        recorders.all(|recorder| recorder.updated())
    }
}

/// Raises a flag when dropped.
struct RaiseOnDrop<'a>(&'a AtomicBool);

impl Drop for RaiseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
