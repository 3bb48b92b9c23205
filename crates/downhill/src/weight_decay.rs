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
/// A decay that is not `l2` or `proximal` is added to the step before either meets the parameter,
/// as in optax: by itself, a decay of less than half the resolution of the type would be lost, in
/// `f32` one of less than 3e-8 of the parameter. PyTorch and Keras lose it. Also here it is lost if
/// all steps are equal in size ([`Lion`](crate::Lion), [`SignSgd`](crate::SignSgd)) or smaller than
/// the resolution, and in [`Asgd`](crate::Asgd), [`Cocob`](crate::Cocob), [`Ftrl`](crate::Ftrl),
/// [`Madgrad`](crate::Madgrad) and [`ScheduleFree`](crate::ScheduleFree), which decay before the
/// step.
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
            Self::L2(_) => {
                let g = self.into_gradient(&x, g);
                (x, g)
            }
            Self::Decoupled(lambda) if lambda != 0.0 => (x.scale(1.0 - learning_rate * lambda), g),
            Self::Independent(lambda) if lambda != 0.0 => (x.scale(1.0 - lambda), g),
            _ => (x, g),
        }
    }

    /// Returns the gradient with a decay that is part of it.
    #[inline(always)]
    pub(crate) fn into_gradient<R: Real>(self, x: &R, g: R) -> R {
        match self {
            Self::L2(lambda) if lambda != 0.0 => g + x.clone().scale(lambda),
            _ => g,
        }
    }

    /// Returns the part of the parameter that is taken off besides the step, or 0.
    #[inline(always)]
    pub(crate) fn share(self, learning_rate: f64) -> f64 {
        match self {
            Self::Decoupled(lambda) => learning_rate * lambda,
            Self::Independent(lambda) => lambda,
            Self::None | Self::L2(_) | Self::Proximal(_) => 0.0,
        }
    }

    /// Returns the parameter after this step and the decay, from the parameter before both.
    ///
    /// The decay is added to the step before either meets the parameter. By itself, a decay smaller
    /// than half the resolution of the type would be lost.
    pub(crate) fn around_step<R: Real>(self, learning_rate: f64, x: R, step: R) -> R {
        match self.share(learning_rate) {
            0.0 => self.after_step(learning_rate, x - step),
            share => x.clone() - (step + x.scale(share)),
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
