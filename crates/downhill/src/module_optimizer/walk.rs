//! Leading a `ModuleOptimizer` over the parameters of a module.

use std::cell::RefCell;
use std::sync::Arc;

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{
    DynOptimizer, DynState, GradientsParams, LearningRate, ModuleOptimizer, StateSink, StateSource,
};
use burn::tensor::kind::BridgeTensor;
use burn::tensor::{Device, Tensor};

use super::Handle;
use super::state::{Live, Loaded, OptimizerState, adopt};
use crate::Descent;
use crate::descent::{Slot, collect};

/// Passes the loaded states to the descent, for the parameters of the walk and for all others: a
/// parameter without a gradient now may have one later.
pub(super) fn load<M: Module>(
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
    if !live {
        // Another state was loaded, so the one that was refused is gone.
        shared.refused = None;
        shared.loaded.clear();
    }
    let loaded = first.loaded.iter().chain(&second.loaded);
    let loaded = slots.iter().chain(&others).zip(loaded);
    let loaded = loaded.filter_map(|(slot, loaded)| Some((slot, loaded.as_deref()?)));
    match adopt(&mut shared.descent, loaded) {
        // A state that comes in later does not turn back a descent that goes on.
        Ok(Some(counts)) if !live => shared.descent.count_from(counts),
        Ok(_) => {}
        Err(error) => shared.refused = Some(error),
    }
    drop(guard);
    (module, handle)
}

/// Runs the optimizer over these parameters.
pub(super) fn walk<M: Module>(
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
    stand_ins(module, |param| {
        param.is_require_grad && slots.iter().all(|slot| slot.id != param.id)
    })
}

/// All parameters, with their values in place of gradients. On the tape these are the trained ones.
pub(super) fn all<M: Module>(module: &M) -> Vec<Slot> {
    stand_ins(module, |_| true)
}

fn stand_ins<M: Module>(module: &M, chosen: impl Fn(Found) -> bool) -> Vec<Slot> {
    let gradients = GradientsParams::new();
    let mut stand_ins = StandIns { chosen, gradients };
    module.visit(&mut stand_ins);
    collect(module, &mut stand_ins.gradients)
}

struct Found {
    id: ParamId,
    is_require_grad: bool,
}

struct StandIns<F> {
    chosen: F,
    gradients: GradientsParams,
}

impl<F: Fn(Found) -> bool> ModuleVisitor for StandIns<F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (id, is_require_grad) = (param.id, param.is_require_grad());
        if (self.chosen)(Found {
            id,
            is_require_grad,
        }) {
            (self.gradients).register::<D>(id, param.base().inner());
        }
    }
}

/// The gradients of the slots, as Burn takes them.
pub(super) fn registered<M: Module>(module: &M, slots: &[Slot]) -> GradientsParams {
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
pub(super) struct DescentOptimizer {
    pub(super) handle: Handle,
    /// The descent as it was wrapped.
    pub(super) start: Descent,
}

/// What a walk over the states of parameters finds.
#[derive(Default)]
pub(super) struct StateWalk {
    paths: std::vec::IntoIter<String>,
    /// The descent that all states are to refer to.
    given: Option<Handle>,
    /// The descent that was wrapped, or the one that the states refer to.
    pub(super) handle: Option<Handle>,
    /// The descent as it was wrapped, if a parameter was not met before.
    start: Option<Descent>,
    /// The loaded state of each parameter, if it has one.
    loaded: Vec<Option<Arc<Loaded>>>,
    /// The descent of a parameter that was met before.
    live: Option<Handle>,
    /// Whether a parameter was not met before.
    pub(super) begins: bool,
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

impl DynOptimizer for DescentOptimizer {
    /// # Panics
    ///
    /// Outside of [`step`](super::step).
    fn step_dyn(
        &self,
        rank: usize,
        _rate: LearningRate,
        value: BridgeTensor,
        _gradient: BridgeTensor,
        state: Option<DynState>,
    ) -> (BridgeTensor, Option<DynState>) {
        let state = state.map(DynState::downcast::<OptimizerState>);
        let next = WALK.with_borrow_mut(|walk| {
            let walk = walk.as_mut().expect(NOT_ONE_BY_ONE);
            walk.take(self, state)
        });
        (value, next.map(|next| DynState::create(next, rank)))
    }

    // The descent moves it when it takes it over.
    fn to_device_dyn(&self, state: DynState, _device: &Device) -> DynState {
        state
    }

    fn state_flatten(&self, prefix: &str, state: &DynState, out: &mut StateSink) {
        state.downcast_ref::<OptimizerState>().flatten(prefix, out);
    }

    fn state_unflatten(
        &self,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        _device: &Device,
    ) -> Option<DynState> {
        let loaded = Arc::new(Loaded::unflatten(prefix, source)?);
        // A clone of an optimizer that is in use has a descent of its own.
        if self.handle.users() == 0 {
            let known = &mut self.handle.lock().loaded;
            known.retain(|other| !other.is_of_the_same(&loaded));
            known.push(Arc::clone(&loaded));
        }
        Some(DynState::create(OptimizerState::Loaded(loaded), rank))
    }
}

const NOT_ONE_BY_ONE: &str = "this `ModuleOptimizer` holds a `downhill::Descent`, which steps all \
    parameters at once: call `downhill::module_optimizer::step(optimizer, rate, module, gradients)` in \
    place of `optimizer.step(rate, module, gradients)`; in a `TrainStep`, override `optimize` with \
    `downhill::learner::optimize`, and `optimize_multi` with `downhill::learner::optimize_multi`";
