//! The loss of a batch, and its gradients.

use burn::backend::flex::FlexTensor;
use pulp::{Simd, WithSimd};

use super::first_layer::{self, Backward};
use super::memory::{LayerMemory, Workspace};
use super::network::{Batch, Layer, Network, Norm, activate, slope};
use super::product::{Left, Product, Right, Start, max_vectors, panels};
use super::softmax::cross_entropy;
use super::threads::over_values;
use super::transpose::transpose;
use super::{images, math};
use crate::{DropoutKind, KeepMask};

/// Which gradients of a layer are needed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) weight: bool,
    pub(super) bias: bool,
    pub(super) scale: bool,
    pub(super) shift: bool,
}

impl Wanted {
    fn any(self) -> bool {
        self.weight || self.bias || self.scale || self.shift
    }
}

/// The gradients of a layer that are needed.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    pub(super) weight: Option<FlexTensor>,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) scale: Option<Vec<f32>>,
    pub(super) shift: Option<Vec<f32>>,
}

/// Mean and biased variance of each unit over a batch.
#[derive(Debug)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// The result of a training step.
#[derive(Debug)]
pub(super) struct Trained {
    /// Mean cross-entropy plus penalty.
    pub(super) loss: f32,
    /// Gradients of each layer.
    pub(super) gradients: Vec<Gradients>,
    /// Statistics of each hidden layer, if it has batch normalization.
    pub(super) statistics: Vec<Option<Statistics>>,
}

/// Computes the loss and the gradients of a batch.
pub(super) struct Train<'a, 'b> {
    pub(super) network: &'a Network<'a>,
    pub(super) wanted: &'a [Wanted],
    pub(super) batch: Batch<'a>,
    pub(super) keep_mask: &'a mut KeepMask<'b>,
    pub(super) workspace: &'a mut Workspace,
}

impl WithSimd for Train<'_, '_> {
    type Output = Trained;

    fn with_simd<S: Simd>(self, simd: S) -> Trained {
        let Self {
            network,
            wanted,
            batch,
            keep_mask,
            workspace,
        } = self;
        let scaled_bytes = images::scaled_bytes(batch.scale);
        let hidden = network.layers.len() - 1;
        let mut statistics = Vec::with_capacity(hidden);
        batch.fetch();
        for number in 0..=hidden {
            match number {
                0 => network.first(simd, batch, &scaled_bytes, workspace),
                _ => network.later(simd, number, batch, workspace),
            }
            if number < hidden {
                let memory = &mut workspace.layers[number];
                statistics.push(network.hidden_forward(simd, number, batch, keep_mask, memory));
            }
        }

        let output = &network.layers[hidden];
        let logits = workspace.layers[hidden].sums.get();
        let gradient = workspace.gradient.sized(output.units * batch.row());
        let loss = simd.vectorize(|| cross_entropy(logits, gradient, output.units, batch));
        let loss = loss / batch.images.len() as f64 + network.penalty(simd);

        let mut gradients: Vec<Gradients> = Vec::new();
        gradients.resize_with(network.layers.len(), Gradients::default);
        let lowest = wanted
            .iter()
            .position(|wanted| wanted.any())
            .unwrap_or(wanted.len());
        for number in (lowest..=hidden).rev() {
            network.layer_backward(
                simd,
                number,
                wanted[number],
                batch,
                &scaled_bytes,
                workspace,
                &mut gradients[number],
            );
            if number > lowest {
                network.input_backward(simd, number, batch, workspace);
                let memory = &mut workspace.layers[number - 1];
                let gradient = workspace.gradient.get_mut();
                let (below, wanted) = (&mut gradients[number - 1], wanted[number - 1]);
                network.hidden_backward(simd, number - 1, wanted, batch, memory, gradient, below);
            }
        }
        Trained {
            loss: loss as f32,
            gradients,
            statistics,
        }
    }
}

