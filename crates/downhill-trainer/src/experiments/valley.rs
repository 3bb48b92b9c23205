//! Descents of a function of two variables from one start.

use downhill_cli::train::TrainArguments;
use downhill_report::{About, ValleyPath, ValleyReport};

use crate::config::tables::valley::ValleyConfig;
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::descent::{Place, path};
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, about, write};
use crate::plan::Plan;
use crate::plan::runs::report_name_of;
use crate::plan::text::config_toml;
use crate::runs::store::Store;

/// Lets each method descend a valley and reports their paths.
pub(crate) fn descend(
    arguments: &TrainArguments,
    plan: &Plan,
    valley: &ValleyConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let device = device::open(plan.backend)?;
    let place = Place {
        backend: plan.backend,
        device: &device,
    };
    let function = valley.function(&plan.tables)?;
    let mut paths = Vec::with_capacity(plan.methods.len());
    for method in &plan.methods {
        let descent = method.config.descent();
        let points = path(
            &descent,
            &function,
            valley.start,
            valley.updates,
            place,
            &|_| false,
        )?;
        paths.push(ValleyPath {
            name: method.name.clone(),
            changes: method.changes.clone(),
            points: points.into_iter().map(|[x, y]| (x, y)).collect(),
        });
    }
    let value = |x: f64, y: f64| function.value([x, y]);
    let report = ValleyReport {
        about: About {
            device: device::describe(plan.backend, &device),
            ..about(arguments, plan)
        },
        formula: valley.formula(),
        function: &value,
        minimum: valley.place_of_minimum().map(|[x, y]| (x, y)),
        paths,
    };
    out.say("\n");
    for path in &report.paths {
        let (x, y) = path.points.last().copied().unwrap_or_default();
        out.say(&format!(
            "{:12} ends at ({}, {}), f = {}\n",
            path.name,
            shown(x),
            shown(y),
            shown(value(x, y))
        ));
    }
    write(
        &ReportFiles {
            name: report_name_of(plan, &[&config_toml(plan)]),
            csv: report.csv(),
            page: report.html(),
            pictures: report.pictures(),
            findings: report.findings(),
        },
        store,
        out,
    )?;
    let made = |path: &ValleyPath| path.points.len() as u64 - 1;
    let diverged = (report.paths.iter()).filter(|path| made(path) < valley.updates);
    Ok(Done::with_diverged(diverged.count(), plan.may_diverge))
}

/// A number of at most a dozen letters.
fn shown(number: f64) -> String {
    match number.abs() < 1e6 {
        true => format!("{number:.6}"),
        false => format!("{number:.3e}"),
    }
}

/// Refuses what cannot descend: makes the first update of each method.
pub(crate) fn check(plan: &Plan, valley: &ValleyConfig) -> Result<(), TrainError> {
    let device = device::open(plan.backend)?;
    let place = Place {
        backend: plan.backend,
        device: &device,
    };
    let function = valley.function(&plan.tables)?;
    for method in &plan.methods {
        let descent = method.config.descent();
        path(&descent, &function, valley.start, 1, place, &|_| false)?;
    }
    Ok(())
}
