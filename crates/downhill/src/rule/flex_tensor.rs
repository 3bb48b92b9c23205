//! Tensors of the flex backend in the tensors of Burn.

use burn::backend::flex::FlexTensor;
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind};
use burn::tensor::Tensor;

/// Whether the tensor's elements are contiguous and fill its memory.
pub(super) fn is_laid_out(tensor: &FlexTensor) -> bool {
    let layout = tensor.layout();
    let size = layout.num_elements() * tensor.dtype().size();
    layout.is_contiguous() && layout.start_offset() == 0 && size == tensor.bytes().len()
}

/// Returns the tensor of flex, or the tensor itself if it is not on flex or has autodiff.
pub(super) fn flex<const D: usize>(tensor: Tensor<D>) -> Result<FlexTensor, Tensor<D>> {
    match tensor.into_dispatch() {
        DispatchTensor {
            kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
            autodiff: DispatchAutodiffContext::Disabled,
        } => Ok(tensor),
        other => Err(Tensor::from_dispatch(other)),
    }
}

/// Returns a tensor of flex as one of Burn.
pub(super) fn tensor<const D: usize>(tensor: FlexTensor) -> Tensor<D> {
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
        autodiff: DispatchAutodiffContext::Disabled,
    })
}
