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
//! step counts. The descent receives a loaded state at the first step after loading.
//!
//! [`learner`](crate::learner) does the same for `burn-train`'s `Learner`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    GradientsParams, LearningRate, ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource,
};
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use burn_pack::Scalar;

use crate::descent::{ParameterState, Slot, collect};
use crate::{Descent, DescentRecordError, FailedStep, Misfit, StepError, StepOutcome};

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
    /// Why the state loaded last cannot be used.
    refused: Option<DescentRecordError>,
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
            refused: None,
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

    /// Returns the module to evaluate, see [`Descent::averaged`]. Loaded averages are available
    /// from the first step after loading.
    pub fn averaged<M: Module>(&self, module: M) -> M {
        self.lock().descent.averaged(module)
    }

    /// Returns the number of calls skipped because of gradients that were not finite.
    pub fn skipped(&self) -> u64 {
        self.lock().descent.skipped()
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> u64 {
        self.lock().descent.steps()
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

impl Descent {
    /// Wraps the descent into a `ModuleOptimizer`, to be stepped by
    /// [`module_optimizer::step`](step) or in a [`learner`](crate::learner). The handle gives
    /// access to it.
    pub fn into_module_optimizer(self) -> (ModuleOptimizer, Handle) {
        let handle = Handle::new(self.clone());
        let optimizer = ModuleOptimizer::from(DescentOptimizer {
            handle: handle.clone(),
            start: self,
        });
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
    let own = registered(&module, &slots);
    let (module, walk) = walk(module, optimizer, &rate, &slots, None);
    let Some(handle) = walk.handle.clone() else {
        // Nothing to step, or another optimizer, which has made its step.
        let outcome = match slots.is_empty() {
            true => StepOutcome::NoGradients,
            false => StepOutcome::Stepped,
        };
        return Ok((module, outcome));
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
    let stepped = match shared.descent.schedules_its_rate() {
        true => shared.descent.step(module, own),
        false => shared.descent.step_at(rate.base(), module, own),
    };
    shared.last = Some(match &stepped {
        Ok((_, outcome)) => Ok(outcome.clone()),
        Err(failed) => Err(failed.error.clone()),
    });
    stepped
}

/// Passes the loaded states to the descent, for the parameters of the walk and for all others: a
/// parameter without a gradient now may have one later.
fn load<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: &ModuleLearningRate,
    slots: &[Slot],
    first: StateWalk,
) -> (M, Handle) {
    let others = others(&module, slots);
    let (module, second) = walk(module, optimizer, rate, &others, None);
    let live = first.live.or(second.live);
    let written = first.loaded.len() + second.loaded.len();
    let handle = match &live {
        Some(handle) => handle.clone(),
        // A clone of an optimizer that is in use has a descent of its own.
        None => match (first.handle, first.start) {
            (Some(handle), Some(start)) if handle.users() > written => Handle::new(start),
            (handle, _) => handle.expect("the first walk has found it"),
        },
    };
    // All states refer to this one.
    let (module, _) = walk(module, optimizer, rate, slots, Some(&handle));
    let (module, _) = walk(module, optimizer, rate, &others, Some(&handle));
    let live = live.is_some();
    let mut guard = handle.lock();
    let shared = &mut *guard;
    let loaded = first.loaded.into_iter().chain(second.loaded);
    let loaded = slots.iter().chain(&others).zip(loaded);
    let loaded = loaded.filter_map(|(slot, loaded)| Some((slot, loaded?)));
    let mut counts = None;
    if !live {
        // Another state was loaded, so the one that was refused is gone.
        shared.refused = None;
    }
    let mut misfits = Vec::new();
    for (slot, loaded) in loaded {
        let here = shared.descent.form_here(slot);
        match loaded.form.clone() {
            Some(saved) if saved != here => {
                let path = slot.path.clone();
                misfits.push(Misfit::Optimizer { path, saved, here });
                continue;
            }
            Some(_) => {}
            None => {
                shared.refused = shared.descent.check_parts(&loaded.parts).err();
                if shared.refused.is_some() {
                    break;
                }
            }
        }
        if let Some((its, state)) = loaded.into_state(&shared.descent, slot) {
            counts = counts.max(Some(its));
            shared.descent.adopt(&slot.path, state);
        }
    }
    if !misfits.is_empty() {
        shared.refused = Some(DescentRecordError::Misfits(misfits));
    }
    // A state that comes in later does not turn back a descent that goes on.
    if !live && let Some(counts) = counts {
        shared.descent.count_from(counts);
    }
    drop(guard);
    (module, handle)
}

/// Runs the optimizer over these parameters.
fn walk<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: &ModuleLearningRate,
    slots: &[Slot],
    given: Option<&Handle>,
) -> (M, StateWalk) {
    let gradients = registered(&module, slots);
    let paths: Vec<String> = slots.iter().map(|slot| slot.path.clone()).collect();
    WALK.set(Some(StateWalk {
        paths: paths.into_iter(),
        given: given.cloned(),
        ..StateWalk::default()
    }));
    let module = optimizer.step(rate.clone(), module, gradients);
    (module, WALK.take().unwrap_or_default())
}

/// The other trained parameters, with their values in place of gradients.
fn others<M: Module>(module: &M, slots: &[Slot]) -> Vec<Slot> {
    let mut stand_ins = StandIns {
        slots,
        gradients: GradientsParams::new(),
    };
    module.visit(&mut stand_ins);
    collect(module, &mut stand_ins.gradients)
}

struct StandIns<'a> {
    slots: &'a [Slot],
    gradients: GradientsParams,
}

impl ModuleVisitor for StandIns<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() && self.slots.iter().all(|slot| slot.id != param.id) {
            self.gradients.register::<D>(param.id, param.base().inner());
        }
    }
}

