//! Where epsilon is added when a step is divided by a root.

use serde::{Deserialize, Serialize};

use crate::rule::real::Real;

/// Where epsilon is added when a step is divided by the root of `v`, a mean of squares or, in
/// AdaGrad, a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EpsilonPlace {
    /// `sqrt(v) + epsilon`: PyTorch, the book, Burn.
    Outside,
    /// `sqrt(v + epsilon)`: Keras, optax, Theano.
    Inside,
}

impl EpsilonPlace {
    /// Returns the denominator for `v`.
    #[inline(always)]
    pub(crate) fn root<R: Real>(self, v: R, epsilon: f64) -> R {
        match self {
            Self::Outside => v.sqrt().shift(epsilon),
            Self::Inside => v.shift(epsilon).sqrt(),
        }
    }
}
