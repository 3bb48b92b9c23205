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
//! weights that are trained. On several devices, use `MultiDeviceOptim::OptimMainDevice`.
//!
//! In a loop of your own, see [`module_optimizer`].

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};

use crate::module_optimizer;
pub use crate::module_optimizer::Handle;
use crate::{Descent, FailedStep, StepError};

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
/// `TrainStep::optimize` cannot fail: a refused step leaves the module unchanged, and
/// [`Handle::last_outcome`] says why.
///
/// # Panics
///
/// If a checkpoint was loaded that does not fit the descent or the module, see
/// [`DescentRecordError`](crate::DescentRecordError).
pub fn optimize<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: ModuleLearningRate,
    gradients: GradientsParams,
) -> M {
    match module_optimizer::step(optimizer, rate, module, gradients) {
        Ok((module, _)) => module,
        Err(FailedStep {
            error: StepError::Record(error),
            ..
        }) => panic!("{error}"),
        Err(failed) => failed.module,
    }
}
