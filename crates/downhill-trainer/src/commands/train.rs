//! The command `train`, from config to report.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use downhill_data::{ImagePair, load_directory, load_mnist};
use downhill_report::{
    AccuracyTarget, Experiment, Extras, Method, RunRecord, findings, pictures, render_html_with,
    text_table,
};

use crate::cli::repeat::command;
use crate::cli::train::TrainArguments;
use crate::config::file::ExperimentFile;
use crate::config::tables::kind::Kind;
use crate::config::tables::search::SearchConfig;
use crate::config::tables::target::TargetConfig;
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::exports;
use crate::experiments::output::Output;
use crate::experiments::report::{check_gradients, descend, report_search};
use crate::experiments::search::rounds;
use crate::plan::Plan;
use crate::plan::runs::{RunPlan, report_name, runs};
use crate::plan::text::{config_toml, dry_run};
use crate::runs::estimate;
use crate::runs::progress::Progress;
use crate::runs::store::Store;
use crate::runs::workers::{Workshop, diverged};

/// Trains what the arguments ask for and writes what was found to `out`; `stop` ends it early.
///
/// # Errors
///
/// A config, data, backend or file that cannot be used. Finished runs are kept.
pub fn train(
    arguments: &TrainArguments,
    out: &mut (dyn Write + Send),
    stop: &AtomicBool,
) -> Result<Done, TrainError> {
    let out = &mut Output::new(out, arguments.output.json);
    let file = ExperimentFile::find(&arguments.config)?;
    let plan = Plan::resolve(&file, arguments)?;
    let store = Store::new(&arguments.runs_dir);
    match &plan.kind {
        Kind::Training | Kind::Search(_) => {}
        Kind::Valley(_) | Kind::GradientCheck(_) if arguments.dry_run => {
            out.say(&dry_run(&plan));
            return Ok(Done::Finished);
        }
        Kind::Valley(valley) => return descend(arguments, &plan, valley, &store, out),
        Kind::GradientCheck(check) => return check_gradients(arguments, &plan, check, &store, out),
    }
    let data = match &arguments.data_dir {
        Some(directory) => load_directory(directory)?,
        None => load_mnist()?,
    };
    plan.check_data(&data)?;
    if arguments.dry_run {
        out.say(&dry_run(&plan));
        out.say(&estimate::text(&plan, arguments, &data)?);
        return Ok(Done::Finished);
    }
    let laboratory = Laboratory {
        arguments,
        plan: &plan,
        store: &store,
        stop,
    };
    match &plan.kind {
        Kind::Search(search) => laboratory.search(search, &data, out),
        _ => laboratory.compare(data, out),
    }
}

/// What trainings need.
struct Laboratory<'a> {
    arguments: &'a TrainArguments,
    plan: &'a Plan,
    store: &'a Store,
    stop: &'a AtomicBool,
}

impl Laboratory<'_> {
    /// Trains all methods with all seeds and reports.
    fn compare(&self, data: ImagePair, out: &mut Output<'_>) -> Result<Done, TrainError> {
        let all = runs(self.plan, &data);
        if !self.train_all(&all, Cow::Owned(data), out)? {
            return Ok(Done::Interrupted);
        }
        report(self.arguments, self.plan, self.store, &all, out)
    }

    /// Searches and reports.
    fn search(
        &self,
        search: &SearchConfig,
        data: &ImagePair,
        out: &mut Output<'_>,
    ) -> Result<Done, TrainError> {
        let of_round = || Cow::Borrowed(data);
        let mut train = |runs: &[RunPlan<'_>]| match self.train_all(runs, of_round(), out)? {
            true => Ok(Some(records(runs, self.store)?)),
            false => Ok(None),
        };
        let found = rounds::search(self.plan, search, data, &mut train)?;
        let Some(found) = found else {
            return Ok(Done::Interrupted);
        };
        report_search(self.arguments, self.plan, search, self.store, &found, out)
    }

    /// Trains those that are missing and says so; `false` where the user stopped it.
    fn train_all(
        &self,
        all: &[RunPlan<'_>],
        data: Cow<'_, ImagePair>,
        out: &mut Output<'_>,
    ) -> Result<bool, TrainError> {
        let Self {
            arguments,
            plan,
            store,
            stop,
        } = *self;
        let missing = missing(all, store, arguments.again)?;
        if arguments.output.save_weights && !arguments.again {
            exports::check_weights(all, store)?;
        }
        exports::tell_finished(all, &missing, store, out)?;
        if missing.is_empty() {
            out.say(&format!(
                "nothing to train: all {} runs are there (--again trains them anew)\n",
                all.len()
            ));
            return Ok(true);
        }
        let start = Instant::now();
        let finished = train_missing(arguments, plan, data, store, &missing, stop, out)?;
        let seconds = start.elapsed().as_secs_f64();
        out.say(&format!(
            "{finished} of {} runs trained in {seconds:.1} s\n",
            missing.len()
        ));
        if finished < missing.len() {
            out.say(&stopped(
                arguments.again,
                all.len(),
                missing.len(),
                finished,
            ));
            out.object(&exports::stopped_json(all.len(), missing.len(), finished));
        }
        Ok(finished == missing.len())
    }
}

