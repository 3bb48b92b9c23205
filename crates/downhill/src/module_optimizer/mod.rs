//! A [`Descent`] where code asks for Burn's `ModuleOptimizer`.
//!
//! Some programs hand a `&mut ModuleOptimizer` from function to function. A `ModuleOptimizer` steps
//! one parameter at a time, and a descent needs all of them, so it cannot be called through the
//! method `step`. Wrap the descent with [`Descent::into_module_optimizer`], and replace the call
//! `optimizer.step(rate, model, gradients)` with the function [`step`] of this module:
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{Initializer, Linear, LinearConfig};
//! use burn::optim::{GradientsParams, ModuleOptimizer};
//! use burn::tensor::{Device, Tensor};
//! use downhill::{AdamConfig, DescentConfig, StepError, module_optimizer};
//!
//! /// Does not know which optimizer it is given: one of Burn's, one of this crate's, or a descent.
//! fn train(model: Linear, optimizer: &mut ModuleOptimizer) -> Result<Linear, StepError> {
//!     let input = Tensor::<2>::ones([4, 3], &Device::flex().autodiff());
//!     let loss = model.forward(input).square().mean();
//!     let gradients = GradientsParams::from_grads(loss.backward(), &model);
//!     let (model, _) = module_optimizer::step(optimizer, 0.01, model, gradients)?;
//!     Ok(model)
//! }
//!
//! let start = LinearConfig::new(3, 1).with_initializer(Initializer::Ones);
//! let model = start.init(&Device::flex().autodiff());
//! let descent = DescentConfig::new(AdamConfig::torch()).with_ema(0.9).build()?;
//! let (mut optimizer, handle) = descent.into_module_optimizer();
//! let model = train(model, &mut optimizer)?;
//! assert_eq!(handle.steps(), 1);
//! let averaged = handle.averaged(model);
//! # let _ = averaged;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The learning rate is the one given, unless the descent has a schedule for its own; groups with a
//! rate of their own keep their ratio to it. Groups are those of the
//! [`DescentConfig`](crate::DescentConfig). All parameters must belong to one group of the
//! `ModuleOptimizer`, so do not call `with_group` on it.
//!
//! The `ModuleOptimizer` saves and loads the whole state of the descent, including averages and
//! step counts. The descent receives a loaded state at the first step after loading; until then the
//! [`Handle`] reads averages and counts from the loaded state itself.
//!
//! [`learner`](crate::learner) does the same for `burn-train`'s `Learner`.

mod state;
mod walk;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ParamGroup};
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};

use self::state::{Loaded, adopt};
use self::walk::{DescentOptimizer, all, load, registered, walk};
use crate::descent::{Counts, collect, gather};
use crate::{
    Descent, DescentRecordError, FailedStep, InvalidDescent, SgdConfig, StepError, StepOutcome,
};

/// Access to a descent inside a `ModuleOptimizer`. All clones of the handle refer to the same
/// descent. A clone of the `ModuleOptimizer` has a descent of its own, which the handle does not
/// reach.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    descent: Descent,
    /// Held by each state that refers to the descent.
    in_use: Arc<()>,
    /// The copy that a clone of the `ModuleOptimizer` is being given, state by state.
    copy: Option<DescentCopy>,
    last: Option<Result<StepOutcome, StepError>>,
    /// What the descent is told before its next step.
    hessian_diagonal: Option<GradientsParams>,
    /// Why the state loaded last cannot be used.
    refused: Option<DescentRecordError>,
    /// The states loaded before the first step. A `Learner` that has nothing left to do drops the
    /// optimizer that loaded them.
    loaded: Vec<Arc<Loaded>>,
}

#[derive(Debug)]
struct DescentCopy {
    shared: Weak<Mutex<Shared>>,
    /// The parameters whose states refer to it. None has two in one `ModuleOptimizer`.
    paths: BTreeSet<String>,
}

