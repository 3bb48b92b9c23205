//! SGD with Polyak's step size.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, square_norm};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// SGD with Polyak's step size: as far as the tangent reaches the least loss.
///
/// ```text
/// n = learning_rate^2 * |g_t|^2 + epsilon
/// s = min((loss_t - f_min) / n, max_step),  0 if n <= 2.2e-16
/// clipped: s is at least 0
/// x_t = x_{t-1} - s * learning_rate * g_t
/// ```
///
/// with the norm over all parameters of the group. Any rank and shape. No state. Source: Loizou et
/// al. 2020 (arXiv:2002.10542), as in optax, whose factor on the gradients is called `scaling`.
///
/// It needs the loss that the gradients are of: step it by a [`Descent`](crate::Descent) and call
/// [`tell_loss`](crate::Descent::tell_loss) before each step.
#[derive(Clone, Debug)]
pub struct PolyakSgd {
    config: PolyakSgdConfig,
}

/// Where the loss is below its supposed minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PolyakGap {
    /// The step goes up the gradient (`sps`).
    Signed,
    /// There is no step (`sps+`).
    Clipped,
}

impl Setting for PolyakGap {}

settings! {
    /// The settings of [`PolyakSgd`].
    pub struct PolyakSgdConfig for PolyakSgd, "polyak-sgd" {
        /// Factor on the gradients, before their norm is taken; positive.
        pub learning_rate: f64 => positive,
        /// Largest step size; positive.
        pub max_step: f64 => positive,
        /// The least loss.
        pub f_min: f64 => finite,
        /// Added to the square of the norm; non-negative.
        pub epsilon: f64 => not_negative,
        /// Where the loss is below `f_min`.
        pub gap: PolyakGap,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Loizou et al. 2020, arXiv:2002.10542"
}

impl PolyakSgdConfig {
    /// optax's defaults: factor 1, largest step size 1, least loss 0, no epsilon.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1.0,
            max_step: 1.0,
            f_min: 0.0,
            epsilon: 0.0,
            gap: PolyakGap::Signed,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(PolyakSgd);

impl Layout for PolyakSgd {
    const TENSORS: &'static [&'static str] = &[];
}

impl Rule for PolyakSgd {
    fn measures(&self) -> bool {
        true
    }

    fn needs_loss(&self) -> bool {
        true
    }

    fn measure(
        &self,
        _learning_rate: f64,
        parameter: &Parameter<'_>,
        _memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        let decay = self.config.weight_decay;
        let g = decay.into_gradient(&parameter.value, parameter.gradient.clone());
        vec![square_norm(g)]
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[square, loss] = sums else {
            unreachable!("one sum is measured, and the loss is told");
        };
        let mut gap = loss - config.f_min;
        if config.gap == PolyakGap::Clipped && gap < 0.0 {
            gap = 0.0;
        }
        let size = learning_rate * learning_rate * square + config.epsilon;
        let size = match size <= f64::EPSILON {
            true => 0.0,
            // NaN stays NaN.
            false if gap / size > config.max_step => config.max_step,
            false => gap / size,
        };
        let decay = config.weight_decay;
        let g = decay.into_gradient(&parameter.value, parameter.gradient);
        let step = g.mul_scalar(size * learning_rate);
        let x = decay.around_step(learning_rate, parameter.value, step);
        (x, memory)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// A loss of 10 at a gradient of length 5: 0.4 reaches 0.
    #[test]
    fn a_step_reaches_the_least_loss() {
        let step = |config: PolyakSgdConfig, loss: f64| {
            let tensor = |numbers: [f64; 2]| {
                Tensor::<1>::from_data(TensorData::new(numbers.to_vec(), [2]), &Device::flex())
            };
            let parameter = Parameter {
                value: tensor([0.0, 0.0]),
                gradient: tensor([3.0, 4.0]),
                shape: &[2],
            };
            let rule = config.build().unwrap();
            let rate = rule.config.learning_rate;
            let (x, _) = rule.step(rate, parameter, Memory::default(), &[25.0, loss]);
            x.into_data().try_into_vec::<f32>().unwrap()
        };
        let plain = PolyakSgdConfig::optax;
        assert_eq!(step(plain(), 10.0), [-1.2, -1.6]);
        assert_eq!(step(plain().with_f_min(5.0), 10.0), [-0.6, -0.8]);
        assert_eq!(step(plain().with_max_step(0.1), 10.0), [-0.3, -0.4]);
        assert_eq!(step(plain(), -10.0), [1.2, 1.6]);
        assert_eq!(
            step(plain().with_gap(PolyakGap::Clipped), -10.0),
            [0.0, 0.0]
        );
        let nan = step(plain(), f64::NAN);
        assert!(nan.iter().all(|x| x.is_nan()), "{nan:?}");
    }
}
