//! Scratch memory that is reused from step to step.

/// Number of `f32` values in a cache line, and in the widest vector.
pub(super) const LINE: usize = 16;

/// Values aligned to a cache line. The memory is kept, because every training step needs the same
/// sizes.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<f32>,
    begin: usize,
    length: usize,
}

impl Buffer {
    /// Returns `length` arbitrary values.
    pub(super) fn sized(&mut self, length: usize) -> &mut [f32] {
        if self.memory.len() < length + LINE {
            self.memory = vec![0.0; length + LINE];
            // A `Vec<f32>` is aligned to only 4 bytes.
            self.begin = self.memory.as_ptr().align_offset(4 * LINE).min(LINE);
        }
        self.length = length;
        &mut self.memory[self.begin..][..length]
    }

    /// Returns the values last requested.
    pub(super) fn get(&self) -> &[f32] {
        &self.memory[self.begin..][..self.length]
    }

    /// Returns the values last requested, mutably.
    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.begin..][..self.length]
    }
}

/// Returns the stride of rows with `columns` columns, in whole cache lines. It is not a multiple of
/// 128 bytes, because rows that far apart would compete for a few sets of the cache.
pub(super) fn row_length(columns: usize) -> usize {
    let lines = columns.div_ceil(LINE);
    LINE * (lines | 1)
}
