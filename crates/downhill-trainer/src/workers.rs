//! Runs side by side, one network per worker. What a run computes does not depend on how many run
//! at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use burn::tensor::Device;
use downhill_data::{ImagePair, split};
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
}

/// The images on the device that most runs share: made when first asked for.
type Shared = Mutex<Vec<((usize, usize), (DeviceSet, DeviceSet))>>;

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
                match self.train_one(run, &shared, &failed) {
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
        thread::scope(|scope| {
            for _ in 0..self.workers.min(runs.len()).max(1) {
                scope.spawn(|| self.on_own_thread(&work));
            }
        });
        self.progress.finish();
        match lock(&failure).take() {
            Some(error) => Err(error),
            None => Ok(*lock(&done)),
        }
    }

    /// Networks of this size train faster on one thread each than together on several, and so
    /// their sums never depend on the number of threads.
    fn on_own_thread(&self, work: &(impl Fn() + Sync)) {
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(pool) if self.backend != Backend::Wgpu => pool.install(work),
            _ => work(),
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
        let writer = self.store.begin(&run.header.run)?;
        let (train, test) = self.images(config, run.header.seed, shared)?;
        let mut recorder = Recorder {
            workshop: self,
            run,
            writer,
            failed,
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
        (self.progress).ended(&run.header, config.training.updates, &end);
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
        let ImagePair { train, test, .. } = self.data;
        let wanted = &config.data;
        let sizes = (
            wanted.train_images.of(train.len()),
            wanted.test_images.of(test.len()),
        );
        let put = |indices: Vec<usize>, set: &downhill_data::ImageSet| {
            let chosen = set.select(&indices)?;
            Ok::<_, TrainError>(DeviceSet::new(&chosen, self.backend, self.device))
        };
        let mut shared = lock(shared);
        let known = shared.iter().find(|(known, _)| *known == sizes);
        let (first, test) = match known {
            Some((_, sets)) => sets.clone(),
            None => {
                let sets = (
                    put(split::first(sizes.0, train.len())?, train)?,
                    put(split::first(sizes.1, test.len())?, test)?,
                );
                shared.push((sizes, sets.clone()));
                sets
            }
        };
        let train = match wanted.subset {
            Subset::First => first,
            Subset::Random => put(split::random_subset(seed, sizes.0, train.len())?, train)?,
        };
        Ok((train, test))
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
}

impl Observer for Recorder<'_> {
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError> {
        self.writer.write(&Line::Evaluation(*evaluation))?;
        let updates = self.run.method.config.training.updates;
        (self.workshop.progress).evaluated(&self.run.header, updates, evaluation);
        Ok(())
    }

    fn updated(&mut self) -> bool {
        self.workshop.progress.updated();
        !self.workshop.stopped() && !self.failed.load(Ordering::Relaxed)
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
