//! The type in which a parameter is stepped: at least `f32`.
//!
//! In `f16` the square of 300 is infinite and that of 1e-4 is 0, and an epsilon of 1e-8 is 0 as
//! well. Values and gradients of 16 bits are therefore converted before they are computed with, all
//! memory is `f32`, and only the new value is rounded.

use burn::tensor::{DType, Tensor};

/// Whether tensors of this type are converted to `f32` for a step.
pub(crate) fn is_narrow(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

/// Returns the tensor as `f32` if its type has 16 bits, else unchanged.
pub(crate) fn widened<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match is_narrow(tensor.dtype()) {
        true => tensor.cast(DType::F32),
        false => tensor,
    }
}

/// Returns the tensor in this type.
pub(crate) fn in_type<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    match tensor.dtype() == dtype {
        true => tensor,
        false => tensor.cast(dtype),
    }
}
