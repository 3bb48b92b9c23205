//! Launches at once, where Burn is built without fusion.

use alloc::vec::Vec;
use core::any::Any;

use burn_cubecl::tensor::CubeTensor;

use super::launch::{Operands, launch};
use super::{Done, Primitive, Recorded, Step};

/// How many tensors the device binds at once. None where tensors are not what kernels take: with Burn's
/// fusion, which another crate may have switched on, the feature `fusion` of this crate is needed, and
/// without it steps are tensor operations, which Burn fuses.
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

/// A value of a type that is only known to be that other one in this build.
fn same<A: 'static, B: 'static>(value: A) -> B {
    let mut value = Some(value);
    let value: &mut dyn Any = &mut value;
    let same = value.downcast_mut::<Option<B>>().and_then(Option::take);
    same.expect("it has been looked whether steps are supported")
}
