//! A [`Descent`] inside `burn-train`'s `Learner`.
//!
//! The `Learner` takes a `ModuleOptimizer`, which steps one parameter at a time, saves it in its
//! checkpoints, and lets a model override how it is stepped. So a descent is wrapped into one by
//! [`optimizer`], and the model's `TrainStep` says
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
//! Everything that the descent remembers, averages and schedules' steps included, is then in the
//! optimizer's part of the checkpoints.
//!
//! How: [`optimize`] walks the `ModuleOptimizer` over the parameters. Each is given a state that points
//! to the descent, and what a checkpoint has brought in its place goes to the descent. Then the
//! descent makes its step.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    GradientsParams, LearningRate, ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource,
};
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use burn_pack::Scalar;

use crate::descent::{Kept, Slot, collect};
use crate::{Descent, DescentRecordError, Outcome};

/// A descent that a `Learner` steps; all clones are the same one.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mutex<Stepped>>);

#[derive(Debug)]
struct Stepped {
    descent: Descent,
    last: Option<Outcome>,
}

impl Handle {
    /// The module as it is to be evaluated, see [`Descent::evaluation`]. What a checkpoint has
    /// brought, averages too, is known from the first step after it.
    pub fn evaluation<M: Module>(&self, module: M) -> M {
        self.lock().descent.evaluation(module)
    }

    /// Calls that were skipped for gradients that are not finite.
    pub fn skipped(&self) -> u64 {
        self.lock().descent.skipped()
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.lock().descent.steps()
    }

    /// What came of the last call, or none before the first: a `Learner` has no place for it.
    pub fn last_outcome(&self) -> Option<Outcome> {
        self.lock().last.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Stepped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A descent as the `ModuleOptimizer` that a `Learner` takes, and a handle to it for afterwards.
///
/// The learning rate is that of the `Learner`'s scheduler, unless the descent has a schedule for
/// its own; parameter groups keep their proportion to it. Groups are those of the
/// [`DescentConfig`](crate::DescentConfig), not those of the `ModuleOptimizer`: to it, all
/// parameters must remain of one group.
pub fn optimizer(descent: Descent) -> (ModuleOptimizer, Handle) {
    let handle = Handle(Arc::new(Mutex::new(Stepped {
        descent,
        last: None,
    })));
    let carrier = Carrier {
        handle: handle.clone(),
    };
    (ModuleOptimizer::from(carrier), handle)
}

/// A step of a module by an [`optimizer`] of this module's, or by any other `ModuleOptimizer`.
///
/// # Panics
///
/// After a checkpoint of a descent of other parts was loaded, see
/// [`DescentRecordError::OtherParts`].
#[expect(
    clippy::needless_pass_by_value,
    reason = "as `TrainStep::optimize` has it"
)]
pub fn optimize<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: ModuleLearningRate,
    mut gradients: GradientsParams,
) -> M {
    let slots = collect(&module, &mut gradients);
    let own = registered(&module, &slots);
    let (module, walk) = walk(module, optimizer, &rate, &slots);
    let Some(handle) = walk.handle.clone() else {
        // Nothing to step, or an optimizer of another kind, which has made its step.
        return module;
    };
    let module = match walk.begins {
        true => load(module, optimizer, &rate, &slots, walk),
        false => module,
    };
    let mut stepped = handle.lock();
    let rate_of_all = match stepped.descent.schedules_its_rate() {
        true => None,
        false => Some(rate.base()),
    };
    let (module, outcome) = stepped.descent.step_at(module, own, rate_of_all);
    stepped.last = Some(outcome);
    module
}

/// Takes over what a checkpoint has brought, of the parameters walked over and of all others: one
/// without a gradient now may have one later.
fn load<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: &ModuleLearningRate,
    slots: &[Slot],
    first: Walk,
) -> M {
    let others = others(&module, slots);
    let (module, second) = walk(module, optimizer, rate, &others);
    let live = first.live || second.live;
    let Some(handle) = first.handle.or(second.handle) else {
        return module;
    };
    let descent = &mut handle.lock().descent;
    let mut counts = None;
    let loaded = first.loaded.into_iter().chain(second.loaded);
    for (slot, loaded) in slots.iter().chain(&others).zip(loaded) {
        if let Some((its, kept)) = loaded.and_then(|loaded| loaded.into_kept(descent, slot)) {
            counts = counts.max(Some(its));
            descent.adopt(&slot.path, kept);
        }
    }
    // What comes in later, to a descent that goes on, does not turn it back.
    if !live && let Some(counts) = counts {
        descent.count_from(counts);
    }
    module
}

/// Leads the optimizer over these parameters.
fn walk<M: Module>(
    module: M,
    optimizer: &mut ModuleOptimizer,
    rate: &ModuleLearningRate,
    slots: &[Slot],
) -> (M, Walk) {
    let gradients = registered(&module, slots);
    let paths: Vec<String> = slots.iter().map(|slot| slot.path.clone()).collect();
    WALK.set(Some(Walk {
        paths: paths.into_iter(),
        ..Walk::default()
    }));
    let module = optimizer.step(rate.clone(), module, gradients);
    (module, WALK.take().unwrap_or_default())
}

