//! Evaluation: loss and number of correct answers.

use pulp::{Simd, WithSimd};

use super::images;
use super::memory::{LayerMemory, Workspace};
use super::network::{Batch, Network, Norm, activate};
use super::softmax::score;
use crate::DropoutKind;

/// Number of images evaluated at a time, so that their values fit into the caches.
pub(super) const BATCH: usize = 128;

/// The sum of the cross-entropy and the number of correct answers over all batches.
pub(super) struct Evaluate<'a, I> {
    pub(super) network: &'a Network<'a>,
    pub(super) workspace: &'a mut Workspace,
    /// Calls its argument with each batch.
    pub(super) batches: I,
}

impl<I: FnMut(&mut dyn FnMut(Batch<'_>))> WithSimd for Evaluate<'_, I> {
    type Output = (f64, usize);

    fn with_simd<S: Simd>(self, simd: S) -> (f64, usize) {
        let Self {
            network,
            workspace,
            mut batches,
        } = self;
        let hidden = network.layers.len() - 1;
        let (mut loss, mut hits) = (0.0, 0);
        batches(&mut |batch| {
            let scaled_bytes = images::scaled_bytes(batch.scale);
            for number in 0..=hidden {
                match number {
                    0 => network.first(simd, batch, &scaled_bytes, workspace),
                    _ => network.later(simd, number, batch, workspace),
                }
                if number < hidden {
                    network.hidden_evaluation(simd, number, batch, &mut workspace.layers[number]);
                }
            }
            let classes = network.layers[hidden].units;
            let logits = workspace.layers[hidden].sums.get();
            let (more_loss, more_hits) = simd.vectorize(|| score(logits, classes, batch));
            loss += more_loss;
            hits += more_hits;
        });
        (loss, hits)
    }
}

impl Network<'_> {
    /// Applies normalization, activation and the factor of dropout to a hidden layer.
    fn hidden_evaluation<S: Simd>(
        &self,
        simd: S,
        number: usize,
        batch: Batch<'_>,
        memory: &mut LayerMemory,
    ) {
        let layer = &self.layers[number];
        let row = batch.row();
        let sums = memory.sums.get_mut();
        if let Some(norm) = &layer.norm {
            simd.vectorize(|| {
                normalize(norm, row, sums);
                activate(self.activation, sums);
            });
        }
        if self.drops() {
            let scale = match self.dropout.kind {
                DropoutKind::Classic => (1.0 - self.dropout.probability) as f32,
                DropoutKind::Inverted => 1.0,
            };
            let dropped = memory.dropped.sized(layer.units * row);
            let sums = memory.sums.get();
            simd.vectorize(|| {
                dropped
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(dropped, sum)| *dropped = sum * scale);
            });
        }
    }
}

/// Normalizes by the running statistics.
#[inline(always)]
fn normalize(norm: &Norm<'_>, row: usize, sums: &mut [f32]) {
    for (unit, sums) in sums.chunks_exact_mut(row).enumerate() {
        let deviation = (norm.running_variance[unit] + norm.epsilon).sqrt();
        let (mean, scale, shift) = (norm.running_mean[unit], norm.scale[unit], norm.shift[unit]);
        for sum in sums {
            *sum = (*sum - mean) / deviation * scale + shift;
        }
    }
}
