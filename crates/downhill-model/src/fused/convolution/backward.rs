//! The backward pass of all convolutions.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::buffer::Buffer;
use super::super::math;
use super::super::network::slope;
use super::super::product::Left;
use super::super::transpose::transpose;
use super::correlation::{Correlation, max_tile};
use super::geometry::{Frame, Geometry, IMAGES};
use super::product::{Gathered, Start};
use super::stack::{Block, Layer, Stack};

/// Number of values of a gradient processed at a time, which fit into the first cache.
const BLOCK_VALUES: usize = 24 << 8;

/// Which gradients of a layer are needed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) weight: bool,
    pub(super) bias: bool,
}

/// The gradients that are needed.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    /// Gradient of the images, `[batch, pixels]`.
    pub(super) images: Option<Vec<f32>>,
    /// Gradients of each layer's weight and bias.
    pub(super) layers: Vec<[Option<Vec<f32>>; 2]>,
}

/// Computes all gradients from the gradient of the features, `[batch, features]`.
pub(super) struct Backward<'a> {
    pub(super) stack: &'a Stack<'a>,
    pub(super) wanted: &'a [Wanted],
    pub(super) images_wanted: bool,
    pub(super) blocks: &'a [Block],
    pub(super) features: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = Gradients;

    fn with_simd<S: Simd>(self, simd: S) -> Gradients {
        let Self {
            stack,
            wanted,
            images_wanted,
            blocks,
            features,
        } = self;
        let last = stack.features();
        let out = last.len() / IMAGES;
        let batch = features.len() / out;
        let mut gradients = Gradients::default();
        gradients
            .layers
            .resize_with(stack.layers.len(), || [None, None]);
        // The gradient of a layer's output, one frame for each block.
        let mut above: Vec<Buffer> = (features.chunks(IMAGES * out))
            .map(|features| {
                let mut frame = Buffer::default();
                let to = frame.sized(last.len());
                to.fill(0.0);
                let number = features.len() / out;
                simd.vectorize(|| transpose(features, out, [number, out], to, IMAGES));
                frame
            })
            .collect();
        let any = |wanted: &Wanted| wanted.weight || wanted.bias;
        let lowest = match images_wanted {
            true => Some(0),
            false => wanted.iter().position(any),
        };
        for number in (lowest.unwrap_or(stack.layers.len())..stack.layers.len()).rev() {
            let layer = &stack.layers[number];
            for (gradient, block) in above.iter_mut().zip(blocks) {
                let (outputs, gradient) = (block.frames[number + 1].get(), gradient.get_mut());
                simd.vectorize(|| slope(stack.activation, outputs, gradient));
            }
            let pass = Pass {
                layer,
                number,
                blocks,
                above: &above,
            };
            if wanted[number].bias {
                gradients.layers[number][1] = Some(pass.bias(simd));
            }
            if wanted[number].weight {
                gradients.layers[number][0] = Some(pass.weight(simd));
            }
            if images_wanted || Some(number) > lowest {
                above = pass.input(simd);
            }
        }
        gradients.images = images_wanted.then(|| {
            let mut images = Vec::with_capacity(batch * stack.image().pixels());
            for (number, frame) in above.iter().enumerate() {
                let batch = IMAGES.min(batch - number * IMAGES);
                unpack(stack.image(), frame.get(), batch, &mut images);
            }
            images
        });
        gradients
    }
}

/// Appends the images of a block, `[batch, pixels]`.
fn unpack(frame: Frame, numbers: &[f32], batch: usize, images: &mut Vec<f32>) {
    for image in 0..batch {
        for row in 0..frame.channels * frame.height {
            let place = frame.place(row / frame.height, row % frame.height);
            let row = &numbers[place..][..frame.row_length()];
            images.extend(row.iter().skip(image).step_by(IMAGES));
        }
    }
}

/// The backward pass of one layer.
struct Pass<'a> {
    layer: &'a Layer<'a>,
    number: usize,
    blocks: &'a [Block],
    /// Gradients of the output of pooling, before the activation.
    above: &'a [Buffer],
}

