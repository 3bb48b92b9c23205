//! Dropout.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::InvalidModel;

/// A source of dropout masks: returns the requested number of values, each 1 with the given
/// probability and 0 otherwise.
pub type KeepMask<'a> = dyn FnMut(usize, f64) -> Vec<f32> + 'a;

/// Dropout of the input, and after the activation of every hidden layer (Srivastava et al. 2014,
/// JMLR 15).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DropoutConfig {
    /// Probability of dropping a hidden unit, in \[0, 1).
    pub probability: f64,
    /// Probability of dropping a pixel of the input, in \[0, 1).
    pub input_probability: f64,
    /// Whether activations are scaled in training or in evaluation.
    pub kind: DropoutKind,
}

/// When the activations are scaled so that training and evaluation have the same expected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DropoutKind {
    /// In evaluation, by `1 - probability`, as in the original paper and "Deep Learning from
    /// Scratch".
    Classic,
    /// In training, by `1 / (1 - probability)`, as in PyTorch, Keras and Burn.
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

    /// Returns the dropout of the input, as a dropout of units.
    pub(crate) fn of_input(&self) -> Self {
        Self {
            probability: self.input_probability,
            ..*self
        }
    }

    /// Drops units of `x`, `[batch, units]`, in training.
    pub(crate) fn train(&self, x: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        if self.probability == 0.0 {
            return x;
        }
        let [batch, units] = x.dims();
        let mask = keep_mask(batch * units, self.keep());
        self.masked(x, mask)
    }

    /// Probability of keeping a unit.
    pub(crate) fn keep(&self) -> f64 {
        1.0 - self.probability
    }

    /// Keeps the units of `x` whose mask is 1.
    pub(crate) fn masked<const D: usize>(&self, x: Tensor<D>, mask: Vec<f32>) -> Tensor<D> {
        // The type of `x` may differ from the device's default type.
        let mask = Tensor::from_data(TensorData::new(mask, x.dims()), (&x.device(), x.dtype()));
        match self.kind {
            DropoutKind::Classic => x * mask,
            DropoutKind::Inverted => x * mask.mul_scalar(1.0 / self.keep()),
        }
    }

    /// Scales the units of `x` in evaluation; none are dropped.
    pub(crate) fn evaluate<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self.kind {
            DropoutKind::Classic if self.probability > 0.0 => x.mul_scalar(self.keep()),
            _ => x,
        }
    }
}
