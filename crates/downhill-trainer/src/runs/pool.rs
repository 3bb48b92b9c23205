//! Workers that train runs side by side, each a network or an ensemble at a time. The result of a
//! run does not depend on the number of workers.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use downhill_cli::backend::Backend;
use downhill_cli::checkpoint::CheckpointEvery;
use downhill_report::RunRecord;

use crate::device::shared::SharedImages;
use crate::error::TrainError;
use crate::plan::runs::RunPlan;
use crate::runs::again::Again;
use crate::runs::ensembles::SavedEnsemble;
use crate::runs::groups::{Group, Grouping, Sizes};
use crate::runs::progress::Progress;
use crate::runs::recorder::{EnsembleRecorder, Recorder, Shared};
use crate::runs::store::{Begun, Store};
use crate::runs::threads::{start, thread_pool};
use crate::training::Training;
use crate::training::ensemble::EnsembleTraining;

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
    /// The runs that were trained again, if finished runs are to be.
    pub(crate) again: Option<&'a Again>,
    /// How often checkpoints are saved.
    pub(crate) checkpoint_every: CheckpointEvery,
    /// Whether trained networks are saved.
    pub(crate) save_weights: bool,
}

/// What became of the runs that a pool was to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trained {
    /// Runs that this pool trained to their end.
    pub(crate) here: usize,
    /// Runs that other processes finished in the meantime.
    pub(crate) elsewhere: usize,
}

impl Trained {
    /// The runs that are finished.
    pub(crate) fn finished(self) -> usize {
        self.here + self.elsewhere
    }
}

/// What is left to do.
struct Queue<'r, 'p> {
    grouping: Grouping<'r, 'p>,
    groups: VecDeque<Group<'r, 'p>>,
    /// Whether the groups left are those that were busy before.
    waits: bool,
    /// Runs that another process was training when they were to begin.
    busy: Vec<&'r RunPlan<'p>>,
}

impl<'r, 'p> Queue<'r, 'p> {
    /// The next group.
    fn next(&mut self, store: &Store) -> Result<Option<Next<'r, 'p>>, TrainError> {
        let mut pauses = false;
        if self.groups.is_empty() && !self.busy.is_empty() {
            self.groups = (self.grouping).missing(&std::mem::take(&mut self.busy), store)?;
            // Another process may be about to take the rest of an ensemble.
            pauses = self.waits || self.grouping.has_ensembles();
            self.waits = true;
        }
        let waited = self.waits;
        Ok(self.groups.pop_front().map(|group| Next {
            group,
            waited,
            pauses,
        }))
    }
}

/// The next group to train.
struct Next<'r, 'p> {
    group: Group<'r, 'p>,
    /// Whether it was busy before.
    waited: bool,
    /// Whether to pause before it: all groups have been looked at.
    pauses: bool,
}

/// What became of a group of runs.
#[derive(Default)]
struct Outcome<'r, 'p> {
    trained: Trained,
    /// Runs to look at again later.
    busy: Vec<&'r RunPlan<'p>>,
    /// Whether the user stopped the runs, or another one failed.
    stopped: bool,
}

