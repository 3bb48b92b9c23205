//! Hyperparameters that change during training.
//!
//! A [`Schedule`] is a function of the base value and the step alone: a training that is resumed at
//! step 1000 asks for the value at step 1000. Only [`Plateau`], which follows a metric, has a state
//! to save.
//!
//! ```
//! use downhill::Schedule;
//! use downhill::schedule::{Cosine, WarmUp};
//!
//! let schedule = Schedule::from(WarmUp::new(100).then(Cosine::new(900).with_end_value(1e-5)));
//! assert_eq!(schedule.value(0.1, 50), 0.05);
//! ```
//!
//! | key | PyTorch | optax | Keras |
//! | --- | --- | --- | --- |
//! | `constant` | | `constant_schedule` | a number |
//! | `step` | `StepLR` | `exponential_decay`, staircase | `ExponentialDecay`, staircase |
//! | `multi-step` | `MultiStepLR` | `piecewise_constant_schedule` | |
//! | `exponential` | `ExponentialLR` | `exponential_decay` | `ExponentialDecay` |
//! | `constant-factor` | `ConstantLR` | | |
//! | `linear` | `LinearLR` | `linear_schedule` | |
//! | `polynomial` | `PolynomialLR` | `polynomial_schedule` | `PolynomialDecay` |
//! | `cosine` | `CosineAnnealingLR` | `cosine_decay_schedule` | `CosineDecay` |
//! | `cosine-restarts` | `CosineAnnealingWarmRestarts` | `sgdr_schedule` | `CosineDecayRestarts` |
//! | `cyclic` | `CyclicLR` | | |
//! | `one-cycle` | `OneCycleLR` | | |
//! | `warm-up` | `SequentialLR` after `LinearLR` | `warmup_cosine_decay_schedule` | `CosineDecay`, warm-up |
//! | `joined` | `SequentialLR` | `join_schedules` | |
//! | `product` | `ChainedScheduler` | | |
//!
//! The table lists the nearest equivalents; the documentation of each type states the differences.
//! The comparisons are with PyTorch 2.9.1, optax 0.2.8 and Keras 3.15.1. `noam` comes from Burn,
//! `inverse-square-root` from fairseq.
//!
//! Lengths and milestones have no defaults; where PyTorch has a default for another setting, it is
//! the default here.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hyperparameter::InvalidHyperparameter;

mod constant_factor;
mod cosine;
mod cosine_restarts;
mod cyclic;
mod exponential;
mod interpolation;
mod inverse_square_root;
mod joined;
mod linear;
mod lr_scheduler;
mod multi_step;
mod noam;
mod one_cycle;
mod plateau;
mod polynomial;
mod product;
mod step;
#[cfg(test)]
mod tests;
mod warm_up;

pub use constant_factor::ConstantFactor;
pub use cosine::{Cosine, CosineEnd};
pub use cosine_restarts::CosineRestarts;
pub use cyclic::{Cyclic, CyclicShape};
pub use exponential::Exponential;
pub use inverse_square_root::InverseSquareRoot;
pub use joined::Joined;
pub use linear::Linear;
pub use lr_scheduler::ScheduledRate;
pub use multi_step::MultiStep;
pub use noam::Noam;
pub use one_cycle::{Anneal, OneCycle, Phases};
pub use plateau::{Plateau, PlateauConfig, PlateauMode, ThresholdMode};
pub use polynomial::Polynomial;
pub use step::Step;
pub use warm_up::WarmUp;

