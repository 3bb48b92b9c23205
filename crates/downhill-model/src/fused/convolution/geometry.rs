//! Where the numbers of a convolution lie.

use super::super::buffer::LINE;

/// Images of a block, side by side.
pub(super) const IMAGES: usize = LINE;

/// The numbers of a block of images, `[channels, height, width, IMAGES]`, with zeros around each
/// channel's rows and columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Of the zeros on each side.
    pub(super) padding: usize,
}

impl Frame {
    /// From a row to the next.
    pub(super) fn row(&self) -> usize {
        (self.width + 2 * self.padding) * IMAGES
    }

    /// From a channel to the next.
    pub(super) fn plane(&self) -> usize {
        (self.height + 2 * self.padding) * self.row()
    }

    pub(super) fn len(&self) -> usize {
        self.channels * self.plane()
    }

    /// Where a row of a channel begins, behind its zeros.
    pub(super) fn place(&self, channel: usize, y: usize) -> usize {
        channel * self.plane() + (y + self.padding) * self.row() + self.padding * IMAGES
    }

    /// Numbers of such a row.
    pub(super) fn row_length(&self) -> usize {
        self.width * IMAGES
    }
}

/// The shapes of a convolution with its pooling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) input: Frame,
    /// After the pooling, with the zeros that the next convolution wants.
    pub(super) output: Frame,
    pub(super) kernel: usize,
    pub(super) pool: usize,
}

impl Geometry {
    /// Rows of the convolution, those that fill no window left out.
    pub(super) fn height(&self) -> usize {
        self.output.height * self.pool
    }

    /// Numbers of a row of the convolution.
    pub(super) fn row(&self) -> usize {
        self.output.width * self.pool * IMAGES
    }

    /// Numbers that a unit sums up.
    pub(super) fn steps(&self) -> usize {
        self.input.channels * self.kernel * self.kernel
    }

    /// Where each of these lies in the input, for the unit of row and column 0.
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
