//! Configs that cannot be used, and steps that are refused.

use core::fmt;

use crate::{InvalidHyperparameter, UnknownPreset};

/// A [`DescentConfig`](super::DescentConfig) that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDescent {
    /// A number is out of bounds.
    #[error(transparent)]
    Hyperparameter(#[from] InvalidHyperparameter),
    /// An optimizer was asked for the settings of a library that does not have it.
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
    /// A count is 0.
    #[error("{name} must be at least 1, got 0")]
    ZeroCount {
        /// The setting, such as `accumulate.steps`.
        name: &'static str,
    },
    /// A schedule, a group or a call names a setting that the optimizer does not have.
    #[error("{optimizer} has no numeric setting `{setting}`")]
    UnknownSetting {
        /// The optimizer.
        optimizer: &'static str,
        /// The setting named.
        setting: String,
    },
    /// A call names a group that the config does not have.
    #[error("there is no group {group}: the config has {groups}, counted from 0")]
    UnknownGroup {
        /// The group named.
        group: usize,
        /// The number of groups.
        groups: usize,
    },
    /// A call names an average that the config does not have.
    #[error("there is no average `{name}`: the config has `{averages}`")]
    UnknownAverage {
        /// The name.
        name: String,
        /// The averages of the config, in order.
        averages: String,
    },
    /// A part that can be in a config once is there twice.
    #[error("{name} is there twice; remove one")]
    RepeatedStage {
        /// The part.
        name: &'static str,
    },
    /// A part of the step would mix the networks of an ensemble.
    #[error("{part} mixes the networks of an ensemble; remove it, or train them separately")]
    MixedMembers {
        /// The optimizer, or another part of the config.
        part: &'static str,
    },
    /// Gradients are accumulated for an optimizer that is told the loss of each step.
    #[error("{optimizer} needs the loss of each step, so its gradients cannot be accumulated")]
    AccumulatedLoss {
        /// The optimizer.
        optimizer: &'static str,
    },
    /// The networks of an ensemble have different learning rates, and the steps of the optimizer
    /// are not proportional to the rate.
    #[error(
        "the steps of {optimizer} with these settings are not proportional to the learning rate; \
         give all networks of the ensemble the factor 1, or train them separately"
    )]
    RatesOfMembers {
        /// The optimizer.
        optimizer: &'static str,
    },
}

pub(super) fn at_least_one(name: &'static str, value: u64) -> Result<(), InvalidDescent> {
    match value {
        0 => Err(InvalidDescent::ZeroCount { name }),
        _ => Ok(()),
    }
}

/// Why a step was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The schedule of a setting, or the learning rate given, is out of bounds at this step.
    #[error("step {step}: {error}")]
    OutOfBounds {
        /// The step, counted from 1.
        step: u64,
        /// The setting and its value.
        error: InvalidHyperparameter,
    },
    /// An optimizer needs the loss that the gradients are of, and was not told it.
    #[error(
        "{optimizer} needs the loss of each step: call `tell_loss` of the descent, or of its handle, \
         before it"
    )]
    LossNotTold {
        /// The optimizer.
        optimizer: &'static str,
    },
    /// The first axis of a parameter does not hold the networks of the ensemble.
    #[error(
        "the config has {members} members, but the first axis of `{path}` does not have this \
         length: its shape is {shape:?}"
    )]
    Members {
        /// The members of the config.
        members: usize,
        /// The parameter.
        path: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A group names a path or a pattern that no parameter of the module has.
    #[error(
        "group {group} (counted from 0) selects `{selection}`, and the module has no such parameter\
         {}", did_you_mean(.nearest)
    )]
    EmptySelection {
        /// The group.
        group: usize,
        /// The path or the pattern.
        selection: String,
        /// The most similar path of the module, if it has a parameter.
        nearest: Option<String>,
    },
    /// Two places of the module have the same parameter. Burn (0.22) trains a parameter in each
    /// place by itself, so the two would become different.
    #[error("{}", are_tied(.first, .second))]
    TiedParameters {
        /// The path of the first place.
        first: String,
        /// The path of the second place.
        second: String,
    },
    /// The formula of an optimizer is infinite or not a number at the first step of a parameter,
    /// although the parameter and its gradient are finite.
    #[error("{not_finite} (of the parameter `{path}`)")]
    NotFinite {
        /// The parameter.
        path: String,
        /// The expression, and where it is in the formula.
        not_finite: String,
    },
    /// The state, of this descent or one that was loaded, does not fit the descent or the module.
    #[error(transparent)]
    Record(#[from] DescentRecordError),
}

/// Says that two places have the same parameter, and the remedy.
pub(crate) fn are_tied(first: &str, second: &str) -> String {
    format!(
        "`{first}` and `{second}` are the same parameter in two places, which would become \
         different: keep it in one place and use its value in the other, or give a copy that is \
         trained by itself another id"
    )
}

