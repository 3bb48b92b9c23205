//! Methods compared: all are trained with all seeds.

use std::sync::Arc;

use downhill_data::ImagePair;
use downhill_report::{Report, RunRecord};

use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::exports;
use crate::experiments::output::Output;
use crate::experiments::trainings::Trainer;
use crate::plan::runs::{report_name, runs};
use crate::runs::experiment::{ExperimentRecord, by_hash};
use crate::runs::records::Complete;

/// Trains all methods with all seeds and reports.
pub(crate) fn compare(
    trainer: &Trainer<'_>,
    data: ImagePair,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let all = runs(trainer.plan, &data);
    let record = ExperimentRecord::of(trainer.plan, trainer.arguments);
    let record = record.with_runs(trainer.plan, &all);
    let names: Vec<&str> = record.runs().collect();
    trainer
        .store
        .keep_experiment(trainer.plan, &record, &names)?;
    match trainer.train(&all, Arc::new(data), out)? {
        Some(Complete { records, damaged }) => {
            trainer.finish()?;
            let done = report(trainer, &record, &records, out)?;
            TrainError::of_damaged(damaged).map(|()| done)
        }
        None => Ok(Done::Interrupted),
    }
}

/// Reports what the runs show, in the terminal and on a page.
fn report(
    trainer: &Trainer<'_>,
    record: &ExperimentRecord,
    records: &[RunRecord],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let Trainer { plan, store, .. } = trainer;
    let name = report_name(plan, records);
    let known = by_hash(records);
    let experiment = record.experiment(&known, &store.timings(known.keys().copied()));
    let experiment = experiment.expect("a report has at least one run");
    let report = Report::of(&experiment)?;
    out.say(&format!("\n{}\n", report.text()));
    for finding in report.findings() {
        out.say(&format!("- {finding}\n"));
    }
    let page = format!("{name}.html");
    store.write_report(&page, &report.html())?;
    out.say(&format!("\nreport: {}\n", store.report(&page).display()));
    exports::write(trainer.arguments, &report, store, &name, out)?;
    for sentence in store.write_pictures(&name, &report.pictures())? {
        out.say(&format!("{sentence}\n"));
    }
    let diverged = records.iter().filter(|run| run.end.outcome.is_diverged());
    Ok(Done::with_diverged(diverged.count(), plan.may_diverge))
}