impl Pass<'_> {
    /// Returns the sum of each channel's gradient.
    fn bias<S: Simd>(&self, simd: S) -> Vec<f32> {
        let frame = self.layer.geometry.output;
        let sum = |channel| {
            let mut sum = 0.0;
            for above in self.above {
                for y in 0..frame.height {
                    let row = &above.get()[frame.place(channel, y)..][..frame.row_length()];
                    sum += math::sum(row);
                }
            }
            sum
        };
        simd.vectorize(|| (0..frame.channels).map(sum).collect())
    }

    /// Computes the gradient of the kernels, a few channels at a time.
    fn weight<S: Simd>(&self, simd: S) -> Vec<f32> {
        let geometry = &self.layer.geometry;
        let steps = geometry.steps();
        let channels = geometry.output.channels;
        let mut weight = vec![0.0; channels * steps];
        let tiles = channels.div_ceil(max_tile::<S>()[0]);
        let mut rest = weight.as_mut_slice();
        let parts: Vec<_> = (0..tiles)
            .map(|tile| {
                let channels = channels * tile / tiles..channels * (tile + 1) / tiles;
                let part = rest.split_off_mut(..channels.len() * steps);
                (channels, part.expect("as many weights as channels have"))
            })
            .collect();
        let one = |(channels, part)| self.weight_of(simd, channels, part);
        match rayon::current_num_threads() {
            1 => parts.into_iter().for_each(one),
            _ => parts.into_par_iter().for_each(one),
        }
        weight
    }

    fn weight_of<S: Simd>(&self, simd: S, channels: Range<usize>, weight: &mut [f32]) {
        let geometry = &self.layer.geometry;
        let (from, kernel, row) = (geometry.input, geometry.kernel, geometry.row());
        let steps = geometry.steps();
        let number = channels.len();
        let (mut sums, mut gradient) = (Buffer::default(), Buffer::default());
        let sums = sums.sized(number * steps * IMAGES);
        sums.fill(0.0);
        // Complete rows of pooling windows.
        let windows =
            (BLOCK_VALUES / (number * row * geometry.pool)).clamp(1, geometry.output.height);
        for (block, above) in self.blocks.iter().zip(self.above) {
            let input = block.frames[self.number].get();
            for first in (0..geometry.output.height).step_by(windows) {
                let windows = first..geometry.output.height.min(first + windows);
                let rows = windows.len() * geometry.pool;
                let gradient = gradient.sized(number * rows * row);
                let choices = &block.choices[self.number];
                simd.vectorize(|| {
                    let channels = channels.clone();
                    spread(geometry, above.get(), choices, channels, windows, gradient);
                });
                let input = &input[first * geometry.pool * from.row()..];
                for channel in 0..from.channels {
                    for y in 0..kernel {
                        let input = &input[channel * from.plane() + y * from.row()..];
                        for x in (0..kernel).step_by(max_tile::<S>()[1]) {
                            let step = (channel * kernel + y) * kernel + x;
                            simd.vectorize(Correlation {
                                channels: number,
                                places: max_tile::<S>()[1].min(kernel - x),
                                rows,
                                columns: row / IMAGES,
                                gradient,
                                gradient_channel: rows * row,
                                input: &input[x * IMAGES..],
                                input_row: from.row(),
                                sums: &mut sums[step * IMAGES..],
                                sums_channel: steps * IMAGES,
                            });
                        }
                    }
                }
            }
        }
        simd.vectorize(|| {
            for (weight, sums) in weight.iter_mut().zip(sums.chunks_exact(IMAGES)) {
                *weight = math::sum(sums);
            }
        });
    }

    /// Returns the gradient of the layer's input, one frame for each block. Gradients of padding
    /// are omitted.
    fn input<S: Simd>(&self, simd: S) -> Vec<Buffer> {
        let geometry = &self.layer.geometry;
        let transposed = self.layer.transposed();
        let one = |(block, above): (&Block, &Buffer)| {
            let mut gradient = Buffer::default();
            let length = geometry.output.channels * geometry.height() * geometry.row();
            let gradient = gradient.sized(length);
            let choices = &block.choices[self.number];
            simd.vectorize(|| {
                let all = (0..geometry.output.channels, 0..geometry.output.height);
                spread(geometry, above.get(), choices, all.0, all.1, gradient);
            });
            let mut input = Buffer::default();
            input_of(
                simd,
                geometry,
                &transposed,
                gradient,
                input.sized(geometry.input.len()),
            );
            input
        };
        let blocks = self.blocks.iter().zip(self.above);
        match rayon::current_num_threads() {
            1 => blocks.map(one).collect(),
            _ => blocks
                .collect::<Vec<_>>()
                .into_par_iter()
                .map(one)
                .collect(),
        }
    }
}

