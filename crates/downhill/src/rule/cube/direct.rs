//! Immediate launches, if Burn is built without fusion.

use alloc::vec::Vec;
use core::any::Any;

use burn_cubecl::tensor::CubeTensor;

use super::launch::{Operands, launch};
use super::{Done, Primitive, Recorded, Step};

/// Tensors that kernels take. Those of Burn's fusion are not among them: without this check, a
/// crate built without the feature `fusion` would silently step by tensor operations.
#[diagnostic::on_unimplemented(
    message = "Burn is built with its feature `fusion`, but downhill is not",
    label = "tensors of Burn's fusion",
    note = "add `fusion` to the features of `downhill`, next to `wgpu` or `cuda`"
)]
trait TakenByKernels {}

impl TakenByKernels for CubeTensor {}

const fn check<T: TakenByKernels>() {}

const _: () = check::<Primitive>();

/// Returns how many tensors the device binds at once.
pub(super) fn bindings(tensor: &Primitive) -> usize {
    let tensor: Option<&CubeTensor> = (tensor as &dyn Any).downcast_ref();
    tensor.map_or(0, |tensor| {
        tensor.client.properties().hardware.max_bindings as usize
    })
}

/// Launches steps of one program, type and device.
pub(super) fn launch_alike(recorded: &Recorded, steps: Vec<Step>) -> Vec<Done> {
    let operands = steps.into_iter().map(|step| Operands {
        value: same(step.value),
        gradient: same(step.gradient),
        memory: step.memory.into_iter().map(same).collect(),
    });
    let stepped = launch(recorded, operands.collect()).into_iter();
    let done = stepped.map(|stepped| Done {
        value: same(stepped.value),
        names: recorded.names.clone(),
        memory: stepped.memory.into_iter().map(same).collect(),
    });
    done.collect()
}

/// Converts between two types that are the same type in this build.
fn same<A: 'static, B: 'static>(value: A) -> B {
    let mut value = Some(value);
    let value: &mut dyn Any = &mut value;
    let same = value.downcast_mut::<Option<B>>().and_then(Option::take);
    same.expect("it has been looked whether steps are supported")
}