fn did_you_mean(nearest: &Option<String>) -> String {
    (nearest.as_ref()).map_or_else(String::new, |path| format!("; the nearest is `{path}`"))
}

/// A refused step. The module is unchanged, and so is the descent.
///
/// `?` propagates it as it is, or converts it into its [`StepError`]:
///
/// ```
/// use burn::module::Module;
/// use burn::optim::GradientsParams;
/// use downhill::{Descent, FailedStep, StepError};
///
/// fn step<M: Module>(
///     descent: &mut Descent,
///     model: M,
///     gradients: GradientsParams,
/// ) -> Result<M, StepError> {
///     let (model, _) = descent.step(model, gradients)?;
///     Ok(model)
/// }
///
/// /// Goes on with the model as it was.
/// fn step_if_possible<M: Module>(descent: &mut Descent, model: M, gradients: GradientsParams) -> M {
///     match descent.step(model, gradients) {
///         Ok((model, _)) => model,
///         Err(FailedStep { module, error, .. }) => {
///             eprintln!("{error}");
///             module
///         }
///     }
/// }
/// ```
#[non_exhaustive]
pub struct FailedStep<M> {
    /// The module as it was given.
    pub module: M,
    /// Why the step was refused.
    pub error: StepError,
}

impl<M> FailedStep<M> {
    pub(crate) fn new(module: M, error: impl Into<StepError>) -> Self {
        let error = error.into();
        Self { module, error }
    }
}

impl<M> From<FailedStep<M>> for StepError {
    fn from(failed: FailedStep<M>) -> Self {
        failed.error
    }
}

impl<M> fmt::Debug for FailedStep<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FailedStep")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<M> fmt::Display for FailedStep<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl<M> core::error::Error for FailedStep<M> {}

/// An error of loading or saving the state of a descent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescentRecordError {
    /// The bytes are damaged, or are not the state of a descent.
    #[error("cannot read the state of a descent: {0}")]
    Unreadable(String),
    /// The state cannot be written.
    #[error("cannot write the state of a descent: {0}")]
    Unwritable(String),
    /// The state was saved by a descent with other optimizers or averages.
    #[error(
        "the saved descent has the parts `{saved}`, this one has `{here}`; build it from the config \
         of the saved one"
    )]
    OtherParts {
        /// The parts of the saved descent.
        saved: String,
        /// The parts of the descent that loads it.
        here: String,
    },
    /// Parts of the state do not fit the descent or the module.
    #[error("the state does not fit:{}", lines(.0))]
    Misfits(Vec<Misfit>),
    /// The state was saved by a later version of this crate.
    #[error(
        "the state has format {0}, and this version of downhill reads up to {FORMAT}; use the \
         version that saved it, or a later one"
    )]
    LaterFormat(u64),
    /// The state of a parameter is not complete.
    #[error("the saved descent has no complete state of `{path}`")]
    Incomplete {
        /// The parameter.
        path: String,
    },
}

/// The format of saved states. The first had no number.
pub(super) const FORMAT: u64 = 2;

fn lines(misfits: &[Misfit]) -> String {
    misfits
        .iter()
        .map(|misfit| format!("\n  {misfit}"))
        .collect()
}

/// A part of a saved state that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// Another optimizer stepped the parameter, or one with settings that give its memory another
    /// meaning.
    #[error("`{path}` was stepped by `{saved}`, and here is stepped by `{here}`")]
    Optimizer {
        /// The parameter.
        path: String,
        /// The optimizer and its settings that are not numbers.
        saved: String,
        /// The same of the descent that loads the state.
        here: String,
    },
    /// A `ModuleOptimizer` without a descent saved the state, and it is not that of Burn's own
    /// optimizer of the same rule.
    #[error(
        "the state of `{path}` was not saved by a descent, and is not that of Burn's own `{here}`"
    )]
    FromBurn {
        /// The parameter.
        path: String,
        /// The optimizer that steps it here, and its settings that are not numbers.
        here: String,
    },
    /// The averages are others.
    #[error("the state has the averages `{saved}`, and this descent has `{here}`")]
    Weights {
        /// The averages of the state, in order.
        saved: String,
        /// Those of the descent that loads it.
        here: String,
    },
    /// The parameter has another shape.
    #[error("`{path}` had the shape {saved:?}, and here has {here:?}")]
    Shape {
        /// The parameter.
        path: String,
        /// The shape when the state was saved.
        saved: Vec<usize>,
        /// The shape in the module.
        here: Vec<usize>,
    },
    /// The parameter has another type.
    #[error("the state of `{path}` is {saved:?}, and the parameter is {here:?}")]
    Type {
        /// The parameter.
        path: String,
        /// The type of the state.
        saved: burn::tensor::DType,
        /// The type of the parameter.
        here: burn::tensor::DType,
    },
    /// The module does not have the parameter.
    #[error("the module has no parameter `{path}`")]
    Path {
        /// The parameter.
        path: String,
    },
}

impl From<burn_pack::Error> for DescentRecordError {
    fn from(error: burn_pack::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
