//! A network as slices of its parameters, and its forward pass.

use pulp::Simd;

use super::images::Pixels;
use super::memory::Workspace;
use super::product::{Left, Product, Right, Start, panels};
use super::threads::over_values;
use super::transpose::transpose;
use super::{buffer, first_layer, images, math};
use crate::{Activation, DropoutConfig, PixelScale};

/// A network, from input to output; the last layer gives the logits.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub(super) layers: Vec<Layer<'a>>,
    pub(super) activation: Activation,
    pub(super) dropout: DropoutConfig,
    pub(super) weight_decay: f64,
    pub(super) l1_decay: f64,
}

/// A linear layer with its normalization.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    /// `[inputs, units]`.
    pub(super) weight: &'a [f32],
    /// `[units]`.
    pub(super) bias: &'a [f32],
    pub(super) inputs: usize,
    pub(super) units: usize,
    pub(super) norm: Option<Norm<'a>>,
}

/// A batch normalization; each slice is `[units]`.
#[derive(Debug)]
pub(super) struct Norm<'a> {
    pub(super) scale: &'a [f32],
    pub(super) shift: &'a [f32],
    pub(super) epsilon: f32,
    pub(super) running_mean: &'a [f32],
    pub(super) running_variance: &'a [f32],
}

/// A batch of images with their labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) images: &'a [Pixels<'a>],
    pub(super) labels: &'a [u16],
    /// Number of pixels of an image.
    pub(super) size: usize,
    /// Scaling of the pixels.
    pub(super) scale: PixelScale,
}

impl Batch<'_> {
    /// Number of columns of a layer's values: one per image, in whole vectors.
    pub(super) fn columns(&self) -> usize {
        self.images.len().next_multiple_of(buffer::LINE)
    }

    /// Prefetches the pixels, because the images are scattered in memory.
    pub(super) fn fetch(&self) {
        for image in self.images {
            image.fetch();
        }
    }

    /// Stride from one unit to the next.
    pub(super) fn row(&self) -> usize {
        buffer::row_length(self.images.len())
    }
}

