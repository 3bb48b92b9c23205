//! The trainings of an experiment: those that are missing are trained, the others are read.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use downhill_cli::checkpoint::CheckpointEvery;
use downhill_cli::train::TrainArguments;
use downhill_data::ImagePair;

use crate::device;
use crate::device::shared::SharedImages;
use crate::error::TrainError;
use crate::experiments::exports;
use crate::experiments::output::Output;
use crate::plan::Plan;
use crate::plan::runs::{RunPlan, report_name_of};
use crate::runs::again::Again;
use crate::runs::ensembles::remove_finished;
use crate::runs::pool::{RunPool, Trained};
use crate::runs::progress::Progress;
use crate::runs::records::Complete;
use crate::runs::store::Store;

/// Trains the runs of an experiment.
pub(crate) struct Trainer<'a> {
    pub(crate) arguments: &'a TrainArguments,
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a Store,
    /// Set when the user wants to stop.
    pub(crate) stop: &'a AtomicBool,
    /// What `--again` has trained, from the first runs on.
    pub(crate) again: OnceCell<Again>,
}

impl Trainer<'_> {
    /// Trains those of the runs that are missing and prints how many. Returns the records of all
    /// with the damaged ones, which are not trained again, or `None` if the user stopped the
    /// command.
    pub(crate) fn train(
        &self,
        all: &[RunPlan<'_>],
        data: Arc<ImagePair>,
        out: &mut Output<'_>,
    ) -> Result<Option<Complete>, TrainError> {
        let Self {
            arguments, store, ..
        } = *self;
        let mut records = store.runs(all);
        if let Some(again) = self.again(all)? {
            records.miss_all_but(|run| again.has(run))?;
            let before = again.trained_before();
            if before > 0 {
                out.say(&format!(
                    "continuing an interrupted --again, which has trained {before} runs\n"
                ));
            }
        }
        if arguments.output.save_weights {
            let without = records.miss_weights(store);
            if without > 0 {
                out.say(&format!(
                    "{without} finished runs have no saved weights and are trained again\n"
                ));
            }
        }
        if self.plan.ensemble > 1 {
            let finished = records.finished().map(|(run, _)| run.header.run.as_str());
            remove_finished(store, &finished.collect());
        }
        for (run, record) in records.finished() {
            store.remove_old_checkpoints(&run.header.run);
            out.run(record);
        }
        let missing = records.missing();
        if missing.len() == all.len()
            && !arguments.again
            && let Some(other) = store.trained_by_other_code(self.plan)
        {
            out.say(&format!(
                "note: the runs of {} that are here were made by other code ({other}); this \
                 program does not use them\n",
                self.plan.name
            ));
        }
        if missing.is_empty() {
            let all = all.len();
            out.say(&match records.damaged().count() {
                0 => format!(
                    "nothing to train: all {all} runs are finished (--again trains them again)\n"
                ),
                damaged => format!(
                    "nothing to train: {} of {all} runs are finished, and the records of the \
                     others are damaged\n",
                    all - damaged
                ),
            });
            return Ok(Some(records.complete(store)?));
        }
        let start = Instant::now();
        let trained = self.train_missing(&missing, all, data, out)?;
        let seconds = start.elapsed().as_secs_f64();
        let elsewhere = match trained.elsewhere {
            0 => String::new(),
            elsewhere => format!(", {elsewhere} by other processes"),
        };
        out.say(&format!(
            "{} of {} runs trained in {seconds:.1} s{elsewhere}\n",
            trained.here,
            missing.len()
        ));
        if trained.finished() == missing.len() {
            return Ok(Some(records.complete(store)?));
        }
        let kept = records.finished().count() + trained.finished();
        let all_runs = all.len();
        let goes_on = match arguments.checkpoint_every {
            CheckpointEvery::Never => "",
            _ => "; those in progress continue from their checkpoints",
        };
        out.say(&match arguments.again {
            true => format!(
                "stopped: {kept} of {all_runs} runs were trained again, and the others have their \
                 old records; repeat the command to train the rest{goes_on}\n",
            ),
            false => format!(
                "stopped: {kept} of {all_runs} runs are finished and kept; repeat the command to \
                 train the rest{goes_on}\n",
            ),
        });
        out.object(&exports::Stopped::new(all.len(), kept));
        Ok(None)
    }

    /// The list of `--again`, if it was asked for. It has the name of these runs if they are the
    /// first.
    fn again(&self, all: &[RunPlan<'_>]) -> Result<Option<&Again>, TrainError> {
        if !self.arguments.again {
            return Ok(None);
        }
        if let Some(again) = self.again.get() {
            return Ok(Some(again));
        }
        let names: Vec<&str> = all.iter().map(|run| run.header.run.as_str()).collect();
        let again = Again::begin(self.store, &report_name_of(self.plan, &names))?;
        Ok(Some(self.again.get_or_init(|| again)))
    }

    /// Called when all runs of the command are trained.
    pub(crate) fn finish(&self) -> Result<(), TrainError> {
        self.again.get().map_or(Ok(()), Again::complete)
    }

    fn train_missing(
        &self,
        missing: &[&RunPlan<'_>],
        all: &[RunPlan<'_>],
        data: Arc<ImagePair>,
        out: &mut Output<'_>,
    ) -> Result<Trained, TrainError> {
        let Self {
            arguments, plan, ..
        } = *self;
        let device = device::open(plan.backend)?;
        let wanted = missing.iter().map(|run| &run.method.config.data);
        let images = SharedImages::new(data, wanted, plan.backend, &device)?;
        let updates = missing.iter().map(|run| run.method.config.training.updates);
        let progress = match arguments.quiet {
            true => Progress::silent(),
            false => Progress::new(missing.len(), updates.sum()),
        };
        exports::with_listener(progress, out, |progress| {
            let pool = RunPool {
                backend: plan.backend,
                device: &device,
                images: &images,
                store: self.store,
                progress,
                stop: self.stop,
                workers: arguments.workers(),
                ensemble: plan.ensemble,
                again: self.again.get(),
                checkpoint_every: arguments.checkpoint_every,
                save_weights: arguments.output.save_weights,
            };
            pool.train(missing, all)
        })
    }
}
