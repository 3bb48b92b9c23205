//! The forward pass of all convolutions.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::buffer::Buffer;
use super::super::network::activate;
use super::super::product::Left;
use super::super::transpose::transpose;
use super::geometry::{Frame, Geometry, IMAGES};
use super::product::{Gathered, Start};
use crate::Activation;

/// All convolutions, from input to output.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) layers: Vec<Layer<'a>>,
    pub(super) activation: Activation,
}

#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub(super) geometry: Geometry,
    /// `[channels, channels of the input, kernel, kernel]`.
    pub(super) weight: &'a [f32],
    /// `[channels]`.
    pub(super) bias: &'a [f32],
}

/// The values that the forward pass computes for a block of images.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The input of each layer and the output of the last, each a [`Frame`].
    pub(super) frames: Vec<Buffer>,
    /// The position of the largest value in each pooling window, for each layer,
    /// `[channels, height, width, IMAGES]`; empty without pooling.
    pub(super) choices: Vec<Vec<u32>>,
}

impl Stack<'_> {
    pub(super) fn image(&self) -> Frame {
        self.layers[0].geometry.input
    }

    /// The output of the last convolution.
    pub(super) fn features(&self) -> Frame {
        self.layers[self.layers.len() - 1].geometry.output
    }
}

/// Computes `features`, `[batch, features]`, from `images`, `[batch, pixels]`, block by block.
/// `blocks` keeps the values for the backward pass; a single block is reused for all images.
pub(super) struct Forward<'a> {
    pub(super) stack: &'a Stack<'a>,
    pub(super) images: &'a [f32],
    pub(super) blocks: &'a mut [Block],
    pub(super) features: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            stack,
            images,
            blocks,
            features,
        } = self;
        let image = stack.image();
        let out = stack.features().len() / IMAGES;
        let offsets: Vec<Vec<usize>> = (stack.layers.iter())
            .map(|layer| layer.geometry.offsets())
            .collect();
        let pixels = image.pixels();
        let images = images.chunks(IMAGES * pixels);
        let features = features.chunks_mut(IMAGES * out);
        let one = |(images, features, block): (&[f32], &mut [f32], &mut Block)| {
            stack.block(simd, &offsets, images, block);
            let last = block.frames[stack.layers.len()].get();
            let number = images.len() / pixels;
            simd.vectorize(|| transpose(last, IMAGES, [out, number], features, out));
        };
        if let [block] = blocks {
            images
                .zip(features)
                .for_each(|(images, features)| one((images, features, block)));
            return;
        }
        let each = images.zip(features).zip(blocks);
        let each = each.map(|((images, features), block)| (images, features, block));
        match rayon::current_num_threads() {
            1 => each.for_each(one),
            _ => each.collect::<Vec<_>>().into_par_iter().for_each(one),
        }
    }
}

impl Stack<'_> {
    /// Processes one block of images, `[images, pixels]`, which may be incomplete.
    fn block<S: Simd>(&self, simd: S, offsets: &[Vec<usize>], images: &[f32], block: &mut Block) {
        let layers = self.layers.len();
        block.frames.resize_with(layers + 1, Buffer::default);
        block.choices.resize_with(layers, Vec::new);
        let image = self.image();
        let frame = block.frames[0].sized(image.len());
        let pixels = image.pixels();
        let number = images.len() / pixels;
        if image.padding > 0 || number < IMAGES {
            frame.fill(0.0);
        }
        simd.vectorize(|| {
            for row in 0..image.channels * image.height {
                let to = &mut frame[image.place(row / image.height, row % image.height)..];
                transpose(
                    &images[row * image.width..],
                    pixels,
                    [number, image.width],
                    to,
                    IMAGES,
                );
            }
        });
        let mut sums = Buffer::default();
        for (number, layer) in self.layers.iter().enumerate() {
            let (below, above) = block.frames.split_at_mut(number + 1);
            let output = above[0].sized(layer.geometry.output.len());
            if layer.geometry.output.padding > 0 {
                output.fill(0.0);
            }
            let choices = &mut block.choices[number];
            layer.forward(
                simd,
                self.activation,
                &offsets[number],
                below[number].get(),
                &mut sums,
                output,
                choices,
            );
        }
    }
}

impl Layer<'_> {
    #[allow(clippy::too_many_arguments)]
    fn forward<S: Simd>(
        &self,
        simd: S,
        activation: Activation,
        offsets: &[usize],
        input: &[f32],
        sums: &mut Buffer,
        output: &mut [f32],
        choices: &mut Vec<u32>,
    ) {
        let Geometry {
            input: from,
            output: to,
            pool,
            ..
        } = self.geometry;
        let (channels, row) = (to.channels, self.geometry.row());
        let sums = sums.sized(channels * pool * row);
        let chosen = to.width * IMAGES;
        choices.resize(
            if pool == 1 {
                0
            } else {
                channels * to.height * chosen
            },
            0,
        );
        for y in 0..to.height {
            for above in 0..pool {
                simd.vectorize(Gathered {
                    rows: channels,
                    columns: row,
                    left: Left {
                        values: self.weight,
                        row: offsets.len(),
                        step: 1,
                    },
                    right: &input[(y * pool + above) * from.row()..],
                    offsets,
                    start: Start::Rows(self.bias),
                    out: &mut sums[above * row..],
                    out_row: pool * row,
                });
            }
            simd.vectorize(|| {
                for (channel, sums) in sums.chunks_exact(pool * row).enumerate() {
                    let output = &mut output[to.place(channel, y)..][..to.row_length()];
                    if pool == 1 {
                        output.copy_from_slice(sums);
                    } else {
                        let place = (channel * to.height + y) * chosen;
                        let choices = &mut choices[place..][..chosen];
                        largest(pool, row, sums, output, choices);
                    }
                    activate(activation, output);
                }
            });
        }
    }
}

/// Finds the largest value of each window of a few rows, and its position; of equal values, the
/// first. NaN counts as the largest.
#[inline(always)]
fn largest(pool: usize, row: usize, sums: &[f32], output: &mut [f32], choices: &mut [u32]) {
    let windows = output.as_chunks_mut::<IMAGES>().0.iter_mut();
    let windows = windows.zip(choices.as_chunks_mut::<IMAGES>().0);
    for (x, (output, choices)) in windows.enumerate() {
        let numbers = |place: usize| -> &[f32; IMAGES] {
            let column = x * pool + place % pool;
            let numbers = &sums[place / pool * row + column * IMAGES..][..IMAGES];
            numbers.try_into().expect("a slice of 16 values")
        };
        let mut best = *numbers(0);
        let mut choice = [0_u32; IMAGES];
        for place in 1..pool * pool {
            let numbers = numbers(place);
            for lane in 0..IMAGES {
                let larger = numbers[lane] > best[lane] || numbers[lane].is_nan();
                best[lane] = if larger { numbers[lane] } else { best[lane] };
                choice[lane] = if larger { place as u32 } else { choice[lane] };
            }
        }
        *output = best;
        *choices = choice;
    }
}
