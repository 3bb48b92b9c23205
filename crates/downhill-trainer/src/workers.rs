//! Runs side by side, one network per worker. What a run computes does not depend on how many run
//! at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use burn::tensor::Device;
use downhill_data::{ImagePair, ImageSet, split};
use downhill_report::record::{Evaluation, Line, Outcome};

use crate::arguments::Backend;
use crate::config::{Subset, TrainingConfig};
use crate::device_data::DeviceSet;
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
        let next = Mutex::new(runs.iter());
        let done = Mutex::new(0);
        let failure = Mutex::new(None);
        let failed = AtomicBool::new(false);
        let shared = Shared::default();
        let work = || {
            while !self.stopped() && !failed.load(Ordering::Relaxed) {
                let Some(run) = lock(&next).next() else {
                    return;
                };
                // A panic in here is a failure, too: the others should not go on for hours first.
                let guard = RaiseOnDrop(&failed);
                let result = self.train_one(run, &shared, &failed);
                std::mem::forget(guard);
                match result {
                    Ok(true) => *lock(&done) += 1,
                    Ok(false) => return,
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                        return;
                    }
                }
            }
        };
        let workers = self.workers.min(runs.len()).max(1);
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
        let left = config.training.updates - recorder.updates;
        self.progress.ended(&run.header, left, &end);
        let mut writer = recorder.writer;
        writer.write(&Line::End(end))?;
        writer.finish(&Timing {
            seconds: start.elapsed().as_secs_f64(),
            device: device::describe(self.backend, self.device),
            workers: self.workers,
        })?;
        Ok(true)
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
        let set = self.put(whole, &split::first(images, whole.len())?)?;
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
