//! Dropout.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::InvalidModel;

/// Gives so many numbers, each 1 with the given probability and 0 otherwise.
pub type KeepMask<'a> = dyn FnMut(usize, f64) -> Vec<f32> + 'a;

/// Dropout after the activation of every hidden layer, and of the input (Srivastava et al. 2014, JMLR 15).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DropoutConfig {
    /// Probability that a unit is dropped, in \[0, 1); 0 is no dropout.
    pub probability: f64,
    /// The same of a pixel, before the first layer.
    pub input_probability: f64,
    /// When the loss of mass is made up for.
    pub kind: DropoutKind,
}

/// When the activations are scaled, so that training and evaluation agree in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DropoutKind {
    /// In evaluation, by `1 - probability` (the original, and the book's).
    Classic,
    /// In training, by `1 / (1 - probability)` (PyTorch, Keras, Burn).
    Inverted,
}

impl Default for DropoutConfig {
    fn default() -> Self {
        Self {
            probability: 0.0,
            input_probability: 0.0,
            kind: DropoutKind::Classic,
        }
    }
}

impl DropoutConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidModel> {
        for (key, value) in [
            ("dropout.probability", self.probability),
            ("dropout.input_probability", self.input_probability),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(InvalidModel::new(key, "lie in [0, 1)", &value));
            }
        }
        Ok(())
    }

    /// The dropout of the pixels, as that of units.
    pub(crate) fn of_input(&self) -> Self {
        Self {
            probability: self.input_probability,
            ..*self
        }
    }

    /// Training: each unit of each image, `[batch, units]`, kept or dropped as `keep_mask` says.
    pub(crate) fn train(&self, x: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        if self.probability == 0.0 {
            return x;
        }
        let [batch, units] = x.dims();
        let mask = keep_mask(batch * units, self.keep());
        self.masked(x, mask)
    }

    /// Probability that a unit is kept.
    pub(crate) fn keep(&self) -> f64 {
        1.0 - self.probability
    }

    /// Training: each unit kept where the mask, in the order of `x`, holds a 1.
    pub(crate) fn masked<const D: usize>(&self, x: Tensor<D>, mask: Vec<f32>) -> Tensor<D> {
        // Of the type of `x`, which need not be the device's own.
        let mask = Tensor::from_data(TensorData::new(mask, x.dims()), (&x.device(), x.dtype()));
        match self.kind {
            DropoutKind::Classic => x * mask,
            DropoutKind::Inverted => x * mask.mul_scalar(1.0 / self.keep()),
        }
    }

    /// Evaluation: nothing is dropped.
    pub(crate) fn evaluate<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self.kind {
            DropoutKind::Classic if self.probability > 0.0 => x.mul_scalar(self.keep()),
            _ => x,
        }
    }
}
