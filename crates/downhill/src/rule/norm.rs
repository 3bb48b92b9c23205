//! Norms of whole parameters, as tensors of one element on their device.

use burn::tensor::Tensor;

/// Returns the squared Euclidean norm, `[1]`.
pub(crate) fn square_norm(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).sum()
}

/// Returns the Euclidean norm, `[1]`.
pub(crate) fn norm(x: Tensor<1>) -> Tensor<1> {
    square_norm(x).sqrt()
}

/// Returns the root mean square, `[1]`.
pub(crate) fn root_mean_square(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).mean().sqrt()
}

/// Returns `coefficient * |x| / (|step| + epsilon)`, `[1]`, or 1 if either norm is 0.
pub(crate) fn trust_ratio(
    x: Tensor<1>,
    step: Tensor<1>,
    coefficient: f64,
    epsilon: f64,
) -> Tensor<1> {
    let (x, step) = (norm(x), norm(step));
    let none = (x.clone() * step.clone()).equal_scalar(0.0);
    let ratio = x.mul_scalar(coefficient) / step.add_scalar(epsilon);
    ratio.mask_fill(none, 1.0)
}
