//! Runs that are recorded, shown and saved while they train.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use downhill::Checkpoint;
use downhill_cli::backend::Backend;
use downhill_cli::checkpoint::CheckpointEvery;
use downhill_model::{Ensemble, Network};
use downhill_report::record::{Evaluation, Line, RunEnd};

use crate::device;
use crate::error::TrainError;
use crate::plan::runs::RunPlan;
use crate::runs::again::Again;
use crate::runs::ensembles::{EnsembleCheckpoints, SavedEnsemble};
use crate::runs::progress::{Progress, RunProgress};
use crate::runs::timings::Timing;
use crate::runs::writer::{RecordWriter, SavedRun};
use crate::training::observer::{Control, EnsembleObserver, Observer};
use crate::weights;

/// What the runs of a pool share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) backend: Backend,
    pub(super) device: &'a Device,
    pub(super) progress: &'a Progress,
    /// Set when the user stops the command.
    pub(super) stop: &'a AtomicBool,
    /// Set when a run has failed.
    pub(super) failed: &'a AtomicBool,
    pub(super) again: Option<&'a Again>,
    pub(super) checkpoint_every: CheckpointEvery,
    pub(super) save_weights: bool,
    pub(super) workers: usize,
    /// Pixels of an image.
    pub(super) image_size: usize,
}

impl Shared<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && !self.failed.load(Ordering::Relaxed)
    }
}

/// Records a run that trains alone, or as a member of an ensemble.
pub(super) struct Recorder<'a> {
    shared: &'a Shared<'a>,
    run: &'a RunPlan<'a>,
    writer: RecordWriter,
    progress: RunProgress<'a>,
    start: Instant,
    /// Seconds until the checkpoint that the run continues from.
    before: f64,
    resumes: Option<Checkpoint>,
    pace: Pace,
}

impl<'a> Recorder<'a> {
    /// Begins the record.
    pub(super) fn begin(
        shared: &'a Shared<'a>,
        run: &'a RunPlan<'a>,
        writer: RecordWriter,
    ) -> Result<Self, TrainError> {
        let mut recorder = Self::new(shared, run, writer);
        recorder.writer.write(&Line::Run(run.header.clone()))?;
        Ok(recorder)
    }

    /// Continues the record from a checkpoint.
    pub(super) fn resume(
        shared: &'a Shared<'a>,
        run: &'a RunPlan<'a>,
        writer: RecordWriter,
        saved: SavedRun,
    ) -> Result<Self, TrainError> {
        let mut recorder = Self::new(shared, run, writer);
        let before = run.method.config.pretraining_updates();
        let updates = saved.number.saturating_sub(before);
        recorder.go_on(&saved.record, updates, saved.seconds)?;
        recorder.resumes = Some(saved.checkpoint);
        Ok(recorder)
    }

    /// Starts the record over, since its checkpoint cannot be used.
    pub(super) fn restart(self, error: &TrainError) -> Result<Self, TrainError> {
        let Self {
            shared,
            run,
            mut writer,
            progress,
            ..
        } = self;
        let name = progress.name();
        (shared.progress).note(&format!("warning: {name}: {error}; it starts over"));
        writer.restart()?;
        Self::begin(shared, run, writer)
    }

    fn new(shared: &'a Shared<'a>, run: &'a RunPlan<'a>, writer: RecordWriter) -> Self {
        let updates = run.method.config.training.updates;
        Self {
            shared,
            run,
            writer,
            progress: shared.progress.begin(&run.header, updates),
            start: Instant::now(),
            before: 0.0,
            resumes: None,
            pace: Pace::new(shared.checkpoint_every),
        }
    }

    fn go_on(&mut self, record: &[u8], updates: u64, seconds: f64) -> Result<(), TrainError> {
        let lines = self.writer.continue_from(record)?;
        let evaluations = lines.iter().filter_map(|line| match line {
            Line::Evaluation(evaluation) => Some(*evaluation),
            _ => None,
        });
        self.progress.resume(updates, evaluations.collect());
        self.before = seconds;
        Ok(())
    }