fn train_missing(
    arguments: &TrainArguments,
    plan: &Plan,
    data: Cow<'_, ImagePair>,
    store: &Store,
    missing: &[RunPlan<'_>],
    stop: &AtomicBool,
    out: &mut Output<'_>,
) -> Result<usize, TrainError> {
    let device = device::open(plan.backend)?;
    let image = [data.train.rows(), data.train.columns()];
    let updates = missing.iter().map(|run| run.method.config.training.updates);
    let progress = match arguments.quiet {
        true => Progress::silent(),
        false => Progress::new(missing.len(), updates.sum()),
    };
    exports::telling(progress, out, |progress| {
        let workshop = Workshop {
            backend: plan.backend,
            device: &device,
            image,
            store,
            progress,
            stop,
            workers: arguments.workers(),
            ensemble: plan.ensemble,
            again: arguments.again,
            save_weights: arguments.output.save_weights,
        };
        workshop.train(missing, data)
    })
}

/// What is there after the user stopped the command.
fn stopped(again: bool, all: usize, missing: usize, finished: usize) -> String {
    if again {
        return format!(
            "stopped: {finished} of {all} runs are trained anew; those of before are kept for the \
             others\n"
        );
    }
    let there = all - missing + finished;
    format!("stopped: {there} of {all} runs are finished and kept; the same command goes on\n")
}

/// Tells what the runs show, in the terminal and as a report.
fn report(
    arguments: &TrainArguments,
    plan: &Plan,
    store: &Store,
    runs: &[RunPlan<'_>],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let records = records(runs, store)?;
    let name = report_name(plan, &records);
    let diverged = (records.iter())
        .filter(|run| diverged(&run.end.outcome))
        .count();
    let experiment = experiment(arguments, plan, store, &records);

    out.say(&format!("\n{}\n", text_table(&experiment)));
    for finding in findings(&experiment) {
        out.say(&format!("- {finding}\n"));
    }
    let page = format!("{name}.html");
    let extras = Extras::of(&experiment);
    store.write_pictures(&name, &pictures(&experiment, &extras))?;
    store.write_report(&page, &render_html_with(&experiment, &extras))?;
    out.say(&format!("\nreport: {}\n", store.report(&page).display()));
    exports::write(arguments, &experiment, store, &name, out)?;
    Ok(match diverged {
        0 => Done::Finished,
        runs => Done::Diverged { runs },
    })
}

/// The runs that have no record yet; all of them where they are wanted again.
fn missing<'a>(
    runs: &[RunPlan<'a>],
    store: &Store,
    again: bool,
) -> Result<Vec<RunPlan<'a>>, TrainError> {
    let mut missing = Vec::new();
    for run in runs {
        if again || store.finished(&run.header.run)?.is_none() {
            missing.push(run.clone());
        }
    }
    Ok(missing)
}

fn records(runs: &[RunPlan<'_>], store: &Store) -> Result<Vec<RunRecord>, TrainError> {
    let record = |run: &RunPlan<'_>| {
        store.finished(&run.header.run)?.ok_or_else(|| {
            let gone = std::io::ErrorKind::NotFound.into();
            TrainError::file(
                "cannot find the record of run",
                &PathBuf::from(&run.header.run),
            )(gone)
        })
    };
    runs.iter().map(record).collect()
}

fn experiment(
    arguments: &TrainArguments,
    plan: &Plan,
    store: &Store,
    records: &[RunRecord],
) -> Experiment {
    let timings: Vec<_> = records
        .iter()
        .filter_map(|record| store.timing(&record.header.run))
        .collect();
    let header = records.first().map(|record| record.header.clone());
    let header = header.expect("a plan has at least one run");
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
    Experiment {
        name: plan.name.clone(),
        question: plan.question.clone(),
        command: command(arguments),
        backend: plan.backend.name().to_owned(),
        device: (timings.first()).map_or_else(
            || "a device that was not noted".to_owned(),
            |timing| timing.device.clone(),
        ),
        versions: header.versions,
        data: header.data,
        config_toml: config_toml(plan),
        training_seconds: (timings.len() == records.len())
            .then(|| timings.iter().map(|timing| timing.seconds).sum()),
        target: plan.target.map(|target| target_of(target, store, records)),
        baseline: plan.baseline.clone(),
        grid: plan.grid.clone(),
        published: plan.published.clone(),
        methods: methods.collect(),
    }
}

/// The target with the seconds of the runs.
fn target_of(target: TargetConfig, store: &Store, records: &[RunRecord]) -> AccuracyTarget {
    let seconds = |record: &RunRecord| {
        let run = &record.header.run;
        Some((run.clone(), store.timing(run)?.seconds))
    };
    AccuracyTarget {
        accuracy: target.accuracy,
        on: target.on,
        run_seconds: records.iter().filter_map(seconds).collect(),
    }
}