impl Network<'_> {
    /// Applies normalization, activation and dropout to a hidden layer.
    fn hidden_forward<S: Simd>(
        &self,
        simd: S,
        number: usize,
        batch: Batch<'_>,
        keep_mask: &mut KeepMask<'_>,
        memory: &mut LayerMemory,
    ) -> Option<Statistics> {
        let layer = &self.layers[number];
        let (row, images) = (batch.row(), batch.images.len());
        let statistics = layer.norm.as_ref().map(|norm| {
            memory.normalized.sized(layer.units * row);
            simd.vectorize(|| {
                let statistics = normalize(norm, layer.units, row, images, memory);
                activate(self.activation, memory.sums.get_mut());
                statistics
            })
        });
        if self.drops() {
            let keep = 1.0 - self.dropout.probability;
            let scale = match self.dropout.kind {
                DropoutKind::Classic => 1.0,
                DropoutKind::Inverted => (1.0 / keep) as f32,
            };
            let kept = keep_mask(images * layer.units, keep);
            assert_eq!(
                kept.len(),
                images * layer.units,
                "length of the dropout mask"
            );
            let mask = memory.mask.sized(layer.units * row);
            let sums = memory.sums.get();
            let dropped = memory.dropped.sized(layer.units * row);
            simd.vectorize(|| {
                transpose(&kept, layer.units, [images, layer.units], mask, row);
                for ((dropped, mask), sum) in dropped.iter_mut().zip(mask).zip(sums) {
                    *mask *= scale;
                    *dropped = sum * *mask;
                }
            });
        }
        statistics
    }

    /// Computes the gradients of weights and biases from the gradient of the layer's sums.
    #[allow(clippy::too_many_arguments, reason = "unrelated arguments")]
    fn layer_backward<S: Simd>(
        &self,
        simd: S,
        number: usize,
        wanted: Wanted,
        batch: Batch<'_>,
        scaled_bytes: &[f32; 256],
        workspace: &mut Workspace,
        gradients: &mut Gradients,
    ) {
        let layer = &self.layers[number];
        let (row, images) = (batch.row(), batch.images.len());
        if !wanted.weight {
            let gradient = workspace.gradient.get();
            let sums = || row_sums(gradient, row, images);
            gradients.bias = wanted.bias.then(|| simd.vectorize(sums));
            return;
        }
        let shape = [layer.inputs, layer.units];
        let mut tensor = workspace.weight_gradients[number].take(shape);
        let out = tensor.storage_mut::<f32>();
        let max = match number {
            0 => first_layer::MAX_VECTORS,
            _ => max_vectors::<S>(),
        };
        let bias = by_image(simd, layer, batch, max, workspace);
        gradients.bias = wanted.bias.then_some(bias);
        let gradient = workspace.gradient_by_image.get();
        if number == 0 {
            let backward = Backward {
                images: batch.images,
                scaled_bytes,
                gradient,
                units: layer.units,
                out,
            };
            backward.run(simd);
            let scaled_zero = images::scaled_zero(batch.scale);
            if scaled_zero != 0.0 {
                let gradient = workspace.gradient.get();
                simd.vectorize(|| {
                    let sums = row_sums(gradient, row, images);
                    add_to_rows(scaled_zero, &sums, out);
                });
            }
        } else {
            let product = Product {
                rows: layer.inputs,
                steps: images,
                columns: layer.units,
                left: Left {
                    values: workspace.layers[number - 1].output(self.drops()).get(),
                    row,
                    step: 1,
                },
                right: Right::Panels(gradient),
                start: Start::Zero,
                out,
                out_row: layer.units,
            };
            product.run(simd);
        }
        if self.weight_decay != 0.0 {
            let decay = self.weight_decay as f32;
            simd.vectorize(|| {
                for (gradient, weight) in out.iter_mut().zip(layer.weight) {
                    *gradient += decay * weight;
                }
            });
        }
        if self.l1_decay != 0.0 {
            let decay = self.l1_decay as f32;
            simd.vectorize(|| {
                for (gradient, weight) in out.iter_mut().zip(layer.weight) {
                    // As in autodiff, the derivative at 0 is 0.
                    let slope = if *weight == 0.0 { 0.0 } else { decay };
                    *gradient += slope.copysign(*weight);
                }
            });
        }
        workspace.weight_gradients[number].remember(&tensor);
        gradients.weight = Some(tensor);
    }

    /// Replaces the gradient of the layer's sums by the gradient of the input of the activation of
    /// the layer below.
    fn input_backward<S: Simd>(
        &self,
        simd: S,
        number: usize,
        batch: Batch<'_>,
        workspace: &mut Workspace,
    ) {
        let layer = &self.layers[number];
        let row = batch.row();
        let product = Product {
            rows: layer.inputs,
            steps: layer.units,
            columns: batch.columns(),
            left: Left {
                values: layer.weight,
                row: layer.units,
                step: 1,
            },
            right: Right::Rows(workspace.gradient.get(), row),
            start: Start::Zero,
            out: workspace.gradient_below.sized(layer.inputs * row),
            out_row: row,
        };
        let below = &workspace.layers[number - 1];
        let (outputs, dropped) = (below.sums.get(), self.drops().then(|| below.mask.get()));
        product.run_then(simd, |begin, gradient| {
            simd.vectorize(|| {
                if let Some(mask) = dropped {
                    let each = gradient.iter_mut().zip(&mask[begin..]);
                    each.for_each(|(g, mask)| *g *= mask);
                }
                slope(self.activation, &outputs[begin..], gradient);
            });
        });
        std::mem::swap(&mut workspace.gradient, &mut workspace.gradient_below);
    }

    /// Replaces the gradient of the output of a hidden layer's normalization by that of its sums.
    #[allow(clippy::too_many_arguments, reason = "unrelated arguments")]
    fn hidden_backward<S: Simd>(
        &self,
        simd: S,
        number: usize,
        wanted: Wanted,
        batch: Batch<'_>,
        memory: &LayerMemory,
        gradient: &mut [f32],
        gradients: &mut Gradients,
    ) {
        let layer = &self.layers[number];
        let (row, images) = (batch.row(), batch.images.len());
        if let Some(norm) = &layer.norm {
            let normalized = memory.normalized.get();
            let (shift, scale) = simd.vectorize(|| {
                let inverse = &memory.inverse_deviation;
                normalize_backward(norm, inverse, row, images, normalized, gradient)
            });
            gradients.shift = wanted.shift.then_some(shift);
            gradients.scale = wanted.scale.then_some(scale);
        }
    }
}

