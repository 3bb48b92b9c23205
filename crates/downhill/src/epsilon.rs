//! Where epsilon goes when something is divided by a root.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Where epsilon goes when a step is divided by the root of `v`, a mean or, in AdaGrad, a sum of
/// squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpsilonPlace {
    /// `sqrt(v) + epsilon`: PyTorch, the book, Burn.
    Outside,
    /// `sqrt(v + epsilon)`: Keras, optax, Theano.
    Inside,
}

impl EpsilonPlace {
    /// The divisor for `v`.
    pub(crate) fn root<const D: usize>(self, v: Tensor<D>, epsilon: f64) -> Tensor<D> {
        match self {
            Self::Outside => v.sqrt().add_scalar(epsilon),
            Self::Inside => v.add_scalar(epsilon).sqrt(),
        }
    }
}
