//! From steps on a device to launches of the kernel.

use alloc::vec::Vec;

use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::ir::{AddressType, ElemType, FloatKind};
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::cubecl::server::CubeCountSelection;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::kernel;
use crate::rule::program::{Program, Recorded};

/// Maximum number of parameters per launch. Each one makes the kernel longer, and each cube
/// searches for its own parameter.
const MOST_PARAMETERS: usize = 32;

/// Number of bindings that belong to no parameter: scalars and lengths.
const OTHER_BINDINGS: usize = 2;

/// The tensors of one parameter that the kernel takes, with equal numbers of elements.
#[derive(Debug)]
pub(super) struct Operands {
    pub(super) value: CubeTensor,
    pub(super) gradient: CubeTensor,
    /// The state; empty at the first step.
    pub(super) memory: Vec<CubeTensor>,
}

/// The results of a step of one parameter.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) value: CubeTensor,
    pub(super) memory: Vec<CubeTensor>,
}

/// Steps parameters that share a program, its scalars, a type and a device. The new values are
/// written to new memory. The state is changed in place if nothing else shares it.
pub(super) fn launch(recorded: &Recorded, steps: Vec<Operands>) -> Vec<Stepped> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let fields = recorded.program.memory.len();
    let bindings = first.value.client.properties().hardware.max_bindings as usize;
    let most = parameters_of_a_launch(bindings, fields).max(1);
    let mut stepped = Vec::with_capacity(steps.len());
    let mut rest = steps.into_iter().peekable();
    while rest.peek().is_some() {
        let together = rest.by_ref().take(most).collect();
        stepped.extend(launch_once(recorded, together));
    }
    stepped
}

/// Returns how many parameters fit into a launch if the state of each is `remembered` tensors.
pub(super) fn parameters_of_a_launch(bindings: usize, remembered: usize) -> usize {
    // Beside those its value, its gradient, and the new value.
    let of_one = 3 + remembered;
    (bindings.saturating_sub(OTHER_BINDINGS) / of_one).min(MOST_PARAMETERS)
}

fn launch_once(recorded: &Recorded, steps: Vec<Operands>) -> Vec<Stepped> {
    let Recorded {
        program, scalars, ..
    } = recorded;
    let (client, kind) = {
        let value = &steps[0].value;
        (value.client.clone(), float_type(value.dtype))
    };
    let largest = steps.iter().map(|step| elements(&step.value)).max();
    let units = CubeDim::new(&client, largest.unwrap_or(1));
    let (mut lengths, mut first_cubes) = (Vec::new(), Vec::new());
    let mut cubes = 0;
    let mut addresses = AddressType::default();
    let (mut values, mut gradients) = (Vec::new(), Vec::new());
    let (mut results, mut memories) = (Vec::new(), Vec::new());
    let mut stepped = Vec::with_capacity(steps.len());
    for step in steps {
        lengths.push(elements(&step.value) as u32);
        first_cubes.push(cubes);
        cubes += elements(&step.value).div_ceil(units.num_elems() as usize) as u32;
        let (value, gradient) = (into_contiguous(step.value), into_contiguous(step.gradient));
        let new = room_for(program, &value, step.memory);
        let tensors = [&value, &gradient, &new.value].into_iter();
        let required = tensors
            .chain(&new.memory)
            .map(CubeTensor::required_address_type);
        addresses = required.fold(addresses, Ord::max);
        values.push(value.into_buffer_arg());
        gradients.push(gradient.into_buffer_arg());
        results.push(new.value.clone().into_buffer_arg());
        for field in &new.memory {
            memories.push(field.clone().into_buffer_arg());
        }
        stepped.push(new);
    }
    first_cubes.push(cubes);
    let scalars = scalars.iter().map(|scalar| InputScalar::new(*scalar, kind));
    // SAFETY: a unit reads and writes one element of each tensor of its parameter, after it has
    // checked that its index is below the length of the parameter; all these tensors have the same
    // length (`can_step` in mod.rs).
    #[allow(unsafe_code)]
    unsafe {
        kernel::step_all::launch_unchecked(
            &client,
            CubeCountSelection::new(&client, cubes).cube_count(),
            units,
            addresses,
            values.into_iter().collect(),
            gradients.into_iter().collect(),
            results.into_iter().collect(),
            memories.into_iter().collect(),
            lengths.into_iter().collect(),
            first_cubes.into_iter().collect(),
            scalars.collect(),
            program.clone(),
            kind,
        );
    }
    stepped
}

/// Returns the memory for the results: new memory for the value, and that of the state itself
/// unless it is shared.
fn room_for(program: &Program, value: &CubeTensor, memory: Vec<CubeTensor>) -> Stepped {
    let new = |shape| {
        let (client, device) = (value.client.clone(), value.device.clone());
        empty_device_contiguous_dtype(client, device, shape, value.dtype)
    };
    let memory = match program.starts {
        true => {
            let flat = || Shape::new([elements(value)]);
            program.memory.iter().map(|_| new(flat())).collect()
        }
        false => memory.into_iter().map(unshared).collect(),
    };
    Stepped {
        value: new(value.meta.shape().clone()),
        memory,
    }
}

fn unshared(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    match tensor.can_mut() {
        true => tensor,
        false => tensor.copy(),
    }
}

fn elements(tensor: &CubeTensor) -> usize {
    tensor.meta.num_elements()
}

fn float_type(dtype: DType) -> ElemType {
    ElemType::Float(match dtype {
        DType::F64 => FloatKind::F64,
        _ => FloatKind::F32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_takes_what_the_device_binds() {
        // WebGPU's least, Metal, lavapipe, and a GPU by Vulkan, with the two moments of Adam.
        let of = |bindings| parameters_of_a_launch(bindings, 2);
        assert_eq!([8, 30, 32, 1 << 20].map(of), [1, 5, 6, MOST_PARAMETERS]);
        // Not even one.
        assert_eq!(parameters_of_a_launch(8, 5), 0);
    }
}