/// The pause before the runs of other processes are looked at again.
const PAUSE: Duration = Duration::from_millis(200);

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
    /// Trains those of the runs of a plan that are missing, and keeps each record as soon as it is
    /// complete. A run that another process is training is left until all others are done, and so
    /// are the other members of its ensemble. It is then waited for, and trained here if that
    /// process ends without it. All runs are finished afterwards unless the user stopped.
    ///
    /// # Errors
    ///
    /// The first failure. Runs that were finished before it are kept.
    pub(crate) fn train<'p>(
        &self,
        missing: &[&RunPlan<'p>],
        all: &[RunPlan<'p>],
    ) -> Result<Trained, TrainError> {
        let _counted = Counted::new();
        let sizes = Sizes {
            members: self.ensemble,
            backend: self.backend,
            pixels: self.image_size(),
            classes: self.images.classes,
        };
        let mut grouping = Grouping::of(all, sizes);
        let groups = grouping.missing(missing, self.store)?;
        let workers = self.workers.min(groups.len()).max(1);
        let queue = Mutex::new(Queue {
            grouping,
            groups,
            waits: false,
            busy: Vec::new(),
        });
        let trained = Mutex::new(Trained::default());
        let failure = Mutex::new(None);
        let failed = AtomicBool::new(false);
        let waits = AtomicBool::new(false);
        let shared = Shared {
            backend: self.backend,
            device: self.device,
            progress: self.progress,
            stop: self.stop,
            failed: &failed,
            again: self.again,
            checkpoint_every: self.checkpoint_every,
            save_weights: self.save_weights,
            workers: self.workers,
            image_size: self.image_size(),
        };
        let work = || {
            while !self.stopped() && !failed.load(Ordering::Relaxed) {
                let next = lock(&queue).next(self.store);
                let Next {
                    group,
                    waited,
                    pauses,
                } = match next {
                    Ok(Some(next)) => next,
                    Ok(None) => return,
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                        return;
                    }
                };
                if pauses {
                    thread::sleep(PAUSE);
                }
                // A panic counts as a failure and stops the other workers at once.
                let guard = RaiseOnDrop(&failed);
                let outcome = match group.runs.as_slice() {
                    [(run, _)] if !self.is_ensemble(&group) => self.train_one(run, &shared),
                    _ => self.train_ensemble(&group, waited, &shared),
                };
                std::mem::forget(guard);
                forget_dropped_parameters(self.device);
                let outcome = match outcome {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                        return;
                    }
                };
                let mut trained = lock(&trained);
                trained.here += outcome.trained.here;
                trained.elsewhere += outcome.trained.elsewhere;
                drop(trained);
                if outcome.stopped {
                    return;
                }
                if outcome.busy.is_empty() {
                    continue;
                }
                lock(&queue).busy.extend(outcome.busy);
                if waited && !waits.swap(true, Ordering::Relaxed) {
                    let line = "waiting for runs that another process is training";
                    self.progress.note(line);
                }
            }
        };
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
            None => Ok(*lock(&trained)),
        }
    }

    /// Whether the runs have checkpoints of an ensemble.
    fn is_ensemble(&self, group: &Group<'_, '_>) -> bool {
        self.ensemble > 1 && group.checkpoints(self.store).exist()
    }

    /// Trains a run.
    fn train_one<'r, 'p>(
        &self,
        run: &'r RunPlan<'p>,
        shared: &Shared<'_>,
    ) -> Result<Outcome<'r, 'p>, TrainError> {
        let mut outcome = Outcome::default();
        let (writer, saved) = match self.begin(run)? {
            Begun::Run(writer, saved) => (*writer, saved),
            Begun::Busy => {
                outcome.busy.push(run);
                return Ok(outcome);
            }
            Begun::Done => {
                self.finished_elsewhere(run)?;
                outcome.trained.elsewhere = 1;
                return Ok(outcome);
            }
        };
        let config = &run.method.config;
        let images = self.images.of_run(&config.data, run.header.seed)?;
        let training = Training {
            config,
            seed: run.header.seed,
            train: &images.train,
            test: &images.test,
            validation: images.validation.as_ref(),
            image: self.images.image,
            device: self.device,
        };
        let is_resumed = saved.is_some();
        let mut recorder = match saved {
            Some(saved) => Recorder::resume(shared, run, writer, *saved)?,
            None => Recorder::begin(shared, run, writer)?,
        };
        let mut end = training.run(&mut recorder);
        if let Err(error @ TrainError::Checkpoint(_)) = &end
            && is_resumed
        {
            recorder = recorder.restart(error)?;
            end = training.run(&mut recorder);
        }
        match end? {
            Some(end) => {
                recorder.end(end, 1)?;
                outcome.trained.here = 1;
            }
            None => outcome.stopped = true,
        }
        Ok(outcome)
    }

    /// Trains an ensemble, which another process may have been training before.
    fn train_ensemble<'r, 'p>(
        &self,
        group: &Group<'r, 'p>,
        waited: bool,
        shared: &Shared<'_>,
    ) -> Result<Outcome<'r, 'p>, TrainError> {
        let mut outcome = Outcome::default();
        let mut members = Vec::with_capacity(group.runs.len());
        for &(run, is_missing) in &group.runs {
            let begun = match is_missing {
                true => self.begin(run)?,
                false => Begun::Done,
            };
            match begun {
                Begun::Run(writer, own) => members.push((run, Some((writer, own)))),
                Begun::Busy => outcome.busy.push(run),
                Begun::Done => {
                    if is_missing {
                        self.finished_elsewhere(run)?;
                        outcome.trained.elsewhere += 1;
                    }
                    members.push((run, None));
                }
            }
        }
        let begun = members.iter().filter(|(_, begun)| begun.is_some());
        let begun: Vec<_> = begun.map(|(run, _)| *run).collect();
        if !outcome.busy.is_empty() {
            // The process that trains this ensemble holds all its runs. It may just be taking them,
            // or stop; only a process with other ensembles holds a part of them for longer.
            if !waited || self.is_ensemble(group) {
                outcome.busy.extend(begun);
                return Ok(outcome);
            }
        }
        if begun.is_empty() {
            return Ok(outcome);
        }
        // Read now that no other process can write it.
        let checkpoints = group.checkpoints(self.store);
        let mut saved = match outcome.busy.is_empty() {
            true => checkpoints.newest()?,
            false => None,
        };
        let has_ended = |saved: &SavedEnsemble| {
            let ended = saved.ended.iter().zip(&members);
            ended
                .into_iter()
                .any(|(ended, (_, begun))| *ended && begun.is_some())
        };
        if saved.as_ref().is_some_and(has_ended) {
            // The record of a member that had ended is gone.
            checkpoints.clear()?;
            saved = None;
        }
        if saved.is_none() {
            members.retain(|(_, begun)| begun.is_some());
        }
        let group = Group {
            runs: (members.iter())
                .map(|(run, begun)| (*run, begun.is_some()))
                .collect(),
        };
        let mut writers = Vec::with_capacity(members.len());
        for (run, begun) in members {
            let writer = match begun {
                Some((mut writer, own)) => {
                    // What it could continue from alone.
                    if own.is_some() {
                        writer.restart()?;
                    }
                    Some(*writer)
                }
                None => None,
            };
            writers.push((run, writer));
        }
        let chosen: Vec<_> = (group.runs.iter())
            .map(|(run, _)| (&run.method.config, run.header.seed))
            .collect();
        // All runs of an ensemble have the same images.
        let (config, seed) = chosen[0];
        let images = self.images.of_run(&config.data, seed)?;
        let training = EnsembleTraining {
            runs: &chosen,
            train: &images.train,
            test: &images.test,
            image_size: self.image_size(),
            device: self.device,
        };
        let is_resumed = saved.is_some();
        let checkpoints = group.checkpoints(self.store);
        let mut recorder = EnsembleRecorder::new(shared, writers, checkpoints, saved)?;
        match training.run(&mut recorder) {
            Err(TrainError::Checkpoint(error)) if is_resumed => {
                let line = format!("warning: {error}; the runs of an ensemble start over");
                self.progress.note(&line);
                drop(recorder);
                group.checkpoints(self.store).clear()?;
                let mut again = self.train_ensemble(&Group::new(begun), waited, shared)?;
                again.busy.extend(outcome.busy);
                again.trained.elsewhere += outcome.trained.elsewhere;
                return Ok(again);
            }
            trained => drop(trained?),
        }
        // Diverged runs end before the others are stopped.
        outcome.trained.here = begun.len() - recorder.left();
        outcome.stopped = recorder.left() > 0;
        Ok(outcome)
    }

    /// Begins the record of a run unless it is done.
    fn begin(&self, run: &RunPlan<'_>) -> Result<Begun, TrainError> {
        let run = &run.header.run;
        if let Some(again) = self.again
            && !again.has(run)?
        {
            return self.store.begin(run, None);
        }
        let will_do = |record: &RunRecord| {
            let has_weights = || self.store.weights(run).is_file();
            // Diverged runs have none.
            !self.save_weights || record.end.outcome.is_diverged() || has_weights()
        };
        self.store.begin(run, Some(&will_do))
    }

    /// Shows a run that another process has finished.
    fn finished_elsewhere(&self, run: &RunPlan<'_>) -> Result<(), TrainError> {
        let record = self.store.finished(&run.header.run)?;
        let updates = run.method.config.training.updates;
        self.progress.finished_elsewhere(updates, record);
        Ok(())
    }

    fn image_size(&self) -> usize {
        self.images.image.iter().product()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Frees what Burn 0.22 keeps of each parameter that was dropped without a backward pass of Burn,
/// as after a training by our own gradients: 1.3 KB, until the next backward pass anywhere
/// (<https://github.com/tracel-ai/burn/issues/4970>).
fn forget_dropped_parameters(device: &Device) {
    let device = device.clone().autodiff();
    let none = Tensor::<1>::zeros([1], &device).require_grad();
    drop(none.backward());
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
