//! What is done with the gradients before a step.

use burn::grad_clipping::{GradientClipping, GradientClippingConfig};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::error::InvalidDescent;
use super::renamed;
use super::slots::{Slot, sum};
use crate::hyperparameter::{decay_rate, not_negative, positive};
use crate::rule::{SMALLEST_SQUARED, norm, unit_of};

/// A change to the gradients of a step. Norms are Euclidean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GradientStage {
    /// The signs are flipped, so that the loss rises (PyTorch `maximize`).
    Maximize,
    /// Each number is clamped to plus or minus this (Keras `clipvalue`, optax `clip`, Burn
    /// `GradientClipping::Value`).
    ClipValue(f64),
    /// The gradient of each parameter is scaled down to this norm if its norm is larger (Keras
    /// `clipnorm`, Burn `GradientClipping::Norm`).
    ClipNorm(f64),
    /// The gradient of each parameter is scaled down to this root mean square if its own is larger
    /// (optax `clip_by_block_rms`).
    ClipRms(f64),
    /// All gradients are scaled down by one factor if their norm, taken over all of them, is larger
    /// than a maximum.
    ClipGlobalNorm(GlobalNorm),
    /// The gradient of each unit is scaled down if its norm is larger than a multiple of the norm
    /// of the unit's weights.
    ClipAdaptive(AdaptiveClip),
    /// All gradients are divided by their norm, taken over all of them (optax `normalize`);
    /// gradients of 0 stay.
    Normalize,
    /// The mean over the inputs of each unit is subtracted, from gradients of rank 2 and more
    /// (gradient centralization, Yong et al. 2020, arXiv:2004.01461).
    Centralize(Units),
    /// The gradient of each parameter is corrected by its change since the last step.
    Mars(Mars),
}

impl From<GlobalNorm> for GradientStage {
    fn from(norm: GlobalNorm) -> Self {
        Self::ClipGlobalNorm(norm)
    }
}

impl From<AdaptiveClip> for GradientStage {
    fn from(clip: AdaptiveClip) -> Self {
        Self::ClipAdaptive(clip)
    }
}

impl From<Mars> for GradientStage {
    fn from(mars: Mars) -> Self {
        Self::Mars(mars)
    }
}

/// Converts Burn's clipping, which clips each parameter's gradient separately. Results are equal up
/// to rounding.
///
/// ```
/// use burn::grad_clipping::GradientClippingConfig;
/// use downhill::GradientStage;
///
/// let stage = GradientStage::from(GradientClippingConfig::Norm(0.5));
/// assert_eq!(stage, GradientStage::ClipNorm(0.5));
/// ```
impl From<GradientClippingConfig> for GradientStage {
    fn from(clipping: GradientClippingConfig) -> Self {
        clipping.init().into()
    }
}

/// Burn's clipping, as a `ModuleOptimizer` holds it.
impl From<GradientClipping> for GradientStage {
    fn from(clipping: GradientClipping) -> Self {
        match clipping {
            GradientClipping::Value(most) => Self::ClipValue(most.into()),
            GradientClipping::Norm(most) => Self::ClipNorm(most.into()),
        }
    }
}

/// A maximum for the norm of all gradients together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "WrittenGlobalNorm")]
#[non_exhaustive]
pub struct GlobalNorm {
    /// The maximum, greater than 0.
    pub max_norm: f64,
    /// The factor by which gradients are scaled.
    pub form: GlobalNormForm,
}

impl GlobalNorm {
    /// This maximum, with the factor of optax and Keras.
    pub fn new(max_norm: f64) -> Self {
        Self {
            max_norm,
            form: GlobalNormForm::Exact,
        }
    }

    /// Sets the factor by which gradients are scaled.
    pub fn with_form(mut self, form: GlobalNormForm) -> Self {
        self.form = form;
        self
    }
}

/// A [`GlobalNorm`] in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WrittenGlobalNorm {
    max_norm: f64,
    #[serde(default)]
    form: GlobalNormForm,
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "most", deserialize_with = "renamed::most")]
    _most: (),
}

impl From<WrittenGlobalNorm> for GlobalNorm {
    fn from(written: WrittenGlobalNorm) -> Self {
        Self {
            max_norm: written.max_norm,
            form: written.form,
        }
    }
}

/// The factor by which gradients are scaled to a global norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GlobalNormForm {
    /// `max_norm / norm` if the norm is `max_norm` or more (optax, Keras).
    #[default]
    Exact,
    /// `min(1, max_norm / (norm + 1e-6))` (PyTorch).
    Torch,
}

/// A maximum for the norm of each unit's gradient, relative to the norm of its weights: adaptive
/// gradient clipping (Brock et al. 2021, arXiv:2102.06171), as in optax.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "WrittenAdaptiveClip")]
#[non_exhaustive]
pub struct AdaptiveClip {
    /// The maximum relative to the norm of the weights, greater than 0.
    pub factor: f64,
    /// Lower bound for the norm of the weights, greater than 0.
    pub min_norm: f64,
    /// The axis that indexes the units.
    pub units: Units,
}

