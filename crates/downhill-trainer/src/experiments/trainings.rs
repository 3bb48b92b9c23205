//! The trainings of an experiment: those that are missing are trained, the others are read.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use downhill_cli::train::TrainArguments;
use downhill_data::ImagePair;

use crate::device;
use crate::device::shared::SharedImages;
use crate::error::TrainError;
use crate::experiments::exports;
use crate::experiments::output::Output;
use crate::plan::Plan;
use crate::plan::runs::RunPlan;
use crate::runs::pool::RunPool;
use crate::runs::progress::Progress;
use crate::runs::records::{Complete, Records};
use crate::runs::store::Store;

/// Trains the runs of an experiment.
pub(crate) struct Trainer<'a> {
    pub(crate) arguments: &'a TrainArguments,
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a Store,
    /// Set when the user wants to stop.
    pub(crate) stop: &'a AtomicBool,
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
        let mut records = match arguments.again {
            true => Records::none(all),
            false => store.runs(all),
        };
        if arguments.output.save_weights {
            let without = records.miss_weights(store);
            if without > 0 {
                out.say(&format!(
                    "{without} finished runs have no saved weights and are trained again\n"
                ));
            }
        }
        for (_, record) in records.finished() {
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
        let finished = self.train_missing(&missing, data, out)?;
        let seconds = start.elapsed().as_secs_f64();
        out.say(&format!(
            "{finished} of {} runs trained in {seconds:.1} s\n",
            missing.len()
        ));
        if finished == missing.len() {
            return Ok(Some(records.complete(store)?));
        }
        let kept = records.finished().count() + finished;
        out.say(&match arguments.again {
            true => format!(
                "stopped: {finished} of {} runs were trained again; the others keep their old \
                 records\n",
                all.len()
            ),
            false => format!(
                "stopped: {kept} of {} runs are finished and kept; repeat the command to train \
                 the rest\n",
                all.len()
            ),
        });
        out.object(&exports::Stopped::new(all.len(), kept));
        Ok(None)
    }

    fn train_missing(
        &self,
        missing: &[&RunPlan<'_>],
        data: Arc<ImagePair>,
        out: &mut Output<'_>,
    ) -> Result<usize, TrainError> {
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
                again: arguments.again,
                save_weights: arguments.output.save_weights,
            };
            pool.train(missing)
        })
    }
}