impl Handle {
    fn new(descent: Descent) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            descent,
            in_use: Arc::new(()),
            copy: None,
            last: None,
            hessian_diagonal: None,
            refused: None,
            loaded: Vec::new(),
        })))
    }

    /// Returns the descent that a clone of the state of this parameter refers to.
    fn copied(&self, path: &str) -> Self {
        let mut shared = self.lock();
        if let Some(copy) = &mut shared.copy
            && let Some(descent) = copy.shared.upgrade()
            && copy.paths.insert(path.to_string())
        {
            return Self(descent);
        }
        let copy = Self::new(shared.descent.clone());
        copy.lock().refused = shared.refused.clone();
        shared.copy = Some(DescentCopy {
            shared: Arc::downgrade(&copy.0),
            paths: BTreeSet::from([path.to_string()]),
        });
        copy
    }

    /// Returns the module to evaluate, see [`Descent::averaged`].
    ///
    /// # Panics
    ///
    /// If a checkpoint was loaded that does not fit the descent or the module, and no step was made
    /// since.
    pub fn averaged<M: Module>(&self, module: M) -> M {
        let shared = self.lock();
        let loaded = &shared.loaded;
        if loaded.is_empty() {
            return shared.descent.averaged(module);
        }
        let mut descent = shared.descent.clone();
        let slots = all(&module);
        let of = |path: &str| loaded.iter().find(|loaded| loaded.is_of(path));
        let pairs = slots
            .iter()
            .filter_map(|slot| Some((slot, of(&slot.path)?.as_ref())));
        match adopt(&mut descent, pairs) {
            Ok(_) => descent.averaged(module),
            Err(error) => panic!("{error}"),
        }
    }

    /// Tells the loss that the gradients of the next step are of, see [`Descent::tell_loss`].
    pub fn tell_loss(&self, loss: f64) {
        self.lock().descent.tell_loss(loss);
    }

    /// Tells an estimate of the Hessian's diagonal, which is taken in before the next step, see
    /// [`Descent::tell_hessian_diagonal`]. A checkpoint that is saved before this step does not
    /// have it.
    pub fn tell_hessian_diagonal(&self, diagonal: GradientsParams) {
        self.lock().hessian_diagonal = Some(diagonal);
    }

    /// Returns what the loss of the next call is multiplied by, see [`Descent::loss_scale`].
    pub fn loss_scale(&self) -> f64 {
        let shared = self.lock();
        shared.descent.scale_of(shared.counts()).scale
    }

    /// Returns the number of calls skipped because gradients, or a loss that an optimizer needs,
    /// were not finite.
    pub fn skipped(&self) -> u64 {
        self.lock().counts()[2]
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> u64 {
        self.lock().counts()[0]
    }

    /// Sets a number of the optimizer from the next step on, see [`Descent::set`]. A learning rate
    /// that is an argument of each step, as in a `Learner`, replaces one that is set here.
    ///
    /// # Errors
    ///
    /// As for [`Descent::set`].
    pub fn set(&self, setting: &str, value: f64) -> Result<(), InvalidDescent> {
        self.lock().descent.set(setting, value)
    }

    /// Sets a number of a group's optimizer from the next step on, see [`Descent::set_in_group`].
    ///
    /// # Errors
    ///
    /// As for [`Descent::set_in_group`].
    pub fn set_in_group(
        &self,
        group: usize,
        setting: &str,
        value: f64,
    ) -> Result<(), InvalidDescent> {
        self.lock().descent.set_in_group(group, setting, value)
    }

    /// Returns what the last call did, or why it was refused; a `Learner` does not report it.
    /// `None` before the first call.
    pub fn last_outcome(&self) -> Option<Result<StepOutcome, StepError>> {
        self.lock().last.clone()
    }

    /// The number of states that refer to the descent.
    fn users(&self) -> usize {
        Arc::strong_count(&self.lock().in_use) - 1
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn counts(&self) -> Counts {
        let loaded = self.loaded.iter().filter_map(|loaded| loaded.counts());
        loaded.max().unwrap_or_else(|| self.descent.counts())
    }
}

impl Descent {
    /// Wraps the descent into a `ModuleOptimizer`, to be stepped by
    /// [`module_optimizer::step`](step) or in a [`learner`](crate::learner). The handle gives
    /// access to it.
    pub fn into_module_optimizer(self) -> (ModuleOptimizer, Handle) {
        let handle = Handle::new(self.clone());
        let optimizer = DescentOptimizer {
            handle: handle.clone(),
            start: self,
        };
        // Burn 0.22.1 makes a `ModuleOptimizer` only of an `Optimizer`, whose states are read
        // without it. A group can be of a `DynOptimizer`, which reads them itself. This group has
        // all parameters, so the optimizer before it has none.
        let unused = SgdConfig::default().init().expect("the defaults are valid");
        let optimizer = unused.with_group(ParamGroup::all(), optimizer, None);
        (optimizer, handle)
    }
}

/// Steps a module by a wrapped descent, or by any other `ModuleOptimizer`. The arguments are those
/// of `ModuleOptimizer::step`.
///
/// # Errors
///
/// As for [`Descent::step`], and [`StepError::Record`] if the state of a descent with other parts
/// was loaded. The error holds the module.
pub fn step<M: Module>(
    optimizer: &mut ModuleOptimizer,
    learning_rate: impl Into<ModuleLearningRate>,
    module: M,
    mut gradients: GradientsParams,
) -> Result<(M, StepOutcome), FailedStep<M>> {
    let rate = learning_rate.into();
    // How: the `ModuleOptimizer` is led over the parameters. Each gets a state that refers to the
    // descent; what was loaded in its place goes to the descent. Then the descent makes its step.
    let slots = collect(&module, &mut gradients);
    if slots.is_empty() {
        return Ok((module, StepOutcome::NoGradients));
    }
    let own = registered(&module, &slots);
    let (module, walk) = walk(module, optimizer, &rate, &slots, None);
    let Some(handle) = walk.handle.clone() else {
        // Another optimizer, which has made its step.
        return Ok((module, StepOutcome::Stepped));
    };
    let (module, handle) = match walk.begins {
        true => load(module, optimizer, &rate, &slots, walk),
        false => (module, handle),
    };
    let mut shared = handle.lock();
    if let Some(error) = shared.refused.clone() {
        let failed = FailedStep::new(module, error);
        shared.last = Some(Err(failed.error.clone()));
        return Err(failed);
    }
    let told = match shared.hessian_diagonal.take() {
        Some(diagonal) => shared.descent.tell_hessian_diagonal(&module, diagonal),
        None => Ok(()),
    };
    let stepped = match told {
        Err(error) => Err(FailedStep::new(module, error)),
        Ok(()) if shared.descent.schedules_its_rate() => shared.descent.step(module, own),
        Ok(()) => shared.descent.step_at(rate.base(), module, own),
    };
    shared.last = Some(match &stepped {
        Ok((_, outcome)) => Ok(outcome.clone()),
        Err(failed) => Err(failed.error.clone()),
    });
    stepped
}

/// Like [`step`], with gradients from several devices, which are added as by
/// `ModuleOptimizer::step_multi`; see [`Descent::step_multi`].
///
/// # Errors
///
/// As for [`step`].
pub fn step_multi<M: Module>(
    optimizer: &mut ModuleOptimizer,
    learning_rate: impl Into<ModuleLearningRate>,
    module: M,
    gradients: MultiGradientsParams,
) -> Result<(M, StepOutcome), FailedStep<M>> {
    let (module, gradients) = gather(module, gradients);
    step(optimizer, learning_rate, module, gradients)
}
