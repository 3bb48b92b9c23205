//! Backpropagation compared with numerical gradients.

use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;
use downhill_data::{Purpose, Stream};
use downhill_model::gradient_check;
use downhill_report::{About, GradientReport, GradientRow};

use crate::config::tables::gradient_check::GradientCheckConfig;
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, about, write};
use crate::plan::Plan;
use crate::plan::runs::report_name_of;
use crate::plan::text::config_toml;
use crate::runs::store::Store;

/// Refuses a backend that cannot check gradients.
pub(crate) fn check_backend(plan: &Plan) -> Result<(), TrainError> {
    if plan.backend == Backend::Wgpu {
        let message =
            "a gradient check needs 64-bit floats, which wgpu does not have; use --backend flex";
        return Err(TrainError::Config(message.into()));
    }
    Ok(())
}

/// Compares backpropagation with numerical gradients and reports the differences.
pub(crate) fn check_gradients(
    arguments: &TrainArguments,
    plan: &Plan,
    check: &GradientCheckConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let device = device::open(plan.backend)?;
    let mut rows: Vec<GradientRow> = Vec::new();
    for &seed in &plan.seeds {
        let mut numbers = Stream::new(seed, Purpose::InitialWeights, 0);
        for found in gradient_check(&device, &mut || numbers.normal()) {
            let same = |row: &&mut GradientRow| {
                row.layer == found.layer && row.parameter == found.parameter
            };
            match rows.iter_mut().find(same) {
                Some(row) => {
                    row.numbers += found.numbers;
                    // NaN counts as the largest difference.
                    let found = found.largest_difference;
                    if found.is_nan() || found > row.largest_difference {
                        row.largest_difference = found;
                    }
                }
                None => rows.push(GradientRow {
                    // What is computed in 32 bits has a bound of its own.
                    limit: if found.bound > 1e-7 {
                        found.bound
                    } else {
                        check.limit
                    },
                    layer: found.layer,
                    parameter: found.parameter,
                    numbers: found.numbers,
                    largest_difference: found.largest_difference,
                }),
            }
        }
    }
    let report = GradientReport {
        about: About {
            device: device::describe(plan.backend, &device),
            seeds: plan.seeds.clone(),
            ..about(arguments, plan)
        },
        rows,
    };
    out.say("\n");
    for row in &report.rows {
        out.say(&format!(
            "{:40} {:28} {:5} numbers  {:.1e}\n",
            row.layer, row.parameter, row.numbers, row.largest_difference
        ));
    }
    let files = ReportFiles {
        name: report_name_of(plan, &[&config_toml(plan)]),
        csv: report.csv(),
        page: report.html(),
        pictures: report.pictures(),
        findings: report.findings(),
    };
    write(&files, store, out)?;
    let right = |row: &GradientRow| row.largest_difference < row.limit;
    match report.rows.iter().all(right) {
        true => Ok(Done::Finished),
        false => Err(TrainError::WrongGradient),
    }
}
