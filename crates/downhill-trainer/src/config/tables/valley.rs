//! Descents of a function of two variables, whose path can be drawn.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{DescentConfig, OptimizerConfig};
use serde::Deserialize;

use crate::backend::Backend;
use crate::config::layers::Layers;
use crate::error::TrainError;

/// `[valley]` of a config file: the function `a x^2 + b y^2`, and where and how long it is descended.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValleyConfig {
    /// `a` and `b`.
    pub coefficients: [f64; 2],
    /// `x` and `y` before the first update.
    pub start: [f64; 2],
    /// Number of updates.
    pub updates: u64,
}

/// The most updates: each is a point of a picture.
const MOST_UPDATES: u64 = 10_000;

impl ValleyConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let Some(valley) = experiment.read::<Self>("valley")? else {
            return Ok(None);
        };
        let refuse = |key: &str, must: &str| {
            let message = format!("valley.{key} must {must}");
            Err(experiment.blame(&format!("valley.{key}"), &message))
        };
        if !(valley.coefficients.iter()).all(|&number| number.is_finite() && number > 0.0) {
            return refuse("coefficients", "be two numbers greater than 0");
        }
        if !valley.start.iter().all(|number| number.is_finite()) {
            return refuse("start", "be two finite numbers");
        }
        if !(1..=MOST_UPDATES).contains(&valley.updates) {
            return refuse("updates", &format!("lie in 1 to {MOST_UPDATES}"));
        }
        Ok(Some(valley))
    }

    /// The function in words: `f(x, y) = 0.05 x^2 + y^2`.
    pub(crate) fn function(&self) -> String {
        let factor = |number: f64| match number {
            1.0 => String::new(),
            number => format!("{number} "),
        };
        let [a, b] = self.coefficients.map(factor);
        format!("f(x, y) = {a}x² + {b}y²")
    }

    /// Its value.
    pub(crate) fn value(&self, [x, y]: [f64; 2]) -> f64 {
        let [a, b] = self.coefficients;
        a * x * x + b * y * y
    }

    /// Where an optimizer goes: the start, then the place after each update, in `f64` where the
    /// backend has it. It ends before a place that is not finite.
    pub(crate) fn descend(
        &self,
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
            place: Param::from_tensor(pair(self.start, &device.clone().autodiff())),
        };
        let mut places = vec![self.start];
        for _ in 0..self.updates {
            let slope =
                point.place.val().inner() * pair(self.coefficients.map(|c| 2.0 * c), device);
            let mut gradients = GradientsParams::new();
            gradients.register::<1>(point.place.id, slope);
            (point, _) = descent.step(point, gradients);
            let place = point.place.val().inner().into_data().convert::<f64>();
            let place: Vec<f64> = place.iter().collect();
            match place.as_slice() {
                &[x, y] if x.is_finite() && y.is_finite() => places.push([x, y]),
                _ => break,
            }
        }
        Ok(places)
    }
}

/// A place as a network of two parameters.
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
            let places = valley.descend(&optimizer, Backend::Flex, &Device::flex());
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
