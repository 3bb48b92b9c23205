//! Scratch memory that is kept from step to step.

/// Numbers in a cache line, and in the widest vector.
pub(super) const LINE: usize = 16;

/// Floats that begin at a cache line. They are kept when it is emptied: a training step asks for the
/// same sizes again and again.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<f32>,
    begin: usize,
    length: usize,
}

impl Buffer {
    /// So many floats, of any value.
    pub(super) fn sized(&mut self, length: usize) -> &mut [f32] {
        if self.memory.len() < length + LINE {
            self.memory = vec![0.0; length + LINE];
            // Vectors of `f32` begin at any multiple of 4 bytes.
            self.begin = self.memory.as_ptr().align_offset(4 * LINE).min(LINE);
        }
        self.length = length;
        &mut self.memory[self.begin..][..length]
    }

    /// The floats asked for last.
    pub(super) fn get(&self) -> &[f32] {
        &self.memory[self.begin..][..self.length]
    }

    /// The same, to be written.
    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.begin..][..self.length]
    }
}

/// From a row of so many columns to the next in a matrix of whole lines. Not a multiple of 128 bytes:
/// rows that far apart would share few sets of the cache.
pub(super) fn row_length(columns: usize) -> usize {
    let lines = columns.div_ceil(LINE);
    LINE * (lines | 1)
}
