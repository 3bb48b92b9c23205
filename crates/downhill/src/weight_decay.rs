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
/// cautious:    as decoupled, but only where the step also moves x towards 0
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
/// optax if it comes after the scaling, `proximal` that of Burn's Adan. `cautious` is the
/// `cautious_weight_decay` of Burn's AdamW (Chen et al. 2025, arXiv:2510.12402). Where the step is
/// exactly 0, as where no gradient ever arrives, it shrinks what is above 0 and leaves what is
/// below, as Burn does. Sizes that a step depends on, as in [`Lamb`](crate::Lamb), are those of the
/// parameter before the decay. ASGD, COCOB and FTRL, which keep more than the parameter of a step,
/// refuse it. The book has an L2 penalty in the loss, which for its weights is `l2`.
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
    /// Applied to the parameter where the step also moves it towards 0, scaled by the learning
    /// rate, with this lambda; non-negative.
    Cautious(f64),
}

impl WeightDecay {
    /// Returns the lambda, or 0 without decay.
    pub fn lambda(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::L2(lambda)
            | Self::Decoupled(lambda)
            | Self::Independent(lambda)
            | Self::Proximal(lambda)
            | Self::Cautious(lambda) => lambda,
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
            Self::Cautious(_) => Self::Cautious(lambda),
        }
    }

    /// For an optimizer that keeps more than the parameter of a step.
    pub(crate) fn refuse_cautious(self) -> Result<(), InvalidHyperparameter> {
        let holds = !matches!(self, Self::Cautious(_));
        let requirement = "be of another kind than cautious with this optimizer";
        InvalidHyperparameter::unless(holds, "weight_decay", requirement, self.lambda())
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
            Self::Decoupled(lambda) | Self::Cautious(lambda) => learning_rate * lambda,
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
            0.0 => self.after_step(learning_rate, None, x - step),
            share => {
                let decayed = x.clone().scale(share);
                let decayed = match self.looks_back() {
                    true => self.beside(&-step.clone(), decayed),
                    false => decayed,
                };
                x - (step + decayed)
            }
        }
    }

    /// Returns the part of `decayed` that applies beside a step that adds `movement`.
    #[inline(always)]
    pub(crate) fn beside<R: Real>(self, movement: &R, decayed: R) -> R {
        if !self.looks_back() {
            return decayed;
        }
        let zero = decayed.zero();
        let (above, below) = (decayed.clone().max(zero.clone()), decayed.min(zero));
        movement.clone().positive_or(below, above)
    }

    /// Returns the parameter after the decay that follows the step. `before` is the parameter
    /// before the step, if the decay [looks back](Self::looks_back).
    #[inline(always)]
    pub(crate) fn after_step<R: Real>(self, learning_rate: f64, before: Option<R>, x: R) -> R {
        match (self, before) {
            (Self::Proximal(lambda), _) => x.scale(1.0 / (1.0 + learning_rate * lambda)),
            (Self::Cautious(lambda), Some(before)) => {
                let movement = x.clone() - before.clone();
                x - self.beside(&movement, before.scale(learning_rate * lambda))
            }
            _ => x,
        }
    }

    /// Returns the parameter with the decay and without the step, of both from `before` to `after`.
    pub(crate) fn alone<R: Real>(self, learning_rate: f64, before: R, after: &R) -> R {
        let share = self.share(learning_rate);
        if !self.looks_back() {
            return before.scale(1.0 - share);
        }
        // What the decay took off has the direction of the whole movement. Where that is 0, both
        // were lost in rounding, or nothing was taken off.
        let movement = after.clone() - before.clone();
        let decayed = before.clone().scale(share);
        let zero = decayed.zero();
        let (above, below) = (decayed.clone().max(zero.clone()), decayed.min(zero.clone()));
        let taken = (-movement.clone()).positive_or(above, movement.positive_or(below, zero));
        before - taken
    }

    /// Whether a decay that follows the step depends on the parameter before it.
    #[inline(always)]
    pub(crate) fn looks_back(self) -> bool {
        matches!(self, Self::Cautious(lambda) if lambda != 0.0)
    }
}