/// The gradients of the slots, as Burn takes them.
fn registered<M: Module>(module: &M, slots: &[Slot]) -> GradientsParams {
    let mut register = Register {
        slots,
        gradients: GradientsParams::new(),
    };
    module.visit(&mut register);
    register.gradients
}

struct Register<'a> {
    slots: &'a [Slot],
    gradients: GradientsParams,
}

impl ModuleVisitor for Register<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(slot) = self.slots.iter().find(|slot| slot.id == param.id) {
            let gradient = slot.gradient.clone().reshape(param.shape());
            self.gradients.register::<D>(param.id, gradient);
        }
    }
}

/// A descent as an optimizer of one parameter: it leaves the parameter unchanged, and its state
/// refers to the descent.
#[derive(Clone, Debug)]
struct DescentOptimizer {
    handle: Handle,
    /// The descent as it was wrapped.
    start: Descent,
}

/// What a walk over the states of parameters finds.
#[derive(Default)]
struct StateWalk {
    paths: std::vec::IntoIter<String>,
    /// The descent that all states are to refer to.
    given: Option<Handle>,
    /// The descent that was wrapped, or the one that the states refer to.
    handle: Option<Handle>,
    /// The descent as it was wrapped, if a parameter was not met before.
    start: Option<Descent>,
    /// The loaded state of each parameter, if it has one.
    loaded: Vec<Option<Loaded>>,
    /// The descent of a parameter that was met before.
    live: Option<Handle>,
    /// Whether a parameter was not met before.
    begins: bool,
}

impl StateWalk {
    fn take(
        &mut self,
        optimizer: &DescentOptimizer,
        state: Option<OptimizerState>,
    ) -> Option<OptimizerState> {
        let path = self.paths.next()?;
        let mut handle = self.given.as_ref().unwrap_or(&optimizer.handle).clone();
        let loaded = match state {
            Some(OptimizerState::Live(live)) => {
                if self.given.is_none() {
                    handle = live.handle.clone();
                }
                self.live.get_or_insert(live.handle);
                None
            }
            Some(OptimizerState::Loaded(loaded)) => {
                self.begins = true;
                Some(loaded)
            }
            None => {
                self.begins = true;
                None
            }
        };
        self.loaded.push(loaded);
        if self.begins && self.start.is_none() {
            self.start = Some(optimizer.start.clone());
        }
        self.handle.get_or_insert_with(|| handle.clone());
        Some(OptimizerState::Live(Live::new(handle, path)))
    }
}

std::thread_local! {
    static WALK: RefCell<Option<StateWalk>> = const { RefCell::new(None) };
}

impl Optimizer for DescentOptimizer {
    type State<const D: usize> = OptimizerState;

    /// # Panics
    ///
    /// Outside of [`step`].
    fn step<const D: usize>(
        &self,
        _rate: LearningRate,
        value: Tensor<D>,
        _gradient: Tensor<D>,
        state: Option<OptimizerState>,
    ) -> (Tensor<D>, Option<OptimizerState>) {
        let next = WALK.with_borrow_mut(|walk| {
            let walk = walk.as_mut().expect(NOT_ONE_BY_ONE);
            walk.take(self, state)
        });
        (value, next)
    }

    // The descent moves it when it takes it over.
    fn to_device<const D: usize>(state: OptimizerState, _device: &Device) -> OptimizerState {
        state
    }
}

const NOT_ONE_BY_ONE: &str = "this `ModuleOptimizer` holds a `downhill::Descent`, which steps all \
    parameters at once: call `downhill::module_optimizer::step(optimizer, rate, module, gradients)` in \
    place of `optimizer.step(rate, module, gradients)`; in a `TrainStep`, override `optimize` with \
    `downhill::learner::optimize`, and on several devices use `MultiDeviceOptim::OptimMainDevice`";

