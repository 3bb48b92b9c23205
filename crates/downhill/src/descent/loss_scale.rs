//! Dynamic loss scaling.

use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Descent;
use super::error::{InvalidDescent, at_least_one};
use super::slots::Slot;
use crate::hyperparameter::ensure;

/// Dynamic loss scaling, which keeps the gradients of `f16` modules from being rounded to 0: the
/// loss is multiplied by a scale before the backward pass, and each step divides the gradients by
/// it.
///
/// ```text
/// gradients that are not finite:            the step is skipped, and scale <- scale / 2
/// `growth_steps` calls since it changed:    scale <- 2 * scale
/// ```
///
/// Multiply the loss by [`Descent::loss_scale`](crate::Descent::loss_scale) in each call. What is
/// told the descent, a loss or the diagonal of the Hessian, is not divided: tell it without the
/// scale. Source:
/// Micikevicius et al. 2017 (arXiv:1710.03740), as Keras's `LossScaleOptimizer`, whose defaults
/// these are. The scale stays within the range of `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LossScale {
    /// The first scale; a normal, positive number of `f32` (Keras `initial_scale`).
    pub initial: f64,
    /// Number of calls with finite gradients after which the scale is doubled; at least 1 (Keras
    /// `dynamic_growth_steps`).
    pub growth_steps: u64,
}

/// The scales that there are.
fn scales() -> RangeInclusive<f64> {
    f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)
}

impl Default for LossScale {
    fn default() -> Self {
        Self {
            initial: 32_768.0,
            growth_steps: 2_000,
        }
    }
}

impl LossScale {
    /// The defaults of Keras's `LossScaleOptimizer`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the first scale.
    pub fn with_initial(mut self, scale: f64) -> Self {
        self.initial = scale;
        self
    }

    /// Sets the number of calls after which the scale is doubled.
    pub fn with_growth_steps(mut self, steps: u64) -> Self {
        self.growth_steps = steps;
        self
    }

    pub(super) fn check(&self) -> Result<(), InvalidDescent> {
        let (initial, must) = (self.initial, "be a normal, positive number of `f32`");
        ensure(
            scales().contains(&initial),
            "loss_scale.initial",
            must,
            initial,
        )?;
        at_least_one("loss_scale.growth_steps", self.growth_steps)
    }
}

/// The scale of the loss, and since when it has been that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) scale: f64,
    /// Number of calls with finite gradients since it changed.
    pub(crate) calls: u64,
}

impl Scale {
    /// The first, 1 without loss scaling.
    pub(super) fn first(config: Option<&LossScale>) -> Self {
        let scale = config.map_or(1.0, |config| config.initial);
        Self { scale, calls: 0 }
    }

    fn set(&mut self, scale: f64) {
        if scales().contains(&scale) {
            self.scale = scale;
        }
        self.calls = 0;
    }

    /// Takes in a call whose gradients are not finite.
    pub(super) fn shrink(&mut self) {
        self.set(self.scale / 2.0);
    }

    /// Takes in a call whose gradients are finite.
    pub(super) fn grow(&mut self, config: &LossScale) {
        self.calls += 1;
        if self.calls >= config.growth_steps {
            self.set(2.0 * self.scale);
        }
    }
}

impl Descent {
    /// Returns what the loss of the next call is multiplied by before the backward pass: the scale
    /// of [`LossScale`], or 1.
    ///
    /// ```
    /// use burn::nn::{Initializer, LinearConfig};
    /// use burn::optim::GradientsParams;
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::{AdamConfig, DescentConfig, LossScale};
    ///
    /// let config = DescentConfig::new(AdamConfig::torch()).with_loss_scale(LossScale::new());
    /// let mut descent = config.build()?;
    /// # let device = Device::flex().autodiff();
    /// # let start = Initializer::Ones;
    /// # let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
    /// # let input = Tensor::<2>::ones([4, 3], &device);
    /// for _ in 0..3 {
    ///     let loss = model.forward(input.clone()).square().mean();
    ///     let scaled = loss.mul_scalar(descent.loss_scale());
    ///     let gradients = GradientsParams::from_grads(scaled.backward(), &model);
    ///     (model, _) = descent.step(model, gradients)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loss_scale(&self) -> f64 {
        self.scale.scale
    }

    /// Divides the gradients by the scale of the loss.
    pub(super) fn unscale(&self, slots: &mut [Slot]) {
        if self.config.loss_scale.is_some() {
            let scale = self.scale.scale;
            for slot in slots.iter_mut() {
                slot.gradient = slot.gradient.clone().div_scalar(scale);
            }
        }
    }
}
