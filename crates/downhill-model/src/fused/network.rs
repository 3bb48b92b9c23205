//! What a network is to the fused path: slices of its parameters.

use pulp::Simd;

use super::images::Pixels;
use super::memory::Workspace;
use super::product::{Left, Product, Right, Start, panels};
use super::threads::over_numbers;
use super::transpose::transpose;
use super::{buffer, first_layer, images, math};
use crate::{Activation, DropoutConfig, PixelScale};

/// A network, from the input on; the last layer gives the logits.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub(super) layers: Vec<Layer<'a>>,
    pub(super) activation: Activation,
    pub(super) dropout: DropoutConfig,
    pub(super) weight_decay: f64,
    pub(super) l1_decay: f64,
}

/// A linear layer, with its normalization.
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

/// A batch normalization, `[units]` each.
#[derive(Debug)]
pub(super) struct Norm<'a> {
    pub(super) scale: &'a [f32],
    pub(super) shift: &'a [f32],
    pub(super) epsilon: f32,
    pub(super) running_mean: &'a [f32],
    pub(super) running_variance: &'a [f32],
}

/// Images of which most pixels are 0, with their labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) images: &'a [Pixels<'a>],
    pub(super) labels: &'a [u8],
    /// Pixels of an image.
    pub(super) size: usize,
    /// What they are turned into.
    pub(super) scale: PixelScale,
}

impl Batch<'_> {
    /// Columns of a layer's numbers, a column for each image.
    pub(super) fn columns(&self) -> usize {
        self.images.len().next_multiple_of(buffer::LINE)
    }

    /// Asks for the pixels ahead of their use: images lie anywhere, and each would be waited for.
    pub(super) fn fetch(&self) {
        for image in self.images {
            image.fetch();
        }
    }

    /// From a unit's numbers to those of the next.
    pub(super) fn row(&self) -> usize {
        buffer::row_length(self.images.len())
    }
}

impl Network<'_> {
    /// Weights times input plus biases of the first layer, `[units, images]`, into `sums`; and what the
    /// activation makes of it, if it is hidden and without normalization.
    pub(super) fn first<S: Simd>(
        &self,
        simd: S,
        batch: Batch<'_>,
        brightness: &[f32; 256],
        workspace: &mut Workspace,
    ) {
        let layer = &self.layers[0];
        let (count, row) = (batch.images.len(), batch.row());
        let width = first_layer::padded::<S>(layer.units);
        let by_image = workspace.by_image.sized(count * width);
        let forward = first_layer::Forward {
            images: batch.images,
            brightness,
            weights: layer.weight,
            units: layer.units,
            out: by_image,
        };
        forward.run(simd);
        let by_image = workspace.by_image.get();
        let mut sums = workspace.layers[0].sums.sized(layer.units * row);
        let mut jobs = Vec::new();
        for (first, vectors) in panels(width / S::F32_LANES, first_layer::WIDEST) {
            let (first, width) = (first * S::F32_LANES, vectors * S::F32_LANES);
            let units = width.min(layer.units - first);
            let here;
            (here, sums) = sums.split_at_mut(units * row);
            jobs.push((first, width, here));
        }
        let bias = shifted(layer, images::darkness(batch.scale));
        let bias = bias.as_deref().unwrap_or(layer.bias);
        over_numbers(count * layer.units, jobs, |(first, width, sums)| {
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

    /// The same of a later layer, from the outputs of the one below.
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

    /// Applies the activation to the sums of a layer where nothing comes between them.
    #[inline(always)]
    fn activate_early(&self, number: usize, sums: &mut [f32]) {
        if number + 1 < self.layers.len() && self.layers[number].norm.is_none() {
            activate(self.activation, sums);
        }
    }

    /// Whether units are dropped in training.
    pub(super) fn drops(&self) -> bool {
        self.dropout.probability > 0.0
    }

    /// `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)` over all weights.
    pub(super) fn penalty<S: Simd>(&self, simd: S) -> f64 {
        let squares = |layer: &Layer<'_>| {
            let weight = layer.weight;
            f64::from(simd.vectorize(|| math::dot(weight, weight)))
        };
        let sizes = |layer: &Layer<'_>| {
            let weight = layer.weight;
            f64::from(simd.vectorize(|| math::sum_of_sizes(weight)))
        };
        let mut penalty = 0.0;
        if self.weight_decay != 0.0 {
            penalty += 0.5 * self.weight_decay * self.layers.iter().map(squares).sum::<f64>();
        }
        if self.l1_decay != 0.0 {
            penalty += self.l1_decay * self.layers.iter().map(sizes).sum::<f64>();
        }
        penalty
    }
}

/// The biases of the first layer with what pixels of 0 add to its sums, unless they add nothing: a
/// pixel is that and what its byte adds.
#[inline(always)]
fn shifted(layer: &Layer<'_>, darkness: f32) -> Option<Vec<f32>> {
    if darkness == 0.0 {
        return None;
    }
    let mut sums = vec![0.0_f32; layer.units];
    for row in layer.weight.chunks_exact(layer.units) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += weight;
        }
    }
    for (sum, bias) in sums.iter_mut().zip(layer.bias) {
        *sum = darkness * *sum + bias;
    }
    Some(sums)
}

/// Applies an activation to each number.
#[inline(always)]
pub(super) fn activate(activation: Activation, numbers: &mut [f32]) {
    match activation {
        Activation::Relu => numbers.iter_mut().for_each(|x| *x = math::relu(*x)),
        Activation::Sigmoid => numbers.iter_mut().for_each(|x| *x = math::sigmoid(*x)),
        Activation::Tanh => numbers.iter_mut().for_each(|x| *x = math::tanh(*x)),
    }
}

/// Multiplies each number by the slope of the activation, told from the activation's output.
#[inline(always)]
pub(super) fn slope(activation: Activation, outputs: &[f32], numbers: &mut [f32]) {
    let each = numbers.iter_mut().zip(outputs);
    match activation {
        Activation::Relu => each.for_each(|(g, y)| *g = if *y <= 0.0 { 0.0 } else { *g }),
        Activation::Sigmoid => each.for_each(|(g, y)| *g *= y * (1.0 - y)),
        Activation::Tanh => each.for_each(|(g, y)| *g *= 1.0 - y * y),
    }
}