/// Transposes the gradient of a layer's sums to a row per image, in panels of units. Returns the
/// gradient of the biases.
fn by_image<S: Simd>(
    simd: S,
    layer: &Layer<'_>,
    batch: Batch<'_>,
    max: usize,
    workspace: &mut Workspace,
) -> Vec<f32> {
    let (row, images) = (batch.row(), batch.images.len());
    let width = first_layer::padded::<S>(layer.units);
    let mut gradient = workspace.gradient.get();
    let mut by_image = workspace.gradient_by_image.sized(images * width);
    let mut bias = vec![0.0; layer.units];
    let mut biases = &mut bias[..];
    let mut jobs = Vec::new();
    for (first, vectors) in panels(width / S::F32_LANES, max) {
        let (first, width) = (first * S::F32_LANES, vectors * S::F32_LANES);
        let units = width.min(layer.units - first);
        let (from, panel, sums);
        (from, gradient) = gradient.split_at(units * row);
        (panel, by_image) = by_image.split_at_mut(width * images);
        (sums, biases) = biases.split_at_mut(units);
        jobs.push((from, panel, width, sums));
    }
    over_values(
        images * layer.units,
        jobs,
        |(gradient, panel, width, sums)| {
            simd.vectorize(|| {
                transpose(gradient, row, [sums.len(), images], panel, width);
                for (sum, numbers) in sums.iter_mut().zip(gradient.chunks_exact(row)) {
                    *sum = math::sum(&numbers[..images]);
                }
            });
        },
    );
    bias
}

/// Adds `values`, multiplied by `factor`, to each row.
#[inline(always)]
fn add_to_rows(factor: f32, values: &[f32], rows: &mut [f32]) {
    for row in rows.chunks_exact_mut(values.len()) {
        for (sum, value) in row.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
}

/// Returns the sum of each row over the images.
#[inline(always)]
fn row_sums(numbers: &[f32], row: usize, images: usize) -> Vec<f32> {
    let rows = numbers.chunks_exact(row);
    rows.map(|numbers| math::sum(&numbers[..images])).collect()
}

/// Normalizes the sums of each unit over the batch, stores the result, then scales and shifts it.
#[inline(always)]
fn normalize(
    norm: &Norm<'_>,
    units: usize,
    row: usize,
    images: usize,
    memory: &mut LayerMemory,
) -> Statistics {
    let share = 1.0 / images as f32;
    let mut statistics = Statistics {
        mean: Vec::with_capacity(units),
        variance: Vec::with_capacity(units),
    };
    memory.inverse_deviation.clear();
    let sums = memory.sums.get_mut().chunks_exact_mut(row);
    let normalized = memory.normalized.get_mut().chunks_exact_mut(row);
    for (unit, (sums, normalized)) in sums.zip(normalized).enumerate() {
        let mean = math::sum(&sums[..images]) * share;
        for (normalized, sum) in normalized.iter_mut().zip(&*sums) {
            *normalized = sum - mean;
        }
        let variance = math::dot(&normalized[..images], &normalized[..images]) * share;
        let inverse = 1.0 / (variance + norm.epsilon).sqrt();
        let (scale, shift) = (norm.scale[unit], norm.shift[unit]);
        for (normalized, sum) in normalized.iter_mut().zip(sums) {
            *normalized *= inverse;
            *sum = *normalized * scale + shift;
        }
        statistics.mean.push(mean);
        statistics.variance.push(variance);
        memory.inverse_deviation.push(inverse);
    }
    statistics
}

/// Replaces the gradient of the output of a normalization by that of its input. Returns the
/// gradients of shift and scale.
#[inline(always)]
fn normalize_backward(
    norm: &Norm<'_>,
    inverse_deviation: &[f32],
    row: usize,
    images: usize,
    normalized: &[f32],
    gradient: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let share = 1.0 / images as f32;
    let units = norm.scale.len();
    let (mut shifts, mut scales) = (Vec::with_capacity(units), Vec::with_capacity(units));
    let rows = gradient
        .chunks_exact_mut(row)
        .zip(normalized.chunks_exact(row));
    for (unit, (gradient, normalized)) in rows.enumerate() {
        let shift = math::sum(&gradient[..images]);
        let scale = math::dot(&gradient[..images], &normalized[..images]);
        let factor = norm.scale[unit] * inverse_deviation[unit];
        let (mean, slope) = (shift * share, scale * share);
        for (gradient, normalized) in gradient.iter_mut().zip(normalized) {
            *gradient = factor * (*gradient - mean - normalized * slope);
        }
        shifts.push(shift);
        scales.push(scale);
    }
    (shifts, scales)
}
