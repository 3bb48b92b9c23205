//! A descent of a function of two variables from one start.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{Descent, DescentConfig};
use downhill_cli::backend::Backend;

use crate::config::tables::plane::PlaneFunction;
use crate::error::TrainError;

/// Where points are computed.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) backend: Backend,
    /// Without autodiff.
    pub(crate) device: &'a Device,
}

/// Returns the start and the point after each update: where the recipe has an average, that, or
/// else the point itself. The path ends with the first point at which `is_end` holds, and before
/// the first that is not finite. Computes in `f64` if the backend has it.
pub(crate) fn path(
    config: &DescentConfig,
    function: &PlaneFunction,
    start: [f64; 2],
    updates: u64,
    place: Place<'_>,
    is_end: &dyn Fn([f64; 2]) -> bool,
) -> Result<Vec<[f64; 2]>, TrainError> {
    let dtype = match place.backend {
        Backend::Flex | Backend::Ndarray => DType::F64,
        Backend::Wgpu => DType::F32,
    };
    let tensor = |pair: [f64; 2]| {
        Tensor::<1>::from_data(TensorData::new(pair.to_vec(), [2]), (place.device, dtype))
    };
    let descent = config.build();
    let mut descent = descent.map_err(|error| TrainError::Config(error.to_string()))?;
    let mut point = Point {
        place: Param::from_tensor(tensor(start)),
    };
    let mut points = vec![start];
    if is_end(start) {
        return Ok(points);
    }
    for _ in 0..updates {
        let gradient = function.gradient(point.numbers());
        let mut gradients = GradientsParams::new();
        gradients.register::<1>(point.place.id, tensor(gradient));
        if descent.needs_loss() {
            descent.tell_loss(function.value(point.numbers()));
        }
        (point, _) = descent.step(point, gradients)?;
        let reached = evaluated(&descent, &point);
        if !reached.iter().all(|number| number.is_finite()) {
            break;
        }
        points.push(reached);
        if is_end(reached) {
            break;
        }
    }
    Ok(points)
}

/// The point to evaluate.
fn evaluated(descent: &Descent, point: &Point) -> [f64; 2] {
    descent.averaged(point.clone()).numbers()
}

/// A point as a module with one parameter of two numbers.
#[derive(Module, Debug)]
struct Point {
    place: Param<Tensor<1>>,
}

impl Point {
    fn numbers(&self) -> [f64; 2] {
        let numbers = self.place.val().into_data().convert::<f64>();
        let mut numbers = numbers.iter();
        [(); 2].map(|()| numbers.next().unwrap_or(f64::NAN))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use downhill::{
        AdaGradConfig, AdamConfig, MomentumConfig, OptimizerConfig, SgdConfig, schedule::Linear,
    };

    use super::*;

    const VALLEY: PlaneFunction = PlaneFunction::Quadratic([0.05, 1.0]);

    fn path_of(config: &DescentConfig, is_end: &dyn Fn([f64; 2]) -> bool) -> Vec<[f64; 2]> {
        let device = Device::flex();
        let place = Place {
            backend: Backend::Flex,
            device: &device,
        };
        path(config, &VALLEY, [-7.0, 2.0], 30, place, is_end).expect("a path")
    }

    #[test]
    fn descents_end_where_the_books_plots_show() {
        let at = |mut optimizer: OptimizerConfig, rate: f64| {
            assert!(optimizer.set("learning_rate", rate));
            let points = path_of(&DescentConfig::new(optimizer), &|_| false);
            assert_eq!(points.len(), 31);
            points[30]
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

    #[test]
    fn a_recipe_takes_part() {
        let plain = DescentConfig::new(SgdConfig::book().with_learning_rate(0.5));
        let points = path_of(&plain, &|_| false);
        // One update of y goes to its minimum at once.
        assert_eq!((points[1][1], points[2][1]), (0.0, 0.0));

        let clipped = plain.clone().with_max_global_norm(0.1);
        let [x, y] = path_of(&clipped, &|_| false)[1];
        let length = (x + 7.0).hypot(y - 2.0);
        assert!((length - 0.05).abs() < 1e-6, "{length}");

        let fading = Linear::new(4).with_end_factor(0.0);
        let faded = path_of(
            &plain.clone().with_schedule("learning_rate", fading),
            &|_| false,
        );
        assert_eq!(faded[5], faded[30]);

        // An average lags behind.
        let averaged = path_of(&plain.with_ema(0.9), &|_| false);
        assert!(averaged[5][0] < points[5][0], "{averaged:?}");
    }

    #[test]
    fn a_path_ends_where_it_should() {
        let plain = DescentConfig::new(SgdConfig::book().with_learning_rate(0.5));
        let points = path_of(&plain, &|[x, _]| x > -6.0);
        let (end, before) = points.split_last().unwrap();
        assert!(end[0] > -6.0 && before.iter().all(|[x, _]| *x <= -6.0));
        assert_eq!(path_of(&plain, &|_| true), [[-7.0, 2.0]]);

        let diverging = DescentConfig::new(SgdConfig::book().with_learning_rate(1e200));
        assert_eq!(path_of(&diverging, &|_| false).len(), 2);
    }
}
