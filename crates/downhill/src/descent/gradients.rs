//! What is done to gradients before the step.

use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::slots::{Slot, sum};
use crate::InvalidHyperparameter;
use crate::hyperparameter::positive;
use crate::rule::{norm, root_mean_square};

/// A change to the gradients of a step. Norms are Euclidean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientStage {
    /// Each gradient is turned round: the loss is climbed (PyTorch `maximize`).
    Maximize,
    /// Each number is brought between minus this and this (Keras `clipvalue`, optax `clip`).
    ClipValue(f64),
    /// Each parameter's gradient is scaled to this norm where it is longer (Keras `clipnorm`, Burn).
    ClipNorm(f64),
    /// Each parameter's gradient is scaled to this root mean square where it is more (optax
    /// `clip_by_block_rms`).
    ClipRms(f64),
    /// All gradients together are scaled to a norm where they are longer.
    ClipGlobalNorm(GlobalNorm),
    /// Each unit's gradient is scaled to a part of the norm of its weights where it is longer.
    ClipAdaptive(AdaptiveClip),
    /// The mean over the inputs of each unit is taken off a gradient of rank 2 and more (gradient
    /// centralization, Yong et al. 2020, arXiv:2004.01461).
    Centralize(Units),
}

/// The longest that all gradients together may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalNorm {
    /// The norm, greater than 0.
    pub most: f64,
    /// How they are scaled.
    #[serde(default)]
    pub form: GlobalNormForm,
}

/// How gradients are scaled to a global norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GlobalNormForm {
    /// By `most / norm` where the norm is `most` or more (optax, Keras).
    #[default]
    Exact,
    /// By `min(1, most / (norm + 1e-6))` (PyTorch).
    Torch,
}

/// The longest that a unit's gradient may be, in parts of its weights: adaptive gradient clipping
/// (Brock et al. 2021, arXiv:2102.06171), as in optax.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveClip {
    /// The part, greater than 0.
    pub part: f64,
    /// The least norm that weights count as, greater than 0.
    #[serde(default = "least_norm")]
    pub least: f64,
    /// Which axis counts the units.
    #[serde(default)]
    pub units: Units,
}

fn least_norm() -> f64 {
    1e-3
}

/// Which axis of a parameter counts its units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// The last, as in the linear layers of Burn and of JAX.
    #[default]
    Last,
    /// The first, as in Burn's convolutions and in PyTorch.
    First,
}

impl Units {
    /// A parameter as `[before, units, after]`.
    fn split(self, shape: &[usize]) -> [usize; 3] {
        match (self, shape) {
            (_, []) => [1, 1, 1],
            (Self::Last, [before @ .., units]) => [before.iter().product(), *units, 1],
            (Self::First, [units, after @ ..]) => [1, *units, after.iter().product()],
        }
    }
}

impl GradientStage {
    pub(crate) fn check(&self) -> Result<(), InvalidHyperparameter> {
        match self {
            Self::ClipValue(most) => positive("clip-value", *most),
            Self::ClipNorm(most) => positive("clip-norm", *most),
            Self::ClipRms(most) => positive("clip-rms", *most),
            Self::ClipGlobalNorm(norm) => positive("clip-global-norm.most", norm.most),
            Self::ClipAdaptive(clip) => {
                positive("clip-adaptive.part", clip.part)?;
                positive("clip-adaptive.least", clip.least)
            }
            Self::Maximize | Self::Centralize(_) => Ok(()),
        }
    }

    pub(crate) fn apply(&self, slots: &mut [Slot]) {
        match self {
            Self::Maximize => each(slots, |slot| slot.gradient.clone().neg()),
            Self::ClipValue(most) => each(slots, |slot| slot.gradient.clone().clamp(-most, *most)),
            Self::ClipNorm(most) => each(slots, |slot| {
                let length = norm(slot.gradient.clone());
                bounded(slot.gradient.clone(), length, *most)
            }),
            Self::ClipRms(most) => each(slots, |slot| {
                let size = root_mean_square(slot.gradient.clone());
                bounded(slot.gradient.clone(), size, *most)
            }),
            Self::ClipGlobalNorm(GlobalNorm { most, form }) => {
                let length = global_norm(slots);
                let factor = match form {
                    GlobalNormForm::Exact if length < *most => 1.0,
                    GlobalNormForm::Exact => most / length,
                    GlobalNormForm::Torch => f64::min(1.0, most / (length + 1e-6)),
                };
                // A norm that is no number clips nothing; what is not finite is another stage's.
                if factor < 1.0 {
                    each(slots, |slot| slot.gradient.clone().mul_scalar(factor));
                }
            }
            Self::ClipAdaptive(clip) => each(slots, |slot| adaptively(slot, clip)),
            Self::Centralize(units) => each(slots, |slot| {
                if slot.shape.len() < 2 {
                    return slot.gradient.clone();
                }
                let elements = slot.gradient.dims();
                let g = slot.gradient.clone().reshape(units.split(&slot.shape));
                let mean = g.clone().mean_dim(0).mean_dim(2);
                (g - mean).reshape(elements)
            }),
        }
    }
}

fn each(slots: &mut [Slot], change: impl Fn(&Slot) -> Tensor<1>) {
    for slot in slots.iter_mut().filter(|slot| !slot.is_empty()) {
        slot.gradient = change(slot);
    }
}

/// Scaled so that its size, `[1]`, is at most this.
fn bounded(gradient: Tensor<1>, size: Tensor<1>, most: f64) -> Tensor<1> {
    gradient / size.mul_scalar(1.0 / most).clamp_min(1.0)
}

/// The norm of all gradients together.
pub(crate) fn global_norm(slots: &[Slot]) -> f64 {
    let squares: Vec<Tensor<1>> = slots
        .iter()
        .filter(|slot| !slot.is_empty())
        .map(|slot| (slot.gradient.clone() * slot.gradient.clone()).sum())
        .collect();
    libm::sqrt(sum(squares))
}

fn adaptively(slot: &Slot, clip: &AdaptiveClip) -> Tensor<1> {
    let elements = slot.gradient.dims();
    // A vector is one unit; and a cube with its units last has, as in optax, two axes of them.
    let shape = match (clip.units, slot.shape.as_slice()) {
        (_, shape) if shape.iter().filter(|axis| **axis > 1).count() <= 1 => [1, 1, elements[0]],
        (Units::Last, &[inputs, heads, units]) => [inputs, heads * units, 1],
        (units, shape) => units.split(shape),
    };
    let g = slot.gradient.clone().reshape(shape);
    let x = slot.value.clone().reshape(shape);
    let length = |y: Tensor<3>| (y.clone() * y).sum_dim(0).sum_dim(2).sqrt();
    let most = length(x).clamp_min(clip.least).mul_scalar(clip.part);
    let size = length(g.clone());
    let fits = size.clone().lower(most.clone());
    let factor = (most / size.clamp_min(1e-6)).mask_fill(fits, 1.0);
    (g * factor).reshape(elements)
}
