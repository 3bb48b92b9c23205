//! The convolutions as one operation of Burn's autodiff.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};

use super::Convolutions;
use super::backward::Wanted;
use super::stack::Block;

/// The state kept for the backward pass.
#[derive(Debug)]
pub(super) struct State {
    pub(super) convolutions: Convolutions,
    pub(super) blocks: Vec<Block>,
}

/// Largest number of convolutions of one operation.
pub(super) const MAX_CONVOLUTIONS: usize = 7;

/// Returns the features as the result of an operation on the images and on the weight and bias of
/// each layer.
pub(super) fn features(value: FlexTensor, inputs: Vec<NodeGuard>, state: State) -> Tensor<2> {
    macro_rules! of {
        ($($number:literal)*) => {
            match inputs.len() {
                $($number => operation::<$number>(value, inputs, state),)*
                number => unreachable!("{number} inputs of the convolutions"),
            }
        };
    }
    of!(3 5 7 9 11 13 15)
}

fn operation<const N: usize>(value: FlexTensor, inputs: Vec<NodeGuard>, state: State) -> Tensor<2> {
    let inputs: [NodeGuard; N] = inputs.try_into().expect("N inputs");
    let operation = Convolve
        .prepare::<NoCheckpointing>(inputs)
        .compute_bound()
        .stateful();
    Tensor::from_primitive::<Autodiff<Flex>>(match operation {
        OpsKind::Tracked(operation) => operation.finish(Arc::new(state), value),
        OpsKind::UnTracked(operation) => operation.finish(value),
    })
}

#[derive(Debug)]
struct Convolve;

impl<const N: usize> Backward<Flex, N> for Convolve {
    type State = Arc<State>;

    fn backward(
        self,
        ops: Ops<Arc<State>, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let above = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let above = above.as_slice::<f32>().expect("f32 values");
        let parents = ops.parents.each_ref().map(Option::is_some);
        let wanted: Vec<Wanted> = (parents[1..].as_chunks().0.iter())
            .map(|&[weight, bias]| Wanted { weight, bias })
            .collect();
        let State {
            convolutions,
            blocks,
        } = &*ops.state;
        let found = convolutions.backward(above, &wanted, parents[0], blocks);
        let layers = found.layers.into_iter().flatten();
        let all = std::iter::once(found.images).chain(layers);
        for ((parent, gradient), shape) in
            (ops.parents.into_iter().zip(all)).zip(convolutions.shapes())
        {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                let gradient = FlexTensor::from_data(TensorData::new(gradient, shape));
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
