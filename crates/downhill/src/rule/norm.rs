//! Norms of whole parameters, as tensors of one number on their device.

use burn::tensor::Tensor;

/// The Euclidean norm, `[1]`.
pub(crate) fn norm(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).sum().sqrt()
}

/// The root of the mean square, `[1]`.
pub(crate) fn root_mean_square(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).mean().sqrt()
}

/// `coefficient * |x| / (|step| + epsilon)`, `[1]`; 1 where one of the norms is 0.
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
