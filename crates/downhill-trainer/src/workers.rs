//! Runs side by side, one network or ensemble of networks per worker. What a run computes does not
//! depend on how many run at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use burn::tensor::Device;
use downhill_data::{ImagePair, ImageSet, split};
use downhill_report::record::{Evaluation, Line, Outcome, RunEnd};

use crate::arguments::Backend;
use crate::config::{Subset, TrainingConfig};
use crate::device_data::DeviceSet;
use crate::ensemble_training::{EnsembleObserver, EnsembleTraining};
use crate::ensembles::together;
use crate::progress::Progress;
use crate::runs::RunPlan;
use crate::store::{RecordWriter, Store, Timing};
use crate::training::{Observer, Training};
use crate::{TrainError, device};

/// What all runs of a command share.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// Where tensors are computed.
    pub backend: Backend,
    /// Its device, without autodiff.
    pub device: &'a Device,
    /// The images.
    pub data: &'a ImagePair,
    /// Where records go.
    pub store: &'a Store,
    /// What the user sees.
    pub progress: &'a Progress,
    /// Set when the user wants to stop.
    pub stop: &'a AtomicBool,
    /// How many runs train at the same time.
    pub workers: usize,
    /// How many of them at most train as one ensemble of networks.
    pub ensemble: usize,
    /// Whether runs that are finished are trained once more.
    pub again: bool,
}

/// The images on the device that runs share, by part and number: the first so many of it.
type Shared = Mutex<Vec<((Part, usize), DeviceSet)>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

