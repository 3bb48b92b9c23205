//! A [`Descent`] inside `burn-train`'s `Learner`.
//!
//! The `Learner` takes a `ModuleOptimizer` and saves it in its checkpoints. [`optimizer`] wraps a
//! descent into one. A `ModuleOptimizer` steps one parameter at a time and a descent all of them,
//! so the `TrainStep` of the model has to override `optimize`:
//!
//! ```
//! # use burn::module::Module;
//! # use burn::optim::{GradientsParams, ModuleOptimizer};
//! # use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
//! # struct Model<M>(M);
//! # impl<M: Module> Model<M> {
//! fn optimize(
//!     self,
//!     optimizer: &mut ModuleOptimizer,
//!     rate: ModuleLearningRate,
//!     gradients: GradientsParams,
//! ) -> Self
//! # where Self: Module
//! {
//!     downhill::learner::optimize(self, optimizer, rate, gradients)
//! }
//! # }
//! ```
//!
//! The optimizer's part of the checkpoints then contains the whole state of the descent, including
//! averages and step counts.
//!
//! Use [`Handle::averaged`] for the averages of the weights: the `Learner` validates and saves the
//! weights that are trained. For `MultiDeviceOptim::OptimSharded`, override `optimize_multi` by
//! [`optimize_multi`] as well; `MultiDeviceOptim::OptimMainDevice` calls `optimize`.
//!
//! An optimizer that needs the loss of each step, such as [`Momo`](crate::Momo), is told it by
//! [`Handle::tell_loss`] between `TrainStep::step`, which computes it, and `optimize`. With several
//! devices, the loss is the mean over their batches.
//!
//! In a loop of your own, see [`module_optimizer`].

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};

use crate::module_optimizer;
pub use crate::module_optimizer::Handle;
use crate::{Descent, FailedStep, StepError, StepOutcome};

/// Wraps a descent into the `ModuleOptimizer` that a `Learner` takes, and returns a handle to the
/// descent.
///
/// The learning rate is that of the `Learner`'s scheduler, unless the descent has a schedule for
/// its own; groups with a rate of their own keep their ratio to it. Groups are those of the
/// [`DescentConfig`](crate::DescentConfig). All parameters must belong to one group of the
/// `ModuleOptimizer`.
pub fn optimizer(descent: Descent) -> (ModuleOptimizer, Handle) {
    descent.into_module_optimizer()
}

/// Steps a module by an [`optimizer`] of this module, or by any other `ModuleOptimizer`; for
/// `TrainStep::optimize`.
///
/// `TrainStep::optimize` cannot fail: if a setting is out of bounds at this step, the module stays
/// unchanged, and [`Handle::last_outcome`] says why.
///
/// # Panics
///
/// If no trained parameter has a gradient, if an optimizer needs the loss and was not told it, if
/// the groups of the descent or a checkpoint that was loaded do not fit the module, or if two
/// places of the module have the same parameter, see [`StepError`].
pub fn optimize<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: ModuleLearningRate,
    gradients: GradientsParams,
) -> M {
    taken(module_optimizer::step(optimizer, rate, module, gradients))
}

/// Like [`optimize`], with gradients from several devices; for `TrainStep::optimize_multi`, which
/// `MultiDeviceOptim::OptimSharded` calls.
///
/// # Panics
///
/// As [`optimize`].
pub fn optimize_multi<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: ModuleLearningRate,
    gradients: MultiGradientsParams,
) -> M {
    taken(module_optimizer::step_multi(
        optimizer, rate, module, gradients,
    ))
}

/// Returns the module after a step, whether it was made or not.
fn taken<M>(step: Result<(M, StepOutcome), FailedStep<M>>) -> M {
    match step {
        Ok((_, StepOutcome::NoGradients)) => panic!("{NO_GRADIENTS}"),
        Ok((module, _)) => module,
        Err(FailedStep {
            module,
            error: StepError::OutOfBounds { .. },
        }) => module,
        Err(failed) => panic!("{}", failed.error),
    }
}

const NO_GRADIENTS: &str = "no trained parameter of the module has a gradient: take the gradients \
    of the module that is trained, by `TrainOutput::new(self, loss.backward(), output)`, and not \
    those of `module.valid()` or of another module";
