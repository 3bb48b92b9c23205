//! A loss with known gradients, as one operation of Burn's autodiff.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};

/// An input of the operation, with the gradient of the loss by it.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) guard: NodeGuard,
    pub(super) gradient: Gradient,
}

/// The gradient of the loss by an input.
#[derive(Clone, Debug)]
pub(super) enum Gradient {
    Known(FlexTensor),
    /// 1: the input is the operation with the remaining parameters.
    One,
}

type Tracked = burn::backend::tensor::FloatTensor<Autodiff<Flex>>;

/// Largest number of inputs of one operation. In Burn the number of inputs is part of the type, so
/// networks with more parameters become a chain of operations.
const MAX_INPUTS: usize = 16;

/// Returns the loss, `[1]`, with the given gradients.
pub(super) fn loss(value: f32, inputs: Vec<Input>) -> Tensor<1> {
    if inputs.is_empty() {
        let value = Tensor::from_primitive::<Flex>(number(value));
        return Tensor::from_inner(value);
    }
    Tensor::from_primitive::<Autodiff<Flex>>(tracked(value, inputs))
}

fn tracked(value: f32, mut inputs: Vec<Input>) -> Tracked {
    if inputs.len() > MAX_INPUTS {
        let rest = tracked(value, inputs.split_off(MAX_INPUTS - 1));
        inputs.push(Input {
            guard: rest.node(),
            gradient: Gradient::One,
        });
        // `rest` must outlive the creation of the operation that uses it.
        return of_number(value, inputs);
    }
    of_number(value, inputs)
}

fn of_number(value: f32, inputs: Vec<Input>) -> Tracked {
    macro_rules! of {
        ($($number:literal)*) => {
            match inputs.len() {
                $($number => operation::<$number>(value, inputs),)*
                number => unreachable!("{number} inputs of one operation"),
            }
        };
    }
    of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn operation<const N: usize>(value: f32, inputs: Vec<Input>) -> Tracked {
    let (guards, gradients): (Vec<_>, Vec<_>) = (inputs.into_iter())
        .map(|input| (input.guard, input.gradient))
        .unzip();
    let guards: [NodeGuard; N] = guards.try_into().expect("N inputs");
    let gradients: [Gradient; N] = gradients.try_into().expect("N inputs");
    let value = number(value);
    match Known
        .prepare::<NoCheckpointing>(guards)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(operation) => operation.finish(gradients, value),
        OpsKind::UnTracked(operation) => operation.finish(value),
    }
}

/// Whether autodiff needs the gradient of a tensor, because it is a trained parameter or computed
/// from one.
pub(super) fn wants_gradient(guard: NodeGuard) -> bool {
    let operation = Backward::<Flex, 1>::prepare::<NoCheckpointing>(Known, [guard]);
    matches!(operation.compute_bound().stateful(), OpsKind::Tracked(_))
}

fn number(value: f32) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(vec![value], [1]))
}

#[derive(Debug)]
struct Known;

impl<const N: usize> Backward<Flex, N> for Known {
    type State = [Gradient; N];

    fn backward(
        self,
        ops: Ops<[Gradient; N], N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let above = gradients.consume::<Flex>(&ops.node);
        let factor = above
            .as_slice::<f32>()
            .and_then(|above| above.first().copied());
        let factor = factor.expect("the loss has one element");
        for (parent, gradient) in ops.parents.into_iter().zip(ops.state) {
            let Some(parent) = parent else { continue };
            match gradient {
                Gradient::Known(gradient) => {
                    gradients.register::<Flex>(parent.id, scaled(gradient, factor));
                }
                Gradient::One => gradients.register::<Flex>(parent.id, above.clone()),
            }
        }
    }
}

fn scaled(mut gradient: FlexTensor, factor: f32) -> FlexTensor {
    if factor != 1.0 {
        let numbers = gradient.storage_mut::<f32>();
        numbers.iter_mut().for_each(|number| *number *= factor);
    }
    gradient
}
