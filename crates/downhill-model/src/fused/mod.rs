//! The whole network as one operation, on the flex backend.
//!
//! ```text
//! images.rs       pixels as bytes, those that are 0 left out
//! network.rs      slices of the parameters; the layers forward
//!   first_layer.rs  sums over the pixels that are not 0
//!   product.rs      the other layers' matrix products
//!   training.rs     loss and all gradients of a batch: softmax.rs, then the layers backward
//!   evaluation.rs   loss and hits
//! node.rs         what autodiff is told of it
//! convolution/    the same of convolutions and pooling, for any network behind them
//! memory.rs, buffer.rs, fetch.rs, threads.rs, transpose.rs, math.rs
//! ```
//!
//! Within, a layer's numbers are `[units, images]`, so that a vector holds one unit of sixteen images:
//! a batch of 128 fills its vectors, a layer of 100 units would not. Vector instructions are chosen at
//! run time by `pulp`.

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
use evaluation::{AT_ONCE, Evaluate};
use images::Pixels;
use input_dropout::Kept;
use memory::with_workspace;
use network::Batch;
use parameters::{Parameters, by_parameter};
use training::{Statistics, Train, Trained};

/// A loss and its gradients, computed without autodiff.
#[derive(Debug)]
pub struct KnownGradients {
    /// Mean cross-entropy and penalty, in nats.
    pub loss: f32,
    /// Gradients of the trained parameters.
    pub gradients: GradientsParams,
}

impl Mlp {
    /// Training: the loss on some of the images, `[1]`, mean cross-entropy and penalty, with all that
    /// its gradients need. The same as [`forward`](Self::forward), the [loss](crate::loss) and
    /// [`penalty`](Self::penalty) to rounding, several times faster: the gradients are computed at
    /// once, forward and backward, and autodiff sees a single operation.
    ///
    /// Nothing where it cannot be had so: where the network is not on the flex backend with autodiff,
    /// its numbers are not `f32`, or its parameters do not lie row by row, or where it drops pixels of
    /// images whose mean is not 0; then nothing has been done.
    ///
    /// A pixel of 0 is left out, so that a weight that is infinite or no number does not show where
    /// all its pixels are 0.
    ///
    /// # Panics
    ///
    /// Images of another size than the network's, rows or labels that are not there, no rows, a mask
    /// of another length than asked for, or a single image where there is batch normalization.
    pub fn sparse_loss(
        &mut self,
        images: &SparseImages,
        rows: &[usize],
        keep_mask: &mut KeepMask<'_>,
    ) -> Option<Tensor<1>> {
        let parameters = Parameters::tracked(self)?;
        let trained = self.trained(&parameters, images, rows, keep_mask)?;
        let loss = node::loss(trained.loss, parameters.inputs(trained.gradients));
        self.see(&trained.statistics, rows.len());
        Some(loss)
    }

    /// Training without autodiff: the same loss, and the gradients of all parameters, to the bit those that
    /// [`sparse_loss`](Self::sparse_loss) leads to.
    ///
    /// Burn's autodiff keeps what all threads of a process have put on its tape under one lock, and each
    /// update puts every parameter there anew: networks that train beside one another wait for it. These
    /// do not.
    ///
    /// Nothing where it cannot be had so, as there, but of a network without autodiff; then nothing has
    /// been done. All its parameters count as trained.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn sparse_gradients(
        &mut self,
        images: &SparseImages,
        rows: &[usize],
        keep_mask: &mut KeepMask<'_>,
    ) -> Option<KnownGradients> {
        let parameters = Parameters::all_trained(self)?;
        let trained = self.trained(&parameters, images, rows, keep_mask)?;
        self.see(&trained.statistics, rows.len());
        Some(by_parameter(self, trained.loss, trained.gradients))
    }

    /// Whether [`sparse_gradients`](Self::sparse_gradients) can be had of it without autodiff, and are
    /// the same: where it has autodiff, all its parameters are trained.
    pub fn has_sparse_gradients(&self, images: &SparseImages) -> bool {
        let is_possible = input_dropout::is_possible(&self.dropout, images.scale());
        let has_autodiff = self.output.weight.base().is_autodiff();
        (is_possible && (!has_autodiff || self.is_trained_whole()))
            && Parameters::all_trained(&self.valid()).is_some()
    }

    /// Whether each of its parameters requires a gradient.
    fn is_trained_whole(&self) -> bool {
        let mut linears = (self.hidden.iter().map(|layer| &layer.linear)).chain([&self.output]);
        let mut norms = self.hidden.iter().filter_map(|layer| layer.norm.as_ref());
        linears.all(|linear| {
            let mut bias = linear.bias.iter();
            linear.weight.is_require_grad() && bias.all(|bias| bias.is_require_grad())
        }) && norms.all(|norm| norm.scale.is_require_grad() && norm.shift.is_require_grad())
    }

    /// Loss and gradients of a batch, and the statistics that are to be taken in.
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
            kept = Kept::of(&pixels, images.size(), &mask);
            pixels = kept.images();
        }
        let labels: Vec<u8> = rows.iter().map(|&row| images.labels()[row]).collect();
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

    /// The running statistics take in those of a batch of so many images.
    fn see(&mut self, statistics: &[Option<Statistics>], images: usize) {
        for (layer, statistics) in self.hidden.iter_mut().zip(statistics) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, statistics) {
                norm.see(&statistics.mean, &statistics.variance, images);
            }
        }
    }

    /// Evaluation: the sum of the cross-entropy over some of the images, and how many have the largest
    /// logit at their label. Nothing changes.
    ///
    /// Nothing where it cannot be had so, as with [`sparse_loss`](Self::sparse_loss), here of a network
    /// with or without autodiff.
    ///
    /// # Panics
    ///
    /// Images of another size than the network's, rows or labels that are not there.
    pub fn sparse_score(&self, images: &SparseImages, rows: Range<usize>) -> Option<(f64, usize)> {
        if !input_dropout::is_possible(&self.dropout, images.scale()) {
            return None;
        }
        let scale = input_dropout::in_evaluation(&self.dropout, images.scale());
        let parameters = Parameters::untracked(self)?;
        let network = parameters.network(self);
        let mut pixels: Vec<Pixels<'_>> = Vec::with_capacity(AT_ONCE);
        let batches = |each: &mut dyn FnMut(Batch<'_>)| {
            for first in rows.clone().step_by(AT_ONCE) {
                let rows = first..rows.end.min(first + AT_ONCE);
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
