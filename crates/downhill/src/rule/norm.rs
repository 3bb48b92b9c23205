//! Norms of whole parameters, as tensors of one element on their device.

use burn::tensor::Tensor;

/// Returns the squared Euclidean norm, `[1]`.
pub(crate) fn square_norm(x: Tensor<1>) -> Tensor<1> {
    (x.clone() * x).sum()
}

/// Returns the Euclidean norm, `[1]`, also if the squares overflow or underflow.
pub(crate) fn norm(x: Tensor<1>) -> Tensor<1> {
    let unit = unit_of(x.clone());
    square_norm(x / unit.clone()).sqrt() * unit
}

/// Returns the largest absolute value, `[1]`, if squares overflow or underflow, else 1.
pub(crate) fn unit_of(x: Tensor<1>) -> Tensor<1> {
    let largest = x.abs().max();
    let is_small = largest.clone().lower_scalar(SMALLEST_SQUARED);
    let too_small = is_small.bool_and(largest.clone().greater_scalar(0.0));
    let too_large = largest.clone().greater_scalar(1.0 / SMALLEST_SQUARED);
    largest
        .ones_like()
        .mask_where(too_small.bool_or(too_large), largest)
}

/// Squares of numbers between this and its inverse are exact enough in `f32`.
pub(crate) const SMALLEST_SQUARED: f64 = 1e-15;

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
    let none = (x.clone().equal_scalar(0.0)).bool_or(step.clone().equal_scalar(0.0));
    let ratio = x.mul_scalar(coefficient) / step.add_scalar(epsilon);
    ratio.mask_fill(none, 1.0)
}