    fn seconds(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    /// Completes the record of a member of an ensemble of this size, or of a run alone.
    pub(super) fn end(mut self, end: RunEnd, members: usize) -> Result<(), TrainError> {
        self.writer.write(&Line::End(end.clone()))?;
        let shared = self.shared;
        let timing = Timing {
            // Those of an ensemble are of all its members.
            seconds: self.seconds() / members as f64,
            device: device::describe(shared.backend, shared.device),
            workers: shared.workers,
            members,
            weights: None,
        };
        self.writer.finish(timing)?;
        if let Some(again) = shared.again {
            again.add(&self.run.header.run)?;
        }
        self.progress.ended(end);
        Ok(())
    }
}

impl Control for Recorder<'_> {
    fn resumes(&mut self) -> Option<Checkpoint> {
        self.resumes.take()
    }

    fn is_checkpoint_due(&mut self, stopped: bool) -> bool {
        self.pace.is_due(stopped)
    }

    fn checkpoint(&mut self, number: u64, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let start = Instant::now();
        let (run, seconds) = (&self.run.header.run, self.seconds());
        self.writer.save(number, checkpoint, run, seconds)?;
        self.pace.saved(start);
        Ok(())
    }

    fn goes_on(&mut self) -> bool {
        self.shared.goes_on()
    }

    fn updated(&mut self) -> bool {
        self.progress.updated();
        self.shared.goes_on()
    }
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
        if !self.shared.save_weights {
            return Ok(());
        }
        let config = &self.run.method.config;
        let bytes = weights::encode(&self.run.header, config, network, self.shared.image_size)?;
        self.writer.keep_weights(&bytes)
    }
}

/// When the next checkpoint is due.
struct Pace {
    every: CheckpointEvery,
    updates: u64,
    last: Instant,
    /// What the last one took.
    cost: Duration,
}

impl Pace {
    fn new(every: CheckpointEvery) -> Self {
        Self {
            every,
            updates: 0,
            last: Instant::now(),
            cost: Duration::ZERO,
        }
    }

    /// Counts an update. Returns whether a checkpoint is due after it, or because the run is
    /// `stopped`.
    fn is_due(&mut self, stopped: bool) -> bool {
        self.updates += u64::from(!stopped);
        match self.every {
            CheckpointEvery::Never => false,
            _ if stopped => true,
            CheckpointEvery::Updates(updates) => self.updates >= updates,
            // At most 1 % of the time.
            CheckpointEvery::Seconds(seconds) => {
                let seconds = seconds.max(100.0 * self.cost.as_secs_f64());
                self.last.elapsed().as_secs_f64() >= seconds
            }
        }
    }

    /// Starts counting again after a checkpoint that took from `start` until now.
    fn saved(&mut self, start: Instant) {
        self.updates = 0;
        self.last = Instant::now();
        self.cost = self.last - start;
    }
}

/// Records the runs of an ensemble.
pub(super) struct EnsembleRecorder<'a> {
    shared: &'a Shared<'a>,
    /// By member.
    runs: Vec<&'a RunPlan<'a>>,
    /// By member; `None` once the run has ended.
    recorders: Vec<Option<Recorder<'a>>>,
    checkpoints: EnsembleCheckpoints,
    resumes: Option<Checkpoint>,
    pace: Pace,
}

impl<'a> EnsembleRecorder<'a> {
    /// Begins the records, or continues those that have not ended, for which there are writers.
    pub(super) fn new(
        shared: &'a Shared<'a>,
        members: Vec<(&'a RunPlan<'a>, Option<RecordWriter>)>,
        checkpoints: EnsembleCheckpoints,
        saved: Option<SavedEnsemble>,
    ) -> Result<Self, TrainError> {
        let (mut runs, mut recorders) = (Vec::new(), Vec::new());
        for (at, (run, writer)) in members.into_iter().enumerate() {
            let record = saved.as_ref().and_then(|saved| saved.record(at));
            let recorder = match (writer, &saved) {
                (None, _) => None,
                (Some(writer), None) => Some(Recorder::begin(shared, run, writer)?),
                (Some(writer), Some(saved)) => {
                    let mut recorder = Recorder::new(shared, run, writer);
                    recorder.go_on(record.unwrap_or_default(), saved.updates, saved.seconds)?;
                    Some(recorder)
                }
            };
            runs.push(run);
            recorders.push(recorder);
        }
        Ok(Self {
            shared,
            runs,
            recorders,
            checkpoints,
            resumes: saved.map(|saved| saved.checkpoint),
            pace: Pace::new(shared.checkpoint_every),
        })
    }