impl Network<'_> {
    /// Computes the sums of the first layer, `[units, images]`: weights times input plus biases,
    /// and the activation if [`activate_early`](Self::activate_early) applies it.
    pub(super) fn first<S: Simd>(
        &self,
        simd: S,
        batch: Batch<'_>,
        scaled_bytes: &[f32; 256],
        workspace: &mut Workspace,
    ) {
        let layer = &self.layers[0];
        let (count, row) = (batch.images.len(), batch.row());
        let width = first_layer::padded::<S>(layer.units);
        let by_image = workspace.by_image.sized(count * width);
        let forward = first_layer::Forward {
            images: batch.images,
            scaled_bytes,
            weights: layer.weight,
            units: layer.units,
            out: by_image,
        };
        forward.run(simd);
        let by_image = workspace.by_image.get();
        let mut sums = workspace.layers[0].sums.sized(layer.units * row);
        let mut jobs = Vec::new();
        for (first, vectors) in panels(width / S::F32_LANES, first_layer::MAX_VECTORS) {
            let (first, width) = (first * S::F32_LANES, vectors * S::F32_LANES);
            let units = width.min(layer.units - first);
            let here;
            (here, sums) = sums.split_at_mut(units * row);
            jobs.push((first, width, here));
        }
        let bias = shifted_bias(layer, images::scaled_zero(batch.scale));
        let bias = bias.as_deref().unwrap_or(layer.bias);
        over_values(count * layer.units, jobs, |(first, width, sums)| {
            simd.vectorize(|| {
                let units = sums.len() / row;
                let panel = &by_image[first * count..];
                transpose(panel, width, [count, units], sums, row);
                for (sums, bias) in sums.chunks_exact_mut(row).zip(&bias[first..]) {
                    sums.iter_mut().for_each(|sum| *sum += bias);
                }
                self.activate_early(0, sums);
            });
        });
    }

    /// Computes the sums of a later layer from the output of the layer below.
    pub(super) fn later<S: Simd>(
        &self,
        simd: S,
        number: usize,
        batch: Batch<'_>,
        workspace: &mut Workspace,
    ) {
        let layer = &self.layers[number];
        let row = batch.row();
        let (below, above) = workspace.layers.split_at_mut(number);
        let product = Product {
            rows: layer.units,
            steps: layer.inputs,
            columns: batch.columns(),
            left: Left {
                values: layer.weight,
                row: 1,
                step: layer.units,
            },
            right: Right::Rows(below[number - 1].output(self.drops()).get(), row),
            start: Start::Rows(layer.bias),
            out: above[0].sums.sized(layer.units * row),
            out_row: row,
        };
        product.run_then(simd, |_, sums| {
            simd.vectorize(|| self.activate_early(number, sums));
        });
    }

    /// Applies the activation if the layer is hidden and has no normalization.
    #[inline(always)]
    fn activate_early(&self, number: usize, sums: &mut [f32]) {
        if number + 1 < self.layers.len() && self.layers[number].norm.is_none() {
            activate(self.activation, sums);
        }
    }

    /// Whether the network has dropout of units.
    pub(super) fn drops(&self) -> bool {
        self.dropout.probability > 0.0
    }

    /// Returns `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)` over all weights.
    pub(super) fn penalty<S: Simd>(&self, simd: S) -> f64 {
        let squares = |layer: &Layer<'_>| {
            let weight = layer.weight;
            f64::from(simd.vectorize(|| math::dot(weight, weight)))
        };
        let absolutes = |layer: &Layer<'_>| {
            let weight = layer.weight;
            f64::from(simd.vectorize(|| math::sum_of_absolutes(weight)))
        };
        let mut penalty = 0.0;
        if self.weight_decay != 0.0 {
            penalty += 0.5 * self.weight_decay * self.layers.iter().map(squares).sum::<f64>();
        }
        if self.l1_decay != 0.0 {
            penalty += self.l1_decay * self.layers.iter().map(absolutes).sum::<f64>();
        }
        penalty
    }
}

/// Returns the biases of the first layer plus the sums of an image whose pixels are all 0. `None`
/// if such pixels stay 0 when scaled.
#[inline(always)]
fn shifted_bias(layer: &Layer<'_>, scaled_zero: f32) -> Option<Vec<f32>> {
    if scaled_zero == 0.0 {
        return None;
    }
    let mut sums = vec![0.0_f32; layer.units];
    for row in layer.weight.chunks_exact(layer.units) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += weight;
        }
    }
    for (sum, bias) in sums.iter_mut().zip(layer.bias) {
        *sum = scaled_zero * *sum + bias;
    }
    Some(sums)
}

/// Applies an activation to each value.
#[inline(always)]
pub(super) fn activate(activation: Activation, numbers: &mut [f32]) {
    match activation {
        Activation::Relu => numbers.iter_mut().for_each(|x| *x = math::relu(*x)),
        Activation::Sigmoid => numbers.iter_mut().for_each(|x| *x = math::sigmoid(*x)),
        Activation::Tanh => numbers.iter_mut().for_each(|x| *x = math::tanh(*x)),
    }
}

/// Multiplies each value by the derivative of the activation, computed from its output.
#[inline(always)]
pub(super) fn slope(activation: Activation, outputs: &[f32], numbers: &mut [f32]) {
    let each = numbers.iter_mut().zip(outputs);
    match activation {
        Activation::Relu => each.for_each(|(g, y)| *g = if *y <= 0.0 { 0.0 } else { *g }),
        Activation::Sigmoid => each.for_each(|(g, y)| *g *= y * (1.0 - y)),
        Activation::Tanh => each.for_each(|(g, y)| *g *= 1.0 - y * y),
    }
}
