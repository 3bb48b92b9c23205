//! Softmax cross-entropy.

use burn::tensor::{Device, Tensor, TensorData, activation};

/// Returns the softmax cross-entropy, averaged over the batch, in nats, `[1]`.
///
/// `logits` and `targets` are `[batch, classes]`; each row of `targets` sums to 1.
///
/// # Panics
///
/// If the shapes differ.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let batch = logits.dims()[0];
    mean(sum_of_cross_entropy(logits, targets), batch)
}

/// Returns the softmax cross-entropy, summed over the batch, in nats, `[1]`.
///
/// # Panics
///
/// If the shapes differ.
pub fn sum_of_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (activation::log_softmax(logits, 1) * targets).sum().neg()
}

/// Turns a sum over a batch into a mean. It multiplies, because the backward pass of Burn 0.22
/// rounds the divisor of a division to `f32`, even in `f64`.
pub(crate) fn mean(sum: Tensor<1>, batch: usize) -> Tensor<1> {
    sum.mul_scalar(1.0 / batch as f64)
}

/// Returns the [`cross_entropy`] of each member of an ensemble, `[members]`.
///
/// `logits` and `targets` are `[members, batch, classes]`. `targets` may also be `[1, batch,
/// classes]`, shared by all members.
///
/// # Panics
///
/// If the shapes differ otherwise.
pub fn cross_entropy_of_members(logits: Tensor<3>, targets: Tensor<3>) -> Tensor<1> {
    let batch = logits.dims()[1];
    mean(sum_of_cross_entropy_of_members(logits, targets), batch)
}

/// Returns the [`sum_of_cross_entropy`] of each member of an ensemble, `[members]`. Shapes as in
/// [`cross_entropy_of_members`].
///
/// # Panics
///
/// If the shapes differ otherwise.
pub fn sum_of_cross_entropy_of_members(logits: Tensor<3>, targets: Tensor<3>) -> Tensor<1> {
    let [members, batch, classes] = logits.dims();
    let terms = activation::log_softmax(logits, 2) * targets;
    let sums = terms.reshape([members, batch * classes]).sum_dim(1);
    sums.squeeze_dim::<1>(1).neg()
}

/// Returns the labels in one-hot encoding, `[labels, classes]`.
///
/// # Panics
///
/// If a label is not less than `classes`.
pub fn one_hot(labels: &[u16], classes: usize, device: &Device) -> Tensor<2> {
    let mut rows = vec![0.0_f32; labels.len() * classes];
    for (row, &label) in rows.chunks_exact_mut(classes).zip(labels) {
        row[usize::from(label)] = 1.0;
    }
    Tensor::from_data(TensorData::new(rows, [labels.len(), classes]), device)
}
