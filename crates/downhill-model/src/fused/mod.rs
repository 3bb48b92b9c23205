//! Training and evaluation of a whole network as one fused operation, on the flex backend in `f32`.
//!
//! ```text
//! images.rs         images as bytes, without pixels that are 0
//! network.rs        the network as slices of its parameters; forward pass
//!   first_layer.rs  products of the first layer, over nonzero pixels
//!   product.rs      matrix products of the other layers
//!   training.rs     loss and all gradients of a batch: softmax.rs, then the backward pass
//!   evaluation.rs   loss and number of correct answers
//! node.rs           the operation as a node of autodiff
//! convolution/      fused convolutions and pooling, before any head
//! ```
//!
//! Inside, the values of a layer are `[units, images]`, so that a vector holds one unit of sixteen
//! images: a batch of 128 images fills whole vectors, while a layer of 100 units would not. `pulp`
//! chooses the vector instructions at run time.

mod buffer;
mod convolution;
mod evaluation;
mod fetch;
mod first_layer;
mod images;
mod input_dropout;
mod math;
mod memory;
mod network;
mod node;
mod parameters;
mod product;
mod softmax;
mod threads;
mod training;
mod transpose;

#[cfg(test)]
mod rare_cases;
#[cfg(test)]
mod tests;

use std::ops::Range;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use pulp::Arch;

pub use images::SparseImages;

use crate::{KeepMask, Mlp};
use evaluation::{BATCH, Evaluate};
use images::Pixels;
use input_dropout::KeptPixels;
use memory::with_workspace;
use network::Batch;
use parameters::{Parameters, by_parameter};
use training::{Statistics, Train, Trained};

/// A loss and its gradients, computed without autodiff.
#[derive(Debug)]
pub struct KnownGradients {
    /// Loss: mean cross-entropy in nats plus penalty.
    pub loss: f32,
    /// Gradients of the trained parameters.
    pub gradients: GradientsParams,
}

impl Mlp {
    /// Returns the training loss of the images at `rows`, `[1]`: mean cross-entropy plus penalty.
    /// Up to rounding it equals [`forward`](Self::forward), the [loss](crate::loss) and
    /// [`penalty`](Self::penalty), but it is several times faster: it computes all gradients at
    /// once, and autodiff sees a single operation.
    ///
    /// Returns `None`, without any effect, if the network is not on the flex backend with autodiff,
    /// if its parameters are not `f32` or not contiguous, or if it has dropout of the input and
    /// `images` are scaled by a mean other than 0.
    ///
    /// Pixels that are 0 are skipped, so a weight that is infinite or NaN has no effect if its
    /// pixel is 0 in all images.
    ///
    /// # Panics
    ///
    /// If the images have the wrong size, `rows` is empty or out of range, a label is not a class
    /// of the network, a mask has the wrong length, or a network with batch normalization gets a
    /// single image.
    pub fn sparse_loss(
        &mut self,
        images: &SparseImages,
        rows: &[usize],
        keep_mask: &mut KeepMask<'_>,
    ) -> Option<Tensor<1>> {
        let parameters = Parameters::tracked(self)?;
        let trained = self.trained(&parameters, images, rows, keep_mask)?;
        let loss = node::loss(trained.loss, parameters.inputs(trained.gradients));
        self.update_running(&trained.statistics, rows.len());
        Some(loss)
    }

    /// Returns the training loss and the gradients of all parameters without autodiff. They equal
    /// those of [`sparse_loss`](Self::sparse_loss) bit for bit.
    ///
    /// Burn's autodiff guards the tapes of all threads by a single lock, and each update registers
    /// every parameter again, so networks that train in parallel wait for each other. This method
    /// does not need the lock.
    ///
    /// Returns `None`, without any effect, if the network has autodiff, or for the other reasons of
    /// [`sparse_loss`](Self::sparse_loss). All parameters count as trained.
    ///
    /// # Panics
    ///
    /// As [`sparse_loss`](Self::sparse_loss).
    pub fn sparse_gradients(
        &mut self,
        images: &SparseImages,
        rows: &[usize],
        keep_mask: &mut KeepMask<'_>,
    ) -> Option<KnownGradients> {
        let parameters = Parameters::all_trained(self)?;
        let trained = self.trained(&parameters, images, rows, keep_mask)?;
        self.update_running(&trained.statistics, rows.len());
        Some(by_parameter(self, trained.loss, trained.gradients))
    }

