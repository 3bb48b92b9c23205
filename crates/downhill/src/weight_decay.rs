//! Weight decay.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{InvalidHyperparameter, not_negative};
use crate::rule::real::Real;

/// Weight decay: how each step shrinks a parameter towards 0.
///
/// It applies to every parameter of the optimizer; groups of a [`Descent`](crate::Descent) can have
/// another.
///
/// ```text
/// l2:          g <- g + lambda * x, before anything else sees the gradient
/// decoupled:   x <- x - learning_rate * lambda * x, besides the step
/// independent: x <- x - lambda * x, besides the step, whatever the learning rate
/// proximal:    x <- x / (1 + learning_rate * lambda), after the step
/// ```
///
/// `l2` is the weight decay of Burn, and of PyTorch's SGD, Adam and most others. `decoupled` is
/// that of AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101), of every optimizer of Keras, and
/// of optax if `add_decayed_weights` comes before the scaling by the rate. `independent` is that of
/// optax if it comes after the scaling, `proximal` that of Burn's Adan. The book has an L2 penalty
/// in the loss, which for its weights is `l2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightDecay {
    /// No decay.
    #[default]
    None,
    /// Added to the gradient, with this lambda; non-negative.
    L2(f64),
    /// Applied to the parameter, scaled by the learning rate, with this lambda; non-negative.
    Decoupled(f64),
    /// Applied to the parameter, not scaled, with this lambda; non-negative.
    Independent(f64),
    /// A division of the parameter after the step, with this lambda; non-negative.
    Proximal(f64),
}

impl WeightDecay {
    /// Returns the lambda, or 0 without decay.
    pub fn lambda(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::L2(lambda)
            | Self::Decoupled(lambda)
            | Self::Independent(lambda)
            | Self::Proximal(lambda) => lambda,
        }
    }

    /// Returns the same kind with another lambda.
    pub(crate) fn with_lambda(self, lambda: f64) -> Self {
        match self {
            Self::None => Self::None,
            Self::L2(_) => Self::L2(lambda),
            Self::Decoupled(_) => Self::Decoupled(lambda),
            Self::Independent(_) => Self::Independent(lambda),
            Self::Proximal(_) => Self::Proximal(lambda),
        }
    }

    pub(crate) fn check(self) -> Result<(), InvalidHyperparameter> {
        not_negative("weight_decay", self.lambda())
    }

    /// Returns the parameter and the gradient that the step itself starts from.
    #[inline(always)]
    pub(crate) fn before_step<R: Real>(self, learning_rate: f64, x: R, g: R) -> (R, R) {
        match self {
            Self::L2(lambda) if lambda != 0.0 => {
                let g = g + x.clone().scale(lambda);
                (x, g)
            }
            Self::Decoupled(lambda) if lambda != 0.0 => (x.scale(1.0 - learning_rate * lambda), g),
            Self::Independent(lambda) if lambda != 0.0 => (x.scale(1.0 - lambda), g),
            _ => (x, g),
        }
    }

    /// Returns the parameter after the decay that follows the step.
    #[inline(always)]
    pub(crate) fn after_step<R: Real>(self, learning_rate: f64, x: R) -> R {
        match self {
            Self::Proximal(lambda) => x.scale(1.0 / (1.0 + learning_rate * lambda)),
            _ => x,
        }
    }
}
