//! The loss of an update and its gradients: in one pass on flex, by autodiff elsewhere.

use burn::module::Module;
use burn::optim::GradientsParams;
#[cfg(feature = "flex")]
use burn::tensor::TensorData;
use burn::tensor::{Device, Tensor};
use downhill_model::{KeepMask, Network, loss};

use crate::device::set::DeviceSet;

/// Returns the network in the form that trains fastest on `train`: without autodiff if
/// [`gradients`] needs none.
#[must_use]
pub fn prepared(network: Network, train: &DeviceSet) -> Network {
    #[cfg(feature = "flex")]
    if let (Some(images), Some(mlp)) = (train.sparse(), network.as_mlp())
        && mlp.has_sparse_gradients(images)
    {
        return network.valid();
    }
    let _ = train;
    network
}

/// Returns the [`loss()`] of an update on these rows, without autodiff, and its gradients. If they
/// need autodiff, the network has it afterwards.
pub fn gradients(
    network: &mut Network,
    train: &DeviceSet,
    rows: &[usize],
    keep_mask: &mut KeepMask<'_>,
) -> (Tensor<1>, GradientsParams) {
    #[cfg(feature = "flex")]
    if let Some(images) = train.sparse()
        && let Some(mlp) = network.as_mlp_mut()
        && let Some(known) = mlp.sparse_gradients(images, rows, keep_mask)
    {
        let loss = TensorData::new(vec![known.loss], [1]);
        return (Tensor::from_data(loss, &train.device()), known.gradients);
    }
    if !network.devices().iter().all(Device::is_autodiff) {
        *network = network.clone().train();
    }
    let loss = loss(network, train, rows, keep_mask);
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    (loss.inner(), gradients)
}

/// Returns the loss of an update on these rows, `[1]`: the mean cross-entropy plus the penalty on
/// the weights. Drops units by `keep_mask` and updates running statistics.
pub fn loss(
    network: &mut Network,
    train: &DeviceSet,
    rows: &[usize],
    keep_mask: &mut KeepMask<'_>,
) -> Tensor<1> {
    #[cfg(feature = "flex")]
    if let Some(images) = train.sparse()
        && let Some(mlp) = network.as_mlp_mut()
        && let Some(loss) = mlp.sparse_loss(images, rows, keep_mask)
    {
        return loss;
    }
    let (images, targets) = train.batch(rows);
    let logits = network.forward(Tensor::from_inner(images), keep_mask);
    let loss = loss::cross_entropy(logits, Tensor::from_inner(targets));
    with_penalty(network, loss)
}

/// Returns loss and penalty of a batch in evaluation mode, `[1]`.
pub(crate) fn evaluation_loss(network: &Network, train: &DeviceSet, rows: &[usize]) -> Tensor<1> {
    let network = network.valid();
    let (images, targets) = train.batch(rows);
    let loss = loss::cross_entropy(network.evaluate(images), targets);
    with_penalty(&network, loss)
}

fn with_penalty(network: &Network, loss: Tensor<1>) -> Tensor<1> {
    match network.penalty() {
        Some(penalty) => loss + penalty,
        None => loss,
    }
}