    /// Whether the network without autodiff supports [`sparse_gradients`](Self::sparse_gradients),
    /// with the same result: if this network has autodiff, all its parameters must be trained.
    pub fn has_sparse_gradients(&self, images: &SparseImages) -> bool {
        let is_possible = input_dropout::is_possible(&self.dropout, images.scale());
        let has_autodiff = self.output.weight.base().is_autodiff();
        (is_possible && (!has_autodiff || self.trains_all_parameters()))
            && Parameters::all_trained(&self.valid()).is_some()
    }

    /// Whether every parameter requires a gradient.
    fn trains_all_parameters(&self) -> bool {
        let mut linears = (self.hidden.iter().map(|layer| &layer.linear)).chain([&self.output]);
        let mut norms = self.hidden.iter().filter_map(|layer| layer.norm.as_ref());
        linears.all(|linear| {
            let mut bias = linear.bias.iter();
            linear.weight.is_require_grad() && bias.all(|bias| bias.is_require_grad())
        }) && norms.all(|norm| norm.scale.is_require_grad() && norm.shift.is_require_grad())
    }

    /// Returns the loss and gradients of a batch, and its statistics. `None` if dropout of the
    /// input cannot be fused.
    fn trained(
        &self,
        parameters: &Parameters,
        images: &SparseImages,
        rows: &[usize],
        keep_mask: &mut KeepMask<'_>,
    ) -> Option<Trained> {
        if !input_dropout::is_possible(&self.dropout, images.scale()) {
            return None;
        }
        let network = parameters.network(self);
        let mut pixels: Vec<Pixels<'_>> = rows.iter().map(|&row| images.pixels(row)).collect();
        let kept;
        if self.dropout.input_probability > 0.0 {
            let keep = 1.0 - self.dropout.input_probability;
            let mask = keep_mask(rows.len() * images.size(), keep);
            kept = KeptPixels::of(&pixels, images.size(), &mask);
            pixels = kept.images();
        }
        let labels: Vec<u16> = rows.iter().map(|&row| images.labels()[row]).collect();
        let batch = Batch {
            images: &pixels,
            labels: &labels,
            size: images.size(),
            scale: input_dropout::in_training(&self.dropout, images.scale()),
        };
        network.check(batch);
        if network.layers.iter().any(|layer| layer.norm.is_some()) {
            crate::batch_norm::check(rows.len());
        }
        let wanted = parameters.wanted();
        Some(with_workspace(network.layers.len(), |workspace| {
            Arch::new().dispatch(Train {
                network: &network,
                wanted: &wanted,
                batch,
                keep_mask,
                workspace,
            })
        }))
    }

    /// Updates the running statistics with those of a batch.
    fn update_running(&mut self, statistics: &[Option<Statistics>], images: usize) {
        for (layer, statistics) in self.hidden.iter_mut().zip(statistics) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, statistics) {
                norm.update_running(&statistics.mean, &statistics.variance, images);
            }
        }
    }

    /// Returns the sum of the cross-entropy over the images at `rows`, and the number of images
    /// classified correctly, in evaluation.
    ///
    /// Returns `None` for the reasons of [`sparse_loss`](Self::sparse_loss), except that the
    /// network may be with or without autodiff.
    ///
    /// # Panics
    ///
    /// If the images have the wrong size, `rows` is out of range, or a label is not a class of the
    /// network.
    pub fn sparse_score(&self, images: &SparseImages, rows: Range<usize>) -> Option<(f64, usize)> {
        if !input_dropout::is_possible(&self.dropout, images.scale()) {
            return None;
        }
        let scale = input_dropout::in_evaluation(&self.dropout, images.scale());
        let parameters = Parameters::untracked(self)?;
        let network = parameters.network(self);
        let mut pixels: Vec<Pixels<'_>> = Vec::with_capacity(BATCH);
        let batches = |each: &mut dyn FnMut(Batch<'_>)| {
            for first in rows.clone().step_by(BATCH) {
                let rows = first..rows.end.min(first + BATCH);
                pixels.clear();
                pixels.extend(rows.clone().map(|row| images.pixels(row)));
                let batch = Batch {
                    images: &pixels,
                    labels: &images.labels()[rows],
                    size: images.size(),
                    scale,
                };
                network.check(batch);
                each(batch);
            }
        };
        Some(with_workspace(network.layers.len(), |workspace| {
            Arch::new().dispatch(Evaluate {
                network: &network,
                workspace,
                batches,
            })
        }))
    }
}
