//! The command `train`, from config to report.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use downhill_cli::train::TrainArguments;

use crate::config::file::ExperimentFile;
use crate::config::tables::kind::Kind;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::comparison::compare;
use crate::experiments::gradient_check::{check_backend, check_gradients};
use crate::experiments::output::Output;
use crate::experiments::search::{check, search};
use crate::experiments::trainings::Trainer;
use crate::experiments::valley::descend;
use crate::plan::Plan;
use crate::plan::text::dry_run;
use crate::runs::estimate;
use crate::runs::files::check_png;
use crate::runs::store::Store;

/// Runs an experiment and prints the results to `out`. Setting `stop` ends it early.
///
/// # Errors
///
/// An invalid config or invalid data, a backend that does not start, a file that cannot be read or
/// written. Finished runs are kept.
pub fn train(
    arguments: &TrainArguments,
    out: &mut (dyn Write + Send),
    stop: &AtomicBool,
) -> Result<Done, TrainError> {
    let mut out = Output::new(out, arguments.output.json);
    let done = run(arguments, &mut out, stop)?;
    out.check().map(|()| done)
}

fn run(
    arguments: &TrainArguments,
    out: &mut Output<'_>,
    stop: &AtomicBool,
) -> Result<Done, TrainError> {
    let file = ExperimentFile::find(&arguments.config)?;
    let plan = Plan::resolve(&file, arguments)?;
    check_png(arguments.output.png)?;
    let store = Store::new(&arguments.runs_dir).with_png(arguments.output.png);
    if let Kind::GradientCheck(_) = plan.kind {
        check_backend(&plan)?;
    }
    match &plan.kind {
        Kind::Training | Kind::Search(_) => {}
        Kind::Valley(_) | Kind::GradientCheck(_) if arguments.dry_run => {
            out.say(&dry_run(&plan));
            return Ok(Done::Finished);
        }
        Kind::Valley(valley) => return descend(arguments, &plan, valley, &store, out),
        Kind::GradientCheck(check) => return check_gradients(arguments, &plan, check, &store, out),
    }
    if !plan.left_out.is_empty() {
        out.say(&format!(
            "left out, because a method of [grid] has a name for each value: {}\n",
            plan.left_out.join(", ")
        ));
    }
    let data = downhill_data::load(arguments.data_dir.as_deref())?;
    plan.check_data(&data)?;
    if let Kind::Search(config) = &plan.kind {
        check(&plan, config, &data)?;
    }
    if arguments.dry_run {
        out.say(&dry_run(&plan));
        out.say(&estimate::text(&plan, arguments, &Arc::new(data))?);
        return Ok(Done::Finished);
    }
    let trainer = Trainer {
        arguments,
        plan: &plan,
        store: &store,
        stop,
    };
    match &plan.kind {
        Kind::Search(config) => search(&trainer, config, data, out),
        _ => compare(&trainer, data, out),
    }
}