impl AdaptiveClip {
    /// This factor, a `min_norm` of 1e-3, and units along the last axis.
    pub fn new(factor: f64) -> Self {
        Self {
            factor,
            min_norm: min_norm(),
            units: Units::Last,
        }
    }

    /// Sets the lower bound for the norm of the weights.
    pub fn with_min_norm(mut self, min_norm: f64) -> Self {
        self.min_norm = min_norm;
        self
    }

    /// Sets the axis that indexes the units.
    pub fn with_units(mut self, units: Units) -> Self {
        self.units = units;
        self
    }
}

/// An [`AdaptiveClip`] in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WrittenAdaptiveClip {
    factor: f64,
    #[serde(default = "min_norm")]
    min_norm: f64,
    #[serde(default)]
    units: Units,
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "part", deserialize_with = "renamed::part")]
    _part: (),
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "least", deserialize_with = "renamed::least")]
    _least: (),
}

impl From<WrittenAdaptiveClip> for AdaptiveClip {
    fn from(written: WrittenAdaptiveClip) -> Self {
        Self {
            factor: written.factor,
            min_norm: written.min_norm,
            units: written.units,
        }
    }
}

fn min_norm() -> f64 {
    1e-3
}

/// MARS, a correction of the gradients that reduces their variance.
///
/// ```text
/// c_t = g_t + gamma * beta / (1 - beta) * (g_t - g_{t-1}),  g_0 = 0
/// the gradient is c_t, scaled down to the norm `max_norm` if its norm is larger
/// ```
///
/// State: one tensor per parameter, `g_{t-1}`. MARS-AdamW is this before AdamW with betas 0.95 and
/// 0.99; MARS-Lion is this before the sign of a running mean, that of
/// [`SignSgd`](crate::SignSgd). The gradients of both steps are those of their own batches, the
/// approximate form of the paper. Source: Yuan et al. 2024 (arXiv:2411.10438).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Mars {
    /// Strength of the correction; non-negative.
    pub gamma: f64,
    /// The decay rate of the optimizer's mean of gradients, in \[0, 1).
    pub beta: f64,
    /// The maximum of each gradient's norm after the correction; positive.
    pub max_norm: f64,
    /// Lowest rank of the parameters whose gradients are corrected.
    pub from_rank: usize,
}

impl Default for Mars {
    fn default() -> Self {
        Self {
            gamma: 0.025,
            beta: 0.95,
            max_norm: 1.0,
            from_rank: 2,
        }
    }
}

impl Mars {
    /// The values of the paper, for parameters of rank 2 and more.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strength of the correction.
    pub fn with_gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets the decay rate of the optimizer's mean of gradients.
    pub fn with_beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// Sets the maximum of each gradient's norm after the correction.
    pub fn with_max_norm(mut self, max_norm: f64) -> Self {
        self.max_norm = max_norm;
        self
    }

    /// Sets the lowest rank of the parameters whose gradients are corrected.
    pub fn with_from_rank(mut self, rank: usize) -> Self {
        self.from_rank = rank;
        self
    }

    /// Returns the corrected gradient, of a parameter whose last gradient was `last`.
    pub(super) fn correct(&self, gradient: Tensor<1>, last: Option<Tensor<1>>) -> Tensor<1> {
        let change = match last {
            Some(last) => gradient.clone() - last,
            None => gradient.clone(),
        };
        let share = self.gamma * self.beta / (1.0 - self.beta);
        let corrected = gradient + change.mul_scalar(share);
        let length = norm(corrected.clone());
        bounded(corrected, length, self.max_norm)
    }
}

/// The axis of a parameter that indexes its units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Units {
    /// The last, as in the linear layers of Burn and JAX.
    #[default]
    Last,
    /// The first, as in Burn's convolutions and in PyTorch.
    First,
}

impl Units {
    /// The shape of a parameter as `[before, units, after]`.
    fn split(self, shape: &[usize]) -> [usize; 3] {
        match (self, shape) {
            (_, []) => [1, 1, 1],
            (Self::Last, [before @ .., units]) => [before.iter().product(), *units, 1],
            (Self::First, [units, after @ ..]) => [1, *units, after.iter().product()],
        }
    }
}

impl GradientStage {
    pub(crate) fn check(&self) -> Result<(), InvalidDescent> {
        match self {
            Self::ClipValue(most) => positive("clip-value", *most)?,
            Self::ClipNorm(most) => positive("clip-norm", *most)?,
            Self::ClipRms(most) => positive("clip-rms", *most)?,
            Self::ClipGlobalNorm(norm) => positive("clip-global-norm.max_norm", norm.max_norm)?,
            Self::ClipAdaptive(clip) => {
                positive("clip-adaptive.factor", clip.factor)?;
                positive("clip-adaptive.min_norm", clip.min_norm)?;
            }
            Self::Mars(mars) => {
                not_negative("mars.gamma", mars.gamma)?;
                decay_rate("mars.beta", mars.beta)?;
                positive("mars.max_norm", mars.max_norm)?;
            }
            Self::Maximize | Self::Normalize | Self::Centralize(_) => {}
        }
        Ok(())
    }

