//! Workers that train runs side by side, each a network or an ensemble at a time. The result of a
//! run does not depend on the number of workers.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use downhill_cli::backend::Backend;
use downhill_cli::checkpoint::CheckpointEvery;

use crate::device::shared::SharedImages;
use crate::error::TrainError;
use crate::plan::runs::RunPlan;
use crate::runs::again::Again;
use crate::runs::ensembles::{EnsembleCheckpoints, SavedEnsemble, interrupted};
use crate::runs::groups::together;
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
    groups: VecDeque<Group<'r, 'p>>,
    /// Whether other processes were training these groups, the last ones.
    waits: bool,
    /// Runs that another process was training when they were to begin.
    busy: Vec<&'r RunPlan<'p>>,
}

/// Runs that train together, or one alone.
struct Group<'r, 'p> {
    /// The runs, and whether each is yet to be finished.
    runs: Vec<(&'r RunPlan<'p>, bool)>,
    /// The checkpoint that they continue from as an ensemble.
    saved: Option<SavedEnsemble>,
}

impl<'r, 'p> Group<'r, 'p> {
    fn new(runs: Vec<&'r RunPlan<'p>>) -> Self {
        Self {
            runs: runs.into_iter().map(|run| (run, true)).collect(),
            saved: None,
        }
    }
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

/// The pause before a run of another process is looked at again.
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
    /// complete. A run that another process is training is left until all others are done; it is
    /// then waited for, and trained here if that process ends without it. All runs are finished
    /// afterwards unless the user stopped.
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
        let groups = self.groups(missing, all)?;
        let workers = self.workers.min(groups.len()).max(1);
        let queue = Mutex::new(Queue {
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
                let next = self.next(&mut lock(&queue), all);
                let (group, waited) = match next {
                    Ok(Some(next)) => next,
                    Ok(None) => return,
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                        return;
                    }
                };
                // A panic counts as a failure and stops the other workers at once.
                let guard = RaiseOnDrop(&failed);
                let outcome = match (group.runs.as_slice(), &group.saved) {
                    ([(run, _)], None) => self.train_one(run, &shared),
                    _ => self.train_ensemble(group, &shared),
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
                if waited {
                    if !waits.swap(true, Ordering::Relaxed) {
                        let line = "waiting for runs that another process is training";
                        self.progress.note(line);
                    }
                    thread::sleep(PAUSE);
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

    /// The next runs, and whether another process was training them before.
    fn next<'r, 'p>(
        &self,
        queue: &mut Queue<'r, 'p>,
        all: &'r [RunPlan<'p>],
    ) -> Result<Option<(Group<'r, 'p>, bool)>, TrainError> {
        if queue.groups.is_empty() && !queue.busy.is_empty() {
            queue.groups = self.groups(&std::mem::take(&mut queue.busy), all)?;
            queue.waits = true;
        }
        Ok(queue.groups.pop_front().map(|group| (group, queue.waits)))
    }

    /// The missing runs: first those of interrupted ensembles, then the others. The groups are
    /// those of all runs, so that each process has the same ones.
    fn groups<'r, 'p>(
        &self,
        missing: &[&'r RunPlan<'p>],
        all: &'r [RunPlan<'p>],
    ) -> Result<VecDeque<Group<'r, 'p>>, TrainError> {
        let mut left: HashMap<&str, &'r RunPlan<'p>> = (missing.iter())
            .map(|run| (run.header.run.as_str(), *run))
            .collect();
        let mut groups = VecDeque::new();
        if self.ensemble > 1 {
            let all: HashMap<&str, &'r RunPlan<'p>> = all
                .iter()
                .map(|run| (run.header.run.as_str(), run))
                .collect();
            for saved in interrupted(self.store)? {
                let runs = saved.runs.iter().map(|run| all.get(run.as_str()).copied());
                // Others belong to another plan.
                let Some(runs) = runs.collect::<Option<Vec<_>>>() else {
                    continue;
                };
                let member = |(run, ended): (&'r RunPlan<'p>, &bool)| {
                    let is_missing = !ended && left.remove(run.header.run.as_str()).is_some();
                    (run, is_missing)
                };
                let runs: Vec<_> = runs.into_iter().zip(&saved.ended).map(member).collect();
                if runs.iter().any(|(_, is_missing)| *is_missing) {
                    let saved = Some(saved);
                    groups.push_back(Group { runs, saved });
                }
            }
        }
        let size = (self.image_size(), self.images.classes);
        for group in together(all, self.ensemble, self.backend, size) {
            let is_left = |run: &&RunPlan<'_>| left.contains_key(run.header.run.as_str());
            let group: Vec<_> = group.into_iter().filter(is_left).collect();
            if !group.is_empty() {
                groups.push_back(Group::new(group));
            }
        }
        Ok(groups)
    }

    fn checkpoints(&self, members: &[(&RunPlan<'_>, bool)]) -> EnsembleCheckpoints {
        let runs = members.iter().map(|(run, _)| run.header.run.as_str());
        EnsembleCheckpoints::of(self.store, &runs.collect::<Vec<_>>())
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

    /// Trains an ensemble.
    fn train_ensemble<'r, 'p>(
        &self,
        group: Group<'r, 'p>,
        shared: &Shared<'_>,
    ) -> Result<Outcome<'r, 'p>, TrainError> {
        let Group { runs, saved } = group;
        let mut outcome = Outcome::default();
        let mut begun = Vec::with_capacity(runs.len());
        for (at, &(run, is_missing)) in runs.iter().enumerate() {
            let begins = match is_missing {
                true => self.begin(run)?,
                false => Begun::Done,
            };
            match begins {
                Begun::Run(writer, own) => begun.push((run, Some((writer, own)))),
                Begun::Busy => {
                    // The others wait for it: without it, their last digits might differ.
                    let begun = begun.into_iter().filter(|(_, begun)| begun.is_some());
                    outcome.busy.extend(begun.map(|(run, _)| run));
                    let rest = runs[at..].iter().filter(|(_, is_missing)| *is_missing);
                    outcome.busy.extend(rest.map(|(run, _)| *run));
                    return Ok(outcome);
                }
                Begun::Done => {
                    if is_missing {
                        self.finished_elsewhere(run)?;
                        outcome.trained.elsewhere += 1;
                    }
                    begun.push((run, None));
                }
            }
        }
        let mut members = Vec::with_capacity(runs.len());
        for (run, begun) in begun {
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
            members.push((run, writer));
        }
        if saved.is_none() {
            members.retain(|(_, writer)| writer.is_some());
        }
        let chosen: Vec<_> = (members.iter())
            .map(|(run, _)| (&run.method.config, run.header.seed))
            .collect();
        let left: Vec<_> = (members.iter())
            .filter_map(|(run, writer)| writer.is_some().then_some(*run))
            .collect();
        let Some((config, seed)) = chosen.first().filter(|_| !left.is_empty()) else {
            return Ok(outcome);
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
        let names: Vec<_> = members.iter().map(|(run, _)| (*run, true)).collect();
        let is_resumed = saved.is_some();
        let checkpoints = self.checkpoints(&names);
        let mut recorder = EnsembleRecorder::new(shared, members, checkpoints, saved)?;
        match training.run(&mut recorder) {
            Err(TrainError::Checkpoint(error)) if is_resumed => {
                let line = format!("warning: {error}; the runs of an ensemble start over");
                self.progress.note(&line);
                self.checkpoints(&names).clear()?;
                outcome.busy.extend(left);
                return Ok(outcome);
            }
            trained => drop(trained?),
        }
        // Diverged runs end before the others are stopped.
        outcome.trained.here = left.len() - recorder.left();
        outcome.stopped = recorder.left() > 0;
        Ok(outcome)
    }

    /// Begins the record of a run unless it is done.
    fn begin(&self, run: &RunPlan<'_>) -> Result<Begun, TrainError> {
        let run = &run.header.run;
        let again = match self.again {
            Some(again) => !again.has(run)?,
            None => self.save_weights && !self.store.weights(run).is_file(),
        };
        self.store.begin(run, again)
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