    /// The number of runs that have not ended.
    pub(super) fn left(&self) -> usize {
        self.recorders.iter().flatten().count()
    }
}

impl Control for EnsembleRecorder<'_> {
    fn updated(&mut self) -> bool {
        for recorder in self.recorders.iter_mut().flatten() {
            recorder.progress.updated();
        }
        self.shared.goes_on()
    }

    fn goes_on(&mut self) -> bool {
        self.shared.goes_on()
    }

    fn resumes(&mut self) -> Option<Checkpoint> {
        self.resumes.take()
    }

    fn is_checkpoint_due(&mut self, stopped: bool) -> bool {
        self.pace.is_due(stopped)
    }

    fn checkpoint(&mut self, updates: u64, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let start = Instant::now();
        let mut members = Vec::with_capacity(self.runs.len());
        for (run, recorder) in self.runs.iter().zip(&self.recorders) {
            let record = recorder.as_ref().map(|it| it.writer.text()).transpose()?;
            members.push((run.header.run.clone(), record));
        }
        let seconds = (self.recorders.iter().flatten().next()).map_or(0.0, Recorder::seconds);
        (self.checkpoints).save(updates, checkpoint, members, seconds)?;
        self.pace.saved(start);
        Ok(())
    }
}

impl EnsembleObserver for EnsembleRecorder<'_> {
    fn evaluated(&mut self, run: usize, evaluation: &Evaluation) -> Result<(), TrainError> {
        match &mut self.recorders[run] {
            Some(recorder) => recorder.evaluated(evaluation),
            None => Ok(()),
        }
    }

    fn ended(&mut self, run: usize, end: &RunEnd) -> Result<(), TrainError> {
        if let Some(recorder) = self.recorders[run].take() {
            recorder.end(end.clone(), self.runs.len())?;
        }
        match self.left() {
            0 => self.checkpoints.clear(),
            _ => Ok(()),
        }
    }

    fn trained(&mut self, networks: &Ensemble) -> Result<(), TrainError> {
        if !self.shared.save_weights || self.left() == 0 {
            return Ok(());
        }
        for (recorder, network) in self.recorders.iter_mut().zip(networks.members()) {
            if let Some(recorder) = recorder {
                recorder.trained(&Network::Mlp(network))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_due_by_updates_or_by_time_and_when_a_run_is_stopped() {
        let due = |every, updates: usize| {
            let mut pace = Pace::new(every);
            let due: Vec<bool> = (0..updates).map(|_| pace.is_due(false)).collect();
            (due, pace.is_due(true))
        };
        let every = CheckpointEvery::Updates(3);
        assert_eq!(due(every, 3), (vec![false, false, true], true));
        assert_eq!(due(CheckpointEvery::Seconds(0.0), 1), (vec![true], true));
        assert_eq!(due(CheckpointEvery::Seconds(1e6), 1), (vec![false], true));
        assert_eq!(due(CheckpointEvery::Never, 1), (vec![false], false));

        let mut pace = Pace::new(every);
        assert!((0..3).any(|_| pace.is_due(false)));
        pace.saved(Instant::now());
        assert!(!pace.is_due(false));
        // One that took a minute is not followed by another soon.
        let mut pace = Pace::new(CheckpointEvery::Seconds(0.0));
        if let Some(start) = Instant::now().checked_sub(Duration::from_secs(60)) {
            pace.saved(start);
            assert!(!pace.is_due(false));
        }
    }
}
