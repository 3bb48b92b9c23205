//! Descents of a function of two variables.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{DescentConfig, OptimizerConfig};
use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;
use downhill_report::{About, ValleyPath, ValleyReport};

use crate::config::tables::valley::ValleyConfig;
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, about, write};
use crate::plan::Plan;
use crate::plan::runs::report_name_of;
use crate::plan::text::config_toml;
use crate::runs::store::Store;

/// Lets the optimizer of each method descend a valley and reports their paths.
pub(crate) fn descend(
    arguments: &TrainArguments,
    plan: &Plan,
    valley: &ValleyConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let device = device::open(plan.backend)?;
    let mut paths = Vec::with_capacity(plan.methods.len());
    for method in &plan.methods {
        let places = path(valley, &method.config.optimizer, plan.backend, &device)?;
        paths.push(ValleyPath {
            name: method.name.clone(),
            changes: method.changes.clone(),
            points: places.into_iter().map(|[x, y]| (x, y)).collect(),
        });
    }
    let function = |x: f64, y: f64| valley.value([x, y]);
    let report = ValleyReport {
        about: About {
            device: device::describe(plan.backend, &device),
            ..about(arguments, plan)
        },
        formula: valley.function(),
        function: &function,
        minimum: Some((0.0, 0.0)),
        paths,
    };
    out.say("\n");
    for path in &report.paths {
        let (x, y) = path.points.last().copied().unwrap_or_default();
        out.say(&format!(
            "{:12} ends at ({x:.6}, {y:.6}), f = {:.6}\n",
            path.name,
            function(x, y)
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
    Ok(Done::Finished)
}

/// Refuses what cannot descend: makes the first update of each method.
pub(crate) fn check(plan: &Plan, valley: &ValleyConfig) -> Result<(), TrainError> {
    let device = device::open(plan.backend)?;
    let first = ValleyConfig {
        updates: 1,
        ..*valley
    };
    for method in &plan.methods {
        path(&first, &method.config.optimizer, plan.backend, &device)?;
    }
    Ok(())
}

/// Returns the path of an optimizer: the start and the point after each update, up to the first
/// that is not finite. Computes in `f64` if the backend has it.
fn path(
    valley: &ValleyConfig,
    optimizer: &OptimizerConfig,
    backend: Backend,
    device: &Device,
) -> Result<Vec<[f64; 2]>, TrainError> {
    let dtype = match backend {
        Backend::Flex | Backend::Ndarray => DType::F64,
        Backend::Wgpu => DType::F32,
    };
    let pair = |pair: [f64; 2], device: &Device| {
        Tensor::<1>::from_data(TensorData::new(pair.to_vec(), [2]), (device, dtype))
    };
    let mut descent = (DescentConfig::new(optimizer.clone()).build())
        .map_err(|error| TrainError::Config(error.to_string()))?;
    let mut point = Point {
        place: Param::from_tensor(pair(valley.start, &device.clone().autodiff())),
    };
    let mut places = vec![valley.start];
    for _ in 0..valley.updates {
        let slope = point.place.val().inner() * pair(valley.coefficients.map(|c| 2.0 * c), device);
        let mut gradients = GradientsParams::new();
        gradients.register::<1>(point.place.id, slope);
        (point, _) = descent.step(point, gradients)?;
        let place = point.place.val().inner().into_data().convert::<f64>();
        let place: Vec<f64> = place.iter().collect();
        match place.as_slice() {
            &[x, y] if x.is_finite() && y.is_finite() => places.push([x, y]),
            _ => break,
        }
    }
    Ok(places)
}
/// A point as a module with two parameters.
#[derive(Module, Debug)]
struct Point {
    place: Param<Tensor<1>>,
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use downhill::{AdaGradConfig, AdamConfig, MomentumConfig, SgdConfig};

    use super::*;

    #[test]
    fn descents_end_where_the_books_plots_show() {
        let valley = ValleyConfig {
            coefficients: [0.05, 1.0],
            start: [-7.0, 2.0],
            updates: 30,
        };
        let at = |mut optimizer: OptimizerConfig, rate: f64| {
            assert!(optimizer.set("learning_rate", rate));
            let places = path(&valley, &optimizer, Backend::Flex, &Device::flex());
            *places.unwrap().last().unwrap()
        };
        // An independent reproduction's end points, to six digits.
        let ends = [
            (at(SgdConfig::book().into(), 0.95), [-0.350393, 0.084782]),
            (at(MomentumConfig::book().into(), 0.1), [0.896414, 0.088086]),
            (at(AdaGradConfig::book().into(), 1.5), [-0.120162, 0.0]),
            (at(AdamConfig::book().into(), 0.3), [0.136007, 0.318245]),
        ];
        for (found, expected) in ends {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}