/// What Burn's optimizer keeps of one parameter.
#[derive(Clone)]
enum OptimizerState {
    /// The descent has its state.
    Live(Live),
    /// A state from a file or from bytes.
    Loaded(Loaded),
}

struct Live {
    handle: Handle,
    path: String,
    _in_use: Arc<()>,
}

impl Live {
    fn new(handle: Handle, path: String) -> Self {
        let _in_use = Arc::clone(&handle.lock().in_use);
        Self {
            handle,
            path,
            _in_use,
        }
    }
}

/// Refers to a copy of the descent: a clone of an optimizer steps on its own.
impl Clone for Live {
    fn clone(&self) -> Self {
        Self::new(self.handle.copied(&self.path), self.path.clone())
    }
}

#[derive(Clone)]
struct Loaded {
    path: String,
    /// The parts of the descent that was saved.
    parts: String,
    /// What gives the memory its meaning; `None` in older states.
    form: Option<String>,
    tensors: Vec<(String, TensorData)>,
    scalars: BTreeMap<String, Scalar>,
}

const NAMES: &str = "names";
const MEMORY: &str = "memory";
const COUNTS: [&str; 3] = ["steps", "accumulated", "skipped"];

impl RecordState for OptimizerState {
    // Burn reads a state back by the names in it alone, so the state holds the names, as text.
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        let (path, parts, form, tensors, scalars) = match self {
            Self::Live(Live { handle, path, .. }) => {
                let descent = &handle.lock().descent;
                let mut sink = StateSink::default();
                descent.state_of(path).flatten(MEMORY, &mut sink);
                for (name, count) in COUNTS.iter().zip(descent.counts()) {
                    sink.push_scalar("", name, Scalar::from(count));
                }
                let form = Some(descent.form_of_state(path));
                (path, descent.parts(), form, sink.tensors, sink.scalars)
            }
            Self::Loaded(loaded) => (
                &loaded.path,
                loaded.parts.clone(),
                loaded.form.clone(),
                loaded.tensors.clone(),
                loaded.scalars.clone().into_iter().collect(),
            ),
        };
        let mut names = format!("{path}\n{parts}");
        if let Some(form) = form {
            names.push_str("\nform ");
            names.push_str(&form);
        }
        for (name, data) in tensors {
            names.push_str("\ntensor ");
            names.push_str(&name);
            out.push_tensor(prefix, &name, data);
        }
        for (name, scalar) in scalars {
            names.push_str("\nscalar ");
            names.push_str(&name);
            out.push_scalar(prefix, &name, scalar);
        }
        let length = names.len();
        out.push_tensor(prefix, NAMES, TensorData::new(names.into_bytes(), [length]));
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, _device: &Device) -> Option<Self> {
        let names = source.take_tensor(prefix, NAMES)?;
        let names = String::from_utf8(names.try_into_vec::<u8>().ok()?).ok()?;
        let mut lines = names.lines();
        let mut loaded = Loaded {
            path: lines.next()?.to_string(),
            parts: lines.next()?.to_string(),
            form: None,
            tensors: Vec::new(),
            scalars: BTreeMap::new(),
        };
        for line in lines {
            match line.split_once(' ')? {
                ("tensor", name) => {
                    let data = resident(source.take_tensor(prefix, name)?);
                    loaded.tensors.push((name.to_string(), data));
                }
                ("form", form) => loaded.form = Some(form.to_string()),
                (_, name) => {
                    let scalar = source.take_scalar(prefix, name)?;
                    loaded.scalars.insert(name.to_string(), scalar);
                }
            }
        }
        Some(Self::Loaded(loaded))
    }
}

/// Copies data into memory. Burn reads that of a file when it is needed, and by then a `Learner`
/// may have deleted the file.
fn resident(data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    TensorData::from_bytes(Bytes::from_bytes_vec(bytes.to_vec()), shape, dtype)
}

impl Loaded {
    /// Returns the counts and the state. `None` if they are of another parameter, or not complete.
    fn into_state(self, descent: &Descent, slot: &Slot) -> Option<([u64; 3], ParameterState)> {
        if self.path != slot.path {
            return None;
        }
        let mut source = StateSource::new(self.scalars);
        for (name, data) in self.tensors {
            source.insert_tensor(name, data);
        }
        let mut counts = [0; 3];
        for (count, name) in counts.iter_mut().zip(COUNTS) {
            *count = u64::try_from(source.take_scalar("", name)?).ok()?;
        }
        let state = descent.read_state(MEMORY, &mut source, slot)?;
        Some((counts, state))
    }
}
