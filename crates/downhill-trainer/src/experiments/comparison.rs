//! Methods compared: all are trained with all seeds.

use std::sync::Arc;

use downhill_cli::repeat::command;
use downhill_data::ImagePair;
use downhill_report::{AccuracyTarget, Experiment, Method, Report, RunRecord};

use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::exports;
use crate::experiments::output::Output;
use crate::experiments::trainings::Trainer;
use crate::plan::runs::{report_name, runs};
use crate::plan::text::config_toml;
use crate::runs::records::Complete;

/// Trains all methods with all seeds and reports.
pub(crate) fn compare(
    trainer: &Trainer<'_>,
    data: ImagePair,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let all = runs(trainer.plan, &data);
    match trainer.train(&all, Arc::new(data), out)? {
        Some(Complete { records, damaged }) => {
            let done = report(trainer, &records, out)?;
            TrainError::of_damaged(damaged).map(|()| done)
        }
        None => Ok(Done::Interrupted),
    }
}

/// Reports what the runs show, in the terminal and on a page.
fn report(
    trainer: &Trainer<'_>,
    records: &[RunRecord],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let Trainer { plan, store, .. } = trainer;
    let name = report_name(plan, records);
    let experiment = experiment(trainer, records);
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
    Ok(match diverged.count() {
        0 => Done::Finished,
        runs => Done::Diverged { runs },
    })
}

fn experiment(trainer: &Trainer<'_>, records: &[RunRecord]) -> Experiment {
    let Trainer {
        arguments,
        plan,
        store,
        ..
    } = trainer;
    let names = || records.iter().map(|record| record.header.run.as_str());
    let timings = store.timings(names());
    let header = records.first().map(|record| record.header.clone());
    let header = header.expect("a report has at least one run");
    let methods = plan.methods.iter().map(|method| Method {
        name: method.name.clone(),
        changes: method.changes.clone(),
        cell: method.cell.clone(),
        runs: records
            .iter()
            .filter(|record| record.header.method == method.name)
            .cloned()
            .collect(),
    });
    let seconds = |run: &str| Some((run.to_owned(), timings.seconds(run)?));
    Experiment {
        name: plan.name.clone(),
        question: plan.question.clone(),
        command: command(arguments),
        backend: plan.backend.name().to_owned(),
        device: timings.device(),
        versions: header.versions,
        data: header.data,
        config_toml: config_toml(plan),
        training_seconds: timings.total(names()),
        target: plan.target.map(|target| AccuracyTarget {
            accuracy: target.accuracy,
            on: target.on,
            run_seconds: names().filter_map(seconds).collect(),
        }),
        baseline: plan.baseline.clone(),
        grid: plan.grid.clone(),
        published: plan.published.clone(),
        methods: methods.collect(),
    }
}