impl Workshop<'_> {
    /// Trains the runs; each record is kept as it is done. Returns how many were finished, all of
    /// them unless the user stopped.
    ///
    /// # Errors
    ///
    /// The first failure; runs that were finished before it are kept.
    pub fn train(&self, runs: &[RunPlan<'_>]) -> Result<usize, TrainError> {
        let pixels = self.data.train.image_size();
        let groups = together(runs, self.ensemble, self.backend, pixels);
        let next = Mutex::new(groups.iter());
        let done = Mutex::new(0);
        let failure = Mutex::new(None);
        let failed = AtomicBool::new(false);
        let shared = Shared::default();
        let work = || {
            while !self.stopped() && !failed.load(Ordering::Relaxed) {
                let Some(group) = lock(&next).next() else {
                    return;
                };
                // A panic in here is a failure, too: the others should not go on for hours first.
                let guard = RaiseOnDrop(&failed);
                let finished = match group.as_slice() {
                    [run] => self.train_one(run, &shared, &failed).map(usize::from),
                    runs => self.train_ensemble(runs, &shared, &failed),
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
            .map(|_| pool((cores / workers).max(1)))
            .collect::<Result<_, _>>()?;
        thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| pool.install(work));
            }
        });
        self.progress.finish();
        match lock(&failure).take() {
            Some(error) => Err(error),
            None => Ok(*lock(&done)),
        }
    }

    /// Whether it was finished.
    fn train_one(
        &self,
        run: &RunPlan<'_>,
        shared: &Shared,
        failed: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let start = Instant::now();
        let config = &run.method.config;
        let Some(writer) = self.store.begin(&run.header.run, self.again)? else {
            self.progress.skipped(config.training.updates);
            return Ok(true);
        };
        let (train, test) = self.images(config, run.header.seed, shared)?;
        let mut recorder = Recorder {
            workshop: self,
            run,
            writer,
            failed,
            updates: 0,
        };
        recorder.writer.write(&Line::Run(run.header.clone()))?;
        let training = Training {
            config,
            seed: run.header.seed,
            train: &train,
            test: &test,
            image_size: self.data.train.image_size(),
            device: self.device,
        };
        let Some(end) = training.run(&mut recorder)? else {
            return Ok(false);
        };
        recorder.end(end, start.elapsed().as_secs_f64(), 1)?;
        Ok(true)
    }

    /// How many were finished: all, unless they were given up.
    fn train_ensemble(
        &self,
        runs: &[&RunPlan<'_>],
        shared: &Shared,
        failed: &AtomicBool,
    ) -> Result<usize, TrainError> {
        let start = Instant::now();
        let mut recorders = Vec::with_capacity(runs.len());
        let mut chosen = Vec::with_capacity(runs.len());
        let mut finished = 0;
        for &run in runs {
            let config = &run.method.config;
            let Some(writer) = self.store.begin(&run.header.run, self.again)? else {
                self.progress.skipped(config.training.updates);
                finished += 1;
                continue;
            };
            let mut recorder = Recorder {
                workshop: self,
                run,
                writer,
                failed,
                updates: 0,
            };
            recorder.writer.write(&Line::Run(run.header.clone()))?;
            recorders.push(Some(recorder));
            chosen.push((config, run.header.seed));
        }
        let Some((config, seed)) = chosen.first() else {
            return Ok(finished);
        };
        // They share the images, or they would be no ensemble.
        let (train, test) = self.images(config, *seed, shared)?;
        let training = EnsembleTraining {
            runs: &chosen,
            train: &train,
            test: &test,
            image_size: self.data.train.image_size(),
            device: self.device,
        };
        let members = recorders.len();
        let mut recorders = EnsembleRecorder {
            start,
            members,
            recorders,
        };
        // Some may have ended before the others were given up.
        training.run(&mut recorders)?;
        let left = recorders.recorders.iter().flatten().count();
        Ok(finished + members - left)
    }

    /// The images of a run on the device: training and test.
    fn images(
        &self,
        config: &TrainingConfig,
        seed: u64,
        shared: &Shared,
    ) -> Result<(DeviceSet, DeviceSet), TrainError> {
        let wanted = &config.data;
        let ImagePair { train, test, .. } = self.data;
        let test = self.first(Part::Test, wanted.test_images.of(test.len()), shared)?;
        let images = wanted.train_images.of(train.len());
        let train = match wanted.subset {
            Subset::First => self.first(Part::Train, images, shared)?,
            Subset::Random => {
                let indices = split::random_subset(seed, images, train.len())?;
                self.put(train, &indices)?
            }
        };
        Ok((train, test))
    }

    /// The first images of a part, put on the device when first asked for.
    fn first(&self, part: Part, images: usize, shared: &Shared) -> Result<DeviceSet, TrainError> {
        let mut shared = lock(shared);
        if let Some((_, set)) = shared.iter().find(|(key, _)| *key == (part, images)) {
            return Ok(set.clone());
        }
        let whole = match part {
            Part::Train => &self.data.train,
            Part::Test => &self.data.test,
        };
        let set = match images == whole.len() {
            // A copy of them all would be the most memory that a command holds.
            true => DeviceSet::new(whole, self.backend, self.device),
            false => self.put(whole, &split::first(images, whole.len())?)?,
        };
        shared.push(((part, images), set.clone()));
        Ok(set)
    }

    fn put(&self, whole: &ImageSet, indices: &[usize]) -> Result<DeviceSet, TrainError> {
        let chosen = whole.select(indices)?;
        Ok(DeviceSet::new(&chosen, self.backend, self.device))
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Writes a run's record as it goes.
struct Recorder<'a> {
    workshop: &'a Workshop<'a>,
    run: &'a RunPlan<'a>,
    writer: RecordWriter,
    failed: &'a AtomicBool,
    updates: u64,
}

impl Observer for Recorder<'_> {
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError> {
        self.writer.write(&Line::Evaluation(*evaluation))?;
        let updates = self.run.method.config.training.updates;
        (self.workshop.progress).evaluated(&self.run.header, updates, evaluation);
        Ok(())
    }

    fn updated(&mut self) -> bool {
        self.updates += 1;
        self.workshop.progress.updated();
        !self.workshop.stopped() && !self.failed.load(Ordering::Relaxed)
    }
}

/// The threads of a worker. Small networks use one of them, and what a run computes does not depend
/// on how many there are: a sum is never split.
fn pool(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| TrainError::Backend(format!("a worker's threads do not start: {error}")))
}

impl Recorder<'_> {
    /// Completes the record, after so many seconds of an ensemble of so many.
    fn end(mut self, end: RunEnd, seconds: f64, members: usize) -> Result<(), TrainError> {
        let workshop = self.workshop;
        let left = self.run.method.config.training.updates - self.updates;
        workshop.progress.ended(&self.run.header, left, &end);
        self.writer.write(&Line::End(end))?;
        self.writer.finish(&Timing {
            seconds: seconds / members as f64,
            device: device::describe(workshop.backend, workshop.device),
            workers: workshop.workers,
            members,
        })
    }
}

/// Writes the records of an ensemble's runs as they go.
struct EnsembleRecorder<'a> {
    start: Instant,
    members: usize,
    /// Those that have not ended.
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

    fn updated(&mut self) -> bool {
        let mut recorders = self.recorders.iter_mut().flatten();
        recorders.all(|recorder| recorder.updated())
    }
}

/// Raises a flag unless it is forgotten.
struct RaiseOnDrop<'a>(&'a AtomicBool);

impl Drop for RaiseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether a finished run diverged.
pub(crate) fn diverged(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Diverged { .. })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
