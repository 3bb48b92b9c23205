//! Memory layout of convolutions.

use super::super::buffer::LINE;

/// Number of images in a block; their values are adjacent.
pub(super) const IMAGES: usize = LINE;

/// The values of a block of images, `[channels, height, width, IMAGES]`, with zero padding around
/// each channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Width of the padding on each side.
    pub(super) padding: usize,
}

impl Frame {
    /// Stride of the rows.
    pub(super) fn row(&self) -> usize {
        (self.width + 2 * self.padding) * IMAGES
    }

    /// Stride of the channels.
    pub(super) fn plane(&self) -> usize {
        (self.height + 2 * self.padding) * self.row()
    }

    pub(super) fn len(&self) -> usize {
        self.channels * self.plane()
    }

    /// Start of a row of a channel, after its padding.
    pub(super) fn place(&self, channel: usize, y: usize) -> usize {
        channel * self.plane() + (y + self.padding) * self.row() + self.padding * IMAGES
    }

    /// Number of values of an image without padding.
    pub(super) fn pixels(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Number of values of a row without padding.
    pub(super) fn row_length(&self) -> usize {
        self.width * IMAGES
    }
}

/// The shapes of a convolution with pooling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) input: Frame,
    /// Output after pooling, with the padding of the next convolution.
    pub(super) output: Frame,
    pub(super) kernel: usize,
    pub(super) pool: usize,
}

impl Geometry {
    /// Number of rows of the convolution, without rows that fill no pooling window.
    pub(super) fn height(&self) -> usize {
        self.output.height * self.pool
    }

    /// Number of values of a row of the convolution.
    pub(super) fn row(&self) -> usize {
        self.output.width * self.pool * IMAGES
    }

    /// Number of terms of each sum.
    pub(super) fn steps(&self) -> usize {
        self.input.channels * self.kernel * self.kernel
    }

    /// Offset of each term in the input, for row 0 and column 0 of the output.
    pub(super) fn offsets(&self) -> Vec<usize> {
        let (plane, row) = (self.input.plane(), self.input.row());
        let mut offsets = Vec::with_capacity(self.steps());
        for channel in 0..self.input.channels {
            for y in 0..self.kernel {
                offsets.extend((0..self.kernel).map(|x| channel * plane + y * row + x * IMAGES));
            }
        }
        offsets
    }
}
