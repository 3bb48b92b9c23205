//! Sharpness-aware minimization.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::descent::{Slot, are_tied, collect, global_norm, map_values, tied};
use crate::hyperparameter::{not_negative, positive};

/// Sharpness-aware minimization: a step with the gradient from where the loss nearby is largest.
///
/// ```text
/// plain:     e = radius * g / (|g| + epsilon)
/// adaptive:  e = radius * x^2 * g / (|x * g| + epsilon)
/// the step from x is made with the gradient at x + e
/// ```
///
/// Norms are over all parameters together. Sources: Foret et al. 2020 (arXiv:2010.01412); adaptive:
/// Kwon et al. 2021 (arXiv:2102.11600). It costs a second gradient per step. It works with every
/// optimizer, because it makes no step itself:
///
/// ```
/// # use burn::nn::{Initializer, LinearConfig};
/// # use burn::optim::GradientsParams;
/// # use burn::tensor::{Device, Tensor};
/// use downhill::{SamConfig, SgdConfig};
///
/// # let device = Device::flex().autodiff();
/// # let start = Initializer::Ones;
/// # let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
/// # let input = Tensor::<2>::ones([4, 3], &device);
/// # let gradients = |model: &burn::nn::Linear| {
/// #     let loss = model.forward(input.clone()).square().mean();
/// #     GradientsParams::from_grads(loss.backward(), model)
/// # };
/// let sam = SamConfig::default().with_radius(0.05);
/// let mut optimizer = SgdConfig::default().init()?;
/// let ascended = sam.ascend(model.clone(), gradients(&model))?;
/// let gradients = gradients(&ascended);
/// model = optimizer.step(0.1, model, gradients);
/// # assert!(model.weight.val().into_data().iter::<f32>().all(|weight| weight < 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Batch normalization takes both passes into its running statistics;
/// [`BatchStatistics`](crate::BatchStatistics) keeps those of the first alone.
///
/// A clone has the same parameter ids, so the gradients of one can be used for the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SamConfig {
    /// Distance to move, greater than 0.
    pub radius: f64,
    /// Whether the distance is relative to the size of each parameter.
    pub adaptive: bool,
    /// Added to the norm for numerical stability; at least 0.
    pub epsilon: f64,
}

impl Default for SamConfig {
    /// As in the paper: radius 0.05; epsilon 1e-12.
    fn default() -> Self {
        Self {
            radius: 0.05,
            adaptive: false,
            epsilon: 1e-12,
        }
    }
}

/// Why a module cannot be moved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamError {
    /// A setting is out of bounds.
    #[error(transparent)]
    Hyperparameter(#[from] InvalidHyperparameter),
    /// Two places of the module have the same parameter, see
    /// [`StepError::TiedParameters`](crate::StepError::TiedParameters).
    #[error("{}", are_tied(.first, .second))]
    TiedParameters {
        /// The path of the first place.
        first: String,
        /// The path of the second place.
        second: String,
    },
}

impl SamConfig {
    /// Sets the distance to move.
    pub fn with_radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Sets whether the distance is relative to the size of each parameter.
    pub fn with_adaptive(mut self, adaptive: bool) -> Self {
        self.adaptive = adaptive;
        self
    }

    /// Sets what is added to the norm.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds; the error names it.
    pub fn check(&self) -> Result<(), InvalidHyperparameter> {
        positive("radius", self.radius)?;
        not_negative("epsilon", self.epsilon)
    }

    /// Returns the module moved by the radius to where its loss rises most, by these gradients.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds, or two places of the module have the same parameter.
    pub fn ascend<M: Module>(
        &self,
        module: M,
        mut gradients: GradientsParams,
    ) -> Result<M, SamError> {
        self.check()?;
        if let Some([first, second]) = tied(&module, &gradients, |_| true) {
            return Err(SamError::TiedParameters { first, second });
        }
        let mut slots = collect(&module, &mut gradients);
        if self.adaptive {
            for slot in &mut slots {
                slot.gradient = slot.gradient.clone() * slot.value.clone();
            }
        }
        let factor = self.radius / (global_norm(&slots) + self.epsilon);
        let step = |slot: Slot| {
            let along = match self.adaptive {
                true => slot.gradient * slot.value,
                false => slot.gradient,
            };
            (slot.path, along.mul_scalar(factor))
        };
        let mut steps: BTreeMap<String, Tensor<1>> = slots.into_iter().map(step).collect();
        Ok(map_values(module, |path, value| match steps.remove(path) {
            Some(step) => value + step,
            None => value,
        }))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::nn::{Initializer, Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    /// Off the tape, where gradients come from elsewhere, the module moves as on it.
    #[test]
    fn it_ascends_off_the_tape_as_on_it() {
        let device = Device::flex().autodiff();
        let start = LinearConfig::new(2, 1).with_initializer(Initializer::Ones);
        let model = start.init(&device);
        let gradients = || {
            let mut gradients = GradientsParams::new();
            let gradient = Tensor::<2>::from_data([[3.0], [-4.0]], &Device::flex());
            gradients.register(model.weight.id, gradient);
            gradients
        };
        let weights = |model: &Linear| model.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let off = model.clone().valid();
        assert!(!off.weight.val().is_autodiff());
        for (sam, expected) in [
            (SamConfig::default().with_radius(0.5), [1.3, 0.6]),
            (
                SamConfig::default().with_radius(0.5).with_adaptive(true),
                [1.3, 0.6],
            ),
        ] {
            let on = sam.ascend(model.clone(), gradients()).unwrap();
            let off = sam.ascend(off.clone(), gradients()).unwrap();
            assert_eq!(weights(&on), weights(&off));
            for (found, expected) in weights(&off).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}
