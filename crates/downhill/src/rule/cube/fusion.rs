//! Launches within Burn's fusion: the step is an operation of its stream, which launches when it is
//! its turn.

use alloc::vec::Vec;

use burn_cubecl::CubeBackend;
use burn_cubecl::fusion::{CubeFusionHandle, FusionCubeRuntime};
use burn_fusion::ExecutionError;
use burn_fusion::custom::{
    CustomOpIr, HandleContainer, Operation, OperationIr, StreamId, TensorIr,
};

use super::launch::{Operands, launch};
use super::{Done, Primitive, Recorded, Step};

/// Returns how many tensors the device binds at once.
pub(super) fn bindings(tensor: &Primitive) -> usize {
    let client = tensor.client.device().client();
    client.properties().hardware.max_bindings as usize
}

/// Adds steps of one program, type and device to the stream.
pub(super) fn launch_alike(recorded: &Recorded, steps: Vec<Step>) -> Vec<Done> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let client = first.value.client.clone();
    let mut parameters = Vec::with_capacity(steps.len());
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for step in steps {
        let output = |shape| TensorIr::uninit(client.create_empty_handle(), shape, step.dtype);
        let flat = [step.value.shape.num_elements()];
        let new_memory = recorded.names.iter().map(|_| output(flat.into()));
        let parameter = Parameter {
            new_value: output(step.value.shape.clone()),
            new_memory: new_memory.collect(),
            value: step.value.into_ir(),
            gradient: step.gradient.into_ir(),
            memory: step
                .memory
                .into_iter()
                .map(|tensor| tensor.into_ir())
                .collect(),
        };
        inputs.extend([parameter.value.clone(), parameter.gradient.clone()]);
        inputs.extend_from_slice(&parameter.memory);
        outputs.push(parameter.new_value.clone());
        outputs.extend_from_slice(&parameter.new_memory);
        parameters.push(parameter);
    }
    let operation = OperationIr::Custom(CustomOpIr::new("downhill::step", &inputs, &outputs));
    let step = StepOfAll {
        recorded: recorded.clone(),
        parameters,
    };
    let count = step.parameters.len();
    let mut tensors = client
        .register(StreamId::current(), operation, step)
        .into_iter();
    let mut done = Vec::with_capacity(count);
    while let Some(value) = tensors.next() {
        let names = recorded.names.clone();
        let memory = tensors.by_ref().take(names.len()).collect();
        done.push(Done {
            value,
            names,
            memory,
        });
    }
    done
}

/// The tensors of a parameter, by their ids in the stream.
#[derive(Debug)]
struct Parameter {
    value: TensorIr,
    gradient: TensorIr,
    memory: Vec<TensorIr>,
    new_value: TensorIr,
    new_memory: Vec<TensorIr>,
}

#[derive(Debug)]
struct StepOfAll {
    recorded: Recorded,
    parameters: Vec<Parameter>,
}

impl Operation<FusionCubeRuntime> for StepOfAll {
    fn execute(
        &self,
        handles: &mut HandleContainer<CubeFusionHandle>,
    ) -> Result<(), ExecutionError> {
        let mut tensor = |ir| handles.get_float_tensor::<CubeBackend>(ir);
        let operands = self.parameters.iter().map(|parameter| Operands {
            value: tensor(&parameter.value),
            gradient: tensor(&parameter.gradient),
            memory: parameter.memory.iter().map(&mut tensor).collect(),
        });
        let stepped = launch(&self.recorded, operands.collect());
        for (parameter, stepped) in self.parameters.iter().zip(stepped) {
            handles.register_float_tensor::<CubeBackend>(&parameter.new_value.id, stepped.value);
            for (new, remembered) in parameter.new_memory.iter().zip(stepped.memory) {
                handles.register_float_tensor::<CubeBackend>(&new.id, remembered);
            }
        }
        Ok(())
    }
}
