//! A step of many parameters in one launch, on the backends of CubeCL.
//!
//! A chain of tensor operations launches a kernel per operation and parameter. Burn's fusion
//! merges many operations into one kernel, and needs seven for its own Adam of ten parameters. For
//! small networks, launch overhead dominates. Here a rule's [`update`](super::Elementwise::update)
//! is recorded as a program, and one kernel made of it steps as many parameters as the device can
//! bind.
//!
//! ```text
//! mod.rs       tensors of Burn -> steps that go together
//! recording.rs a rule -> a program and the numbers of this step
//! direct.rs    steps of one program -> immediate launches
//! fusion.rs    or as an operation of Burn's fusion, which defers all operations
//! launch.rs    the arguments of the kernel
//! kernel.rs    the kernel, made of the program
//! ```

#[cfg(not(feature = "fusion"))]
mod direct;
#[cfg(feature = "fusion")]
mod fusion;
mod kernel;
mod launch;
mod recording;

use alloc::vec::Vec;

use burn::backend::{
    BackendTensor, BackendTypes, Cube, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
};
use burn::tensor::{DType, Device, Tensor};

#[cfg(not(feature = "fusion"))]
use direct::{bindings, launch_alike};
#[cfg(feature = "fusion")]
use fusion::{bindings, launch_alike};
use launch::parameters_of_a_launch;
pub(crate) use recording::record;

use super::Memory;
use super::program::Recorded;

/// A tensor as the backend has it.
type Primitive = <Cube as BackendTypes>::FloatTensorPrimitive;

/// A step of one parameter that has not been launched yet.
pub(crate) struct Step {
    recorded: Recorded,
    dtype: DType,
    device: Device,
    value: Primitive,
    gradient: Primitive,
    memory: Vec<Primitive>,
}

/// A step that has been launched.
pub(crate) struct Done {
    value: Primitive,
    names: Vec<&'static str>,
    memory: Vec<Primitive>,
}

/// Whether a step of this parameter can be launched here, if its state is at most `remembers`
/// tensors. All tensors must have one type and be on one CubeCL device, without autodiff, and the
/// device must be able to bind all of them at once.
pub(crate) fn can_step<const D: usize, const G: usize>(
    x: &Tensor<D>,
    g: &Tensor<G>,
    remembers: usize,
    memory: &Memory,
) -> bool {
    let elements = x.shape().num_elements();
    let (dtype, device) = (x.dtype(), x.device());
    let is_alike = |length: usize, its: DType| length == elements && its == dtype;
    (1..=u32::MAX as usize).contains(&elements)
        && matches!(dtype, DType::F32 | DType::F64)
        && cube(x).is_some_and(|x| parameters_of_a_launch(bindings(&x), remembers) > 0)
        && cube(g).is_some()
        && is_alike(g.shape().num_elements(), g.dtype())
        && g.device() == device
        && memory.tensors().all(|(_, remembered)| {
            cube(remembered).is_some()
                && is_alike(remembered.shape().num_elements(), remembered.dtype())
                && remembered.device() == device
        })
}

/// Prepares the step of a parameter that [can be stepped](can_step).
pub(crate) fn prepare<const D: usize, const G: usize>(
    recorded: Recorded,
    x: Tensor<D>,
    g: Tensor<G>,
    memory: &mut Memory,
) -> Step {
    let mut taken = Vec::new();
    if !recorded.program.starts {
        taken.extend(recorded.names.iter().filter_map(|name| memory.take(name)));
    }
    Step {
        dtype: x.dtype(),
        device: x.device(),
        recorded,
        value: primitive(x),
        gradient: primitive(g),
        memory: taken.into_iter().map(primitive).collect(),
    }
}

/// Launches all steps, those of one program together. Returns the results in the order of the
/// steps.
pub(crate) fn launch(steps: Vec<Step>) -> Vec<Done> {
    let mut done: Vec<Option<Done>> = Vec::new();
    done.resize_with(steps.len(), || None);
    let mut rest: Vec<(usize, Step)> = steps.into_iter().enumerate().collect();
    while let Some((_, first)) = rest.first() {
        let recorded = first.recorded.clone();
        let (dtype, device) = (first.dtype, first.device.clone());
        let goes_along = |step: &Step| {
            step.dtype == dtype && step.device == device && step.recorded.is_same(&recorded)
        };
        let (together, others) = rest.into_iter().partition(|(_, step)| goes_along(step));
        rest = others;
        let (places, together): (Vec<usize>, Vec<Step>) = Vec::into_iter(together).unzip();
        for (place, stepped) in places.into_iter().zip(launch_alike(&recorded, together)) {
            done[place] = Some(stepped);
        }
    }
    done.into_iter().flatten().collect()
}

/// Launches a single step. Returns the parameter's new value.
pub(crate) fn launch_one<const D: usize>(step: Step, memory: &mut Memory) -> Tensor<D> {
    let mut done = launch(alloc::vec![step]);
    let done = done.pop().expect("a step comes back for each");
    done.into_value(memory)
}

impl Done {
    /// Returns the parameter's new value and stores its state in the memory.
    pub(crate) fn into_value<const D: usize>(self, memory: &mut Memory) -> Tensor<D> {
        for (name, remembered) in self.names.into_iter().zip(self.memory) {
            memory.put(name, tensor(remembered));
        }
        tensor(self.value)
    }
}

/// Returns the tensor of the backend; `None` if it is not one of CubeCL's or has autodiff.
fn cube<const D: usize>(tensor: &Tensor<D>) -> Option<Primitive> {
    match tensor.clone().into_dispatch() {
        DispatchTensor {
            kind: DispatchTensorKind::Cube(BackendTensor::Float(tensor)),
            autodiff: DispatchAutodiffContext::Disabled,
        } => Some(tensor),
        _ => None,
    }
}

fn primitive<const D: usize>(tensor: Tensor<D>) -> Primitive {
    match tensor.into_dispatch().kind {
        DispatchTensorKind::Cube(BackendTensor::Float(tensor)) => tensor,
        _ => unreachable!("it has been looked whether it is CubeCL's"),
    }
}

fn tensor<const D: usize>(primitive: Primitive) -> Tensor<D> {
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Cube(BackendTensor::Float(primitive)),
        autodiff: DispatchAutodiffContext::Disabled,
    })
}