    /// `last_of` gives and replaces the last gradient of a parameter.
    pub(crate) fn apply(
        &self,
        slots: &mut [Slot],
        mut last_of: impl FnMut(&Slot) -> Option<Tensor<1>>,
    ) {
        match self {
            Self::Maximize => each(slots, |slot| slot.gradient.clone().neg()),
            Self::ClipValue(most) => each(slots, |slot| slot.gradient.clone().clamp(-most, *most)),
            Self::ClipNorm(most) => each(slots, |slot| {
                let length = norm(slot.gradient.clone());
                bounded(slot.gradient.clone(), length, *most)
            }),
            Self::ClipRms(most) => each(slots, |slot| {
                let length = norm(slot.gradient.clone());
                let root = libm::sqrt(slot.gradient.dims()[0] as f64);
                bounded(slot.gradient.clone(), length.mul_scalar(1.0 / root), *most)
            }),
            Self::ClipGlobalNorm(GlobalNorm { max_norm, form }) => {
                let norm = global_norm(slots);
                let factor = match form {
                    GlobalNormForm::Exact if norm < *max_norm => 1.0,
                    GlobalNormForm::Exact => max_norm / norm,
                    GlobalNormForm::Torch => f64::min(1.0, max_norm / (norm + 1e-6)),
                };
                // A norm that is not a number clips nothing: `NonFinite` deals with it.
                if factor < 1.0 {
                    each(slots, |slot| slot.gradient.clone().mul_scalar(factor));
                }
            }
            Self::ClipAdaptive(clip) => each(slots, |slot| adaptively(slot, clip)),
            Self::Normalize => {
                let norm = global_norm(slots);
                if norm != 0.0 {
                    each(slots, |slot| slot.gradient.clone().div_scalar(norm));
                }
            }
            Self::Centralize(units) => each(slots, |slot| {
                if slot.shape.len() < 2 {
                    return slot.gradient.clone();
                }
                let elements = slot.gradient.dims();
                let g = slot.gradient.clone().reshape(units.split(&slot.shape));
                let mean = g.clone().mean_dim(0).mean_dim(2);
                (g - mean).reshape(elements)
            }),
            Self::Mars(mars) => {
                let corrected = slots.iter_mut().filter(|slot| !slot.is_empty());
                for slot in corrected.filter(|slot| slot.shape.len() >= mars.from_rank) {
                    let last = last_of(slot);
                    slot.gradient = mars.correct(slot.gradient.clone(), last);
                }
            }
        }
    }
}

fn each(slots: &mut [Slot], change: impl Fn(&Slot) -> Tensor<1>) {
    for slot in slots.iter_mut().filter(|slot| !slot.is_empty()) {
        slot.gradient = change(slot);
    }
}

/// Scales a gradient so that its size, `[1]`, is at most `most`.
fn bounded(gradient: Tensor<1>, size: Tensor<1>, most: f64) -> Tensor<1> {
    gradient / size.mul_scalar(1.0 / most).clamp_min(1.0)
}

/// Returns the norm of all gradients together.
pub(crate) fn global_norm(slots: &[Slot]) -> f64 {
    let filled = || slots.iter().filter(|slot| !slot.is_empty());
    let square = |x: Tensor<1>| (x.clone() * x).sum();
    let squares = filled().map(|slot| square(slot.gradient.clone()));
    let squares = sum(squares.collect());
    const LEAST: f64 = SMALLEST_SQUARED * SMALLEST_SQUARED;
    if (LEAST..1.0 / LEAST).contains(&squares) {
        return libm::sqrt(squares);
    }
    // The squares may have overflowed or underflowed.
    let largest = |slot: &Slot| slot.gradient.clone().abs().max().into_scalar::<f64>();
    let largest = filled().map(largest).fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return libm::sqrt(squares);
    }
    let scaled = filled().map(|slot| square(slot.gradient.clone().mul_scalar(1.0 / largest)));
    largest * libm::sqrt(sum(scaled.collect()))
}

fn adaptively(slot: &Slot, clip: &AdaptiveClip) -> Tensor<1> {
    let elements = slot.gradient.dims();
    // As in optax, a vector is one unit, and a cube whose units are last has two axes of them.
    let shape = match (clip.units, slot.shape.as_slice()) {
        (_, shape) if shape.iter().filter(|axis| **axis > 1).count() <= 1 => [1, 1, elements[0]],
        (Units::Last, &[inputs, heads, units]) => [inputs, heads * units, 1],
        (units, shape) => units.split(shape),
    };
    let unit = unit_of(slot.gradient.clone()).reshape([1, 1, 1]);
    let g = slot.gradient.clone().reshape(shape);
    let x = slot.value.clone().reshape(shape);
    let length = |y: Tensor<3>| (y.clone() * y).sum_dim(0).sum_dim(2).sqrt();
    let most = length(x).clamp_min(clip.min_norm).mul_scalar(clip.factor);
    let size = length(g.clone() / unit.clone()) * unit;
    let fits = size.clone().lower(most.clone());
    let factor = (most / size.clamp_min(1e-6)).mask_fill(fits, 1.0);
    (g * factor).reshape(elements)
}