/// The other trained parameters; their gradients are stand-ins.
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

/// What stands in the place of an optimizer of one parameter.
#[derive(Clone, Debug)]
struct Carrier {
    handle: Handle,
}

/// What a walk over parameters finds.
#[derive(Default)]
struct Walk {
    paths: alloc::vec::IntoIter<String>,
    handle: Option<Handle>,
    /// Of each parameter, what a checkpoint has brought.
    loaded: Vec<Option<Loaded>>,
    /// Whether one of them is known already.
    live: bool,
    /// Whether one of them is not.
    begins: bool,
}

impl Walk {
    fn take(&mut self, handle: &Handle, state: Option<State>) -> Option<State> {
        let path = self.paths.next()?;
        let loaded = match state {
            Some(State::Live { .. }) => {
                self.live = true;
                None
            }
            Some(State::Loaded(loaded)) => {
                self.begins = true;
                Some(loaded)
            }
            None => {
                self.begins = true;
                None
            }
        };
        self.loaded.push(loaded);
        let handle = handle.clone();
        Some(State::Live { handle, path })
    }
}

std::thread_local! {
    static WALK: RefCell<Option<Walk>> = const { RefCell::new(None) };
}

impl Optimizer for Carrier {
    type State<const D: usize> = State;

    /// # Panics
    ///
    /// Outside of [`optimize`].
    fn step<const D: usize>(
        &self,
        _rate: LearningRate,
        value: Tensor<D>,
        _gradient: Tensor<D>,
        state: Option<State>,
    ) -> (Tensor<D>, Option<State>) {
        let next = WALK.with_borrow_mut(|walk| {
            let walk = walk.as_mut().expect(
                "a descent is stepped by all parameters at once: override `TrainStep::optimize` \
                 with a call of `downhill::learner::optimize`",
            );
            walk.handle.get_or_insert_with(|| self.handle.clone());
            walk.take(&self.handle, state)
        });
        (value, next)
    }

    // The descent moves it when it takes it over.
    fn to_device<const D: usize>(state: State, _device: &Device) -> State {
        state
    }
}

/// What the optimizer of Burn keeps of one parameter.
#[derive(Clone)]
enum State {
    /// As the descent has it.
    Live { handle: Handle, path: String },
    /// As a checkpoint had it.
    Loaded(Loaded),
}

#[derive(Clone)]
struct Loaded {
    path: String,
    /// Of the descent that was saved.
    parts: String,
    tensors: Vec<(String, TensorData)>,
    scalars: BTreeMap<String, Scalar>,
}

const NAMES: &str = "names";
const MEMORY: &str = "memory";
const COUNTS: [&str; 3] = ["steps", "accumulated", "skipped"];

impl RecordState for State {
    // A state must be read back by the names in it alone, so it holds them itself, as text.
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        let (path, parts, tensors, scalars) = match self {
            Self::Live { handle, path } => {
                let descent = &handle.lock().descent;
                let mut sink = StateSink::default();
                descent.kept(path).flatten(MEMORY, &mut sink);
                for (name, count) in COUNTS.iter().zip(descent.counts()) {
                    sink.push_scalar("", name, Scalar::from(count));
                }
                (path, descent.parts(), sink.tensors, sink.scalars)
            }
            Self::Loaded(loaded) => (
                &loaded.path,
                loaded.parts.clone(),
                loaded.tensors.clone(),
                loaded.scalars.clone().into_iter().collect(),
            ),
        };
        let mut names = format!("{path}\n{parts}");
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
            tensors: Vec::new(),
            scalars: BTreeMap::new(),
        };
        for line in lines {
            match line.split_once(' ')? {
                ("tensor", name) => {
                    let data = resident(source.take_tensor(prefix, name)?);
                    loaded.tensors.push((name.to_string(), data));
                }
                (_, name) => {
                    let scalar = source.take_scalar(prefix, name)?;
                    loaded.scalars.insert(name.to_string(), scalar);
                }
            }
        }
        Some(Self::Loaded(loaded))
    }
}

/// Data in memory. That of a checkpoint is read from the file when it is needed, and by then the
/// `Learner` may have deleted it.
fn resident(data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    TensorData::from_bytes(Bytes::from_bytes_vec(bytes.to_vec()), shape, dtype)
}

impl Loaded {
    /// The counts and the memory, if they are of this parameter.
    fn into_kept(self, descent: &Descent, slot: &Slot) -> Option<([u64; 3], Kept)> {
        let here = descent.parts();
        if self.parts != here {
            let saved = self.parts;
            panic!("{}", DescentRecordError::OtherParts { saved, here });
        }
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
        let kept = descent.read_kept(MEMORY, &mut source, &slot.value.device())?;
        Some((counts, kept))
    }
}
