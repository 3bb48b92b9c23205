//! Weight decay.

use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::not_negative;
use crate::rule::Real;

/// How a step draws a parameter towards 0. Which parameters are drawn is a matter of groups; here
/// it is every one that the optimizer is given.
///
/// ```text
/// l2:          g <- g + lambda * x, before anything else sees the gradient
/// decoupled:   x <- x - learning_rate * lambda * x, beside the step
/// independent: x <- x - lambda * x, beside the step, whatever the learning rate
/// proximal:    x <- x / (1 + learning_rate * lambda), after the step
/// ```
///
/// `l2` is `weight_decay` of PyTorch's SGD, Adam and most others, and of Burn; `decoupled` that of
/// AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101), of every optimizer of Keras, and of optax's
/// `add_decayed_weights` before the scaling by the rate; `independent` that of optax after the
/// scaling, `proximal` that of Burn's Adan. The book's penalty belongs into the loss, and for its weights is `l2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WeightDecay {
    /// None.
    #[default]
    None,
    /// Into the gradient, with this lambda, at least 0.
    L2(f64),
    /// Beside the step, scaled by the learning rate, with this lambda, at least 0.
    Decoupled(f64),
    /// Beside the step, not scaled, with this lambda, at least 0.
    Independent(f64),
    /// A division after the step, with this lambda, at least 0.
    Proximal(f64),
}

impl WeightDecay {
    /// The lambda; 0 where there is none.
    pub fn lambda(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::L2(lambda)
            | Self::Decoupled(lambda)
            | Self::Independent(lambda)
            | Self::Proximal(lambda) => lambda,
        }
    }

    /// The same kind with another lambda.
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

    /// The parameter and the gradient that the step itself then begins with.
    #[inline(always)]
    pub(crate) fn around<R: Real>(self, learning_rate: f64, x: R, g: R) -> (R, R) {
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

    /// The parameter after the step.
    #[inline(always)]
    pub(crate) fn after<R: Real>(self, learning_rate: f64, x: R) -> R {
        match self {
            Self::Proximal(lambda) => x.scale(1.0 / (1.0 + learning_rate * lambda)),
            _ => x,
        }
    }
}
