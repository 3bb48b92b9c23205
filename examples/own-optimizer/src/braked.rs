//! Momentum that brakes where it overshoots.

use downhill::InvalidHyperparameter;
use downhill::custom::{CustomConfig, CustomOptimizer, ElementRule, Real};
use serde::{Deserialize, Serialize};

/// Momentum whose velocity is also multiplied by `brake` where it points uphill.
///
/// ```text
/// v_t = (brake if v_{t-1} * g_t > 0 else 1) * momentum * v_{t-1} - learning_rate * g_t
/// x_t = x_{t-1} + v_t
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Braked {
    /// Learning rate, positive.
    pub learning_rate: f64,
    /// Share of the velocity that is kept, in [0, 1).
    pub momentum: f64,
    /// Where the velocity points uphill, it is also multiplied by this, in [0, 1].
    pub brake: f64,
}

impl Default for Braked {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            brake: 0.5,
        }
    }
}

impl ElementRule<1> for Braked {
    const NAMES: [&'static str; 1] = ["velocity"];
    /// The learning rate.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _step: u64) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, [velocity]: [R; 1]) -> (R, [R; 1]) {
        let uphill = velocity.clone() * g.clone();
        let kept = velocity.scale(self.momentum);
        let kept = uphill.positive_or(kept.clone().scale(self.brake), kept);
        let velocity = kept - g.scale(*rate);
        (x + velocity.clone(), [velocity])
    }
}

impl CustomConfig for Braked {
    const NAME: &'static str = "braked";

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        let Self {
            momentum, brake, ..
        } = *self;
        let is_momentum = (0.0..1.0).contains(&momentum);
        InvalidHyperparameter::unless(is_momentum, "momentum", "lie in [0, 1)", momentum)?;
        let is_brake = (0.0..=1.0).contains(&brake);
        InvalidHyperparameter::unless(is_brake, "brake", "lie in [0, 1]", brake)?;
        Ok(CustomOptimizer::elementwise(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor};
    use downhill::{DescentConfig, MomentumConfig, OptimizerConfig};

    use super::*;

    #[derive(Module, Debug)]
    struct Point {
        x: Param<Tensor<1>>,
    }

    /// Returns the points on the way down a narrow valley, `x^2 / 2 + 10 y^2`.
    fn path(config: impl Into<OptimizerConfig>) -> Vec<Vec<f32>> {
        let mut descent = DescentConfig::new(config).build().unwrap();
        let start = Tensor::from_floats([-7.0, 2.0], &Device::flex());
        let mut point = Point {
            x: Param::from_tensor(start),
        };
        let mut path = Vec::new();
        for _ in 0..30 {
            let slope = Tensor::from_floats([1.0, 20.0], &Device::flex());
            let mut gradients = GradientsParams::new();
            gradients.register(point.x.id, point.x.val() * slope);
            point = descent.step(point, gradients).unwrap().0;
            path.push(point.x.val().into_data().try_into_vec().unwrap());
        }
        path
    }

    #[test]
    fn it_steps_as_its_formula_does() {
        let formula =
            "formula = { learning_rate = 0.08, settings = { momentum = 0.9, brake = 0.5 },
            state = { v = 0 },
            update = '''
            v = where(v * g > 0, brake, 1) * momentum * v - learning_rate * g
            x = x + v
            ''' }";
        let formula: OptimizerConfig = toml::from_str(formula).unwrap();
        let rule = Braked {
            learning_rate: 0.08,
            ..Braked::default()
        };
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        for (a, b) in path(rule).iter().zip(&path(formula)) {
            assert!(a.iter().zip(b).all(close), "{a:?} {b:?}");
        }
    }

    #[test]
    fn without_a_brake_it_is_momentum() {
        let rule = Braked {
            brake: 1.0,
            ..Braked::default()
        };
        let momentum = MomentumConfig::book().with_learning_rate(0.01);
        assert_eq!(path(rule), path(momentum));
    }
}