/// The value of a hyperparameter, usually the learning rate, at each step.
///
/// Steps are updates or epochs, whatever the caller counts. In the formulas `t` is the step,
/// counted from 0, and `base` the value that the schedule changes.
///
/// ```
/// use downhill::Schedule;
///
/// let text = "warm-up = { steps = 2, start_factor = 0.5, then = { cosine = { steps = 10 } } }";
/// let schedule: Schedule = toml::from_str(text).unwrap();
/// assert!(schedule.check().is_ok());
/// assert_eq!([0, 1, 2, 12].map(|step| schedule.value(1.0, step)), [0.5, 0.75, 1.0, 0.0]);
///
/// let schedule: Schedule = toml::from_str("step = { period = 0 }").unwrap();
/// let error = schedule.check().unwrap_err();
/// assert_eq!(error.to_string(), "step.period must be at least 1, got 0");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// `"constant"`: the base.
    #[default]
    Constant,
    /// `step`
    Step(Step),
    /// `multi-step`
    MultiStep(MultiStep),
    /// `exponential`
    Exponential(Exponential),
    /// `constant-factor`
    ConstantFactor(ConstantFactor),
    /// `linear`
    Linear(Linear),
    /// `polynomial`
    Polynomial(Polynomial),
    /// `cosine`
    Cosine(Cosine),
    /// `cosine-restarts`
    CosineRestarts(CosineRestarts),
    /// `cyclic`
    Cyclic(Cyclic),
    /// `one-cycle`
    OneCycle(OneCycle),
    /// `warm-up`
    WarmUp(WarmUp),
    /// `joined`
    Joined(Joined),
    /// `product`: each schedule with the value of the one before as its base.
    ///
    /// ```text
    /// v_0 = base
    /// v_i = schedule_i(v_{i-1}, t)
    /// ```
    ///
    /// Where each is a factor on its base, this is the product of the factors, as PyTorch's
    /// `ChainedScheduler` has it. PyTorch's own recursions differ from it if a schedule approaches
    /// a fixed value: a cosine with an end value other than 0, or one past its end.
    Product(Vec<Schedule>),
    /// `noam`
    Noam(Noam),
    /// `inverse-square-root`
    InverseSquareRoot(InverseSquareRoot),
}

/// Makes a schedule of the settings of each kind.
macro_rules! from_curves {
    ($($curve:ident),+ $(,)?) => {
        $(impl From<$curve> for Schedule {
            fn from(curve: $curve) -> Self {
                Self::$curve(curve)
            }
        })+
    };
}

from_curves! {
    Step, MultiStep, Exponential, ConstantFactor, Linear, Polynomial, Cosine, CosineRestarts, Cyclic,
    OneCycle, WarmUp, Joined, Noam, InverseSquareRoot,
}

/// What every kind of schedule does.
trait Curve {
    fn check(&self) -> Result<(), InvalidHyperparameter>;

    /// Must not panic, even where `check` fails.
    fn value(&self, base: f64, step: u64) -> f64;
}

impl Schedule {
    /// Returns the product of this schedule and another, see [`Product`](Self::Product).
    #[must_use]
    pub fn times(self, other: impl Into<Self>) -> Self {
        let mut factors = match self {
            Self::Product(factors) => factors,
            other => alloc::vec![other],
        };
        factors.push(other.into());
        Self::Product(factors)
    }

    /// Whether all settings are within their bounds, those of inner schedules too.
    ///
    /// # Errors
    ///
    /// Names the schedule and the field that is out of bounds, as in `cosine.steps`.
    pub fn check(&self) -> Result<(), InvalidHyperparameter> {
        self.curve().check()
    }

    /// The value at a step, of which the first is 0, for a hyperparameter of this base value.
    ///
    /// Without meaning, but no panic, where [`check`](Self::check) fails.
    pub fn value(&self, base: f64, step: u64) -> f64 {
        self.curve().value(base, step)
    }

    fn curve(&self) -> &dyn Curve {
        match self {
            Self::Constant => &Constant,
            Self::Step(curve) => curve,
            Self::MultiStep(curve) => curve,
            Self::Exponential(curve) => curve,
            Self::ConstantFactor(curve) => curve,
            Self::Linear(curve) => curve,
            Self::Polynomial(curve) => curve,
            Self::Cosine(curve) => curve,
            Self::CosineRestarts(curve) => curve,
            Self::Cyclic(curve) => curve,
            Self::OneCycle(curve) => curve,
            Self::WarmUp(curve) => curve,
            Self::Joined(curve) => curve,
            Self::Product(curve) => curve,
            Self::Noam(curve) => curve,
            Self::InverseSquareRoot(curve) => curve,
        }
    }
}

struct Constant;

impl Curve for Constant {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        Ok(())
    }

    fn value(&self, base: f64, _step: u64) -> f64 {
        base
    }
}