impl Layer<'_> {
    /// Returns the weights as `[kernel column, kernel row, channels, channels of the input]`.
    fn transposed(&self) -> Vec<f32> {
        let Geometry {
            input,
            output,
            kernel,
            ..
        } = self.geometry;
        let mut transposed = Vec::with_capacity(self.weight.len());
        for x in 0..kernel {
            for y in 0..kernel {
                for to in 0..output.channels {
                    let place = |from| ((to * input.channels + from) * kernel + y) * kernel + x;
                    transposed.extend((0..input.channels).map(|from| self.weight[place(from)]));
                }
            }
        }
        transposed
    }
}

/// Computes the gradient of the input row by row: each kernel column adds the products with the
/// rows of the gradient under the kernel.
fn input_of<S: Simd>(
    simd: S,
    geometry: &Geometry,
    transposed: &[f32],
    gradient: &[f32],
    input: &mut [f32],
) {
    let (kernel, row, height) = (geometry.kernel, geometry.row(), geometry.height());
    let (from, channels) = (geometry.input, geometry.output.channels);
    input.fill(0.0);
    let mut offsets = Vec::with_capacity(kernel * channels);
    for y in from.padding..from.padding + from.height {
        // Rows of the kernel that cover a row of the gradient.
        let first = (y + 1).saturating_sub(height).min(kernel);
        let end = kernel.min(y + 1).max(first);
        offsets.clear();
        for above in first..end {
            let places = (0..channels).map(|channel| (channel * height + y - above) * row);
            offsets.extend(places);
        }
        if offsets.is_empty() {
            continue;
        }
        for x in 0..kernel {
            simd.vectorize(Gathered {
                rows: from.channels,
                columns: row,
                left: Left {
                    values: &transposed[(x * kernel + first) * channels * from.channels..],
                    row: 1,
                    step: from.channels,
                },
                right: gradient,
                offsets: &offsets,
                start: Start::Out,
                out: &mut input[y * from.row() + x * IMAGES..],
                out_row: from.plane(),
            });
        }
    }
}

/// Distributes the gradient of the output of pooling to the positions of the largest values, for
/// some channels and rows of windows, `[channels, rows, columns, IMAGES]`.
#[inline(always)]
fn spread(
    geometry: &Geometry,
    above: &[f32],
    choices: &[u32],
    channels: Range<usize>,
    windows: Range<usize>,
    gradient: &mut [f32],
) {
    let (frame, pool, row) = (geometry.output, geometry.pool, geometry.row());
    let mut rows = gradient.chunks_exact_mut(pool * row);
    for channel in channels {
        for y in windows.clone() {
            let gradient = rows.next().expect("as many rows as windows have");
            let above = &above[frame.place(channel, y)..][..frame.row_length()];
            if pool == 1 {
                gradient.copy_from_slice(above);
                continue;
            }
            let length = frame.row_length();
            let choices = &choices[(channel * frame.height + y) * length..][..length];
            let windows = above.as_chunks::<IMAGES>().0.iter();
            let windows = windows.zip(choices.as_chunks::<IMAGES>().0);
            for (x, (&above, &choices)) in windows.enumerate() {
                for place in 0..pool * pool {
                    let column = x * pool + place % pool;
                    let to = &mut gradient[place / pool * row + column * IMAGES..][..IMAGES];
                    // On bits, so that the compiler vectorizes it.
                    let mut chosen = [0.0; IMAGES];
                    for lane in 0..IMAGES {
                        let keep = u32::from(choices[lane] == place as u32).wrapping_neg();
                        chosen[lane] = f32::from_bits(above[lane].to_bits() & keep);
                    }
                    to.copy_from_slice(&chosen);
                }
            }
        }
    }
}
