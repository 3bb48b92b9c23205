//! Matrix products whose right matrix has scattered rows.
//!
//! ```text
//! out[row][column] = start + sum over steps of left[row][step] * right[offsets[step] + column]
//! ```
//!
//! Each row of a convolution is such a product: each step is a position in the kernel, and the
//! offset of its input row includes the column of the kernel. Nothing is copied. Each sum is
//! accumulated in the order of the steps.

use pulp::{Simd, WithSimd};

use super::super::product::{Left, load, max_rows, max_vectors, panels, store, with_size};
use super::geometry::IMAGES;

/// A matrix product; its columns are whole blocks of images.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) left: Left<'a>,
    pub(super) right: &'a [f32],
    /// Offset of the right row of each step.
    pub(super) offsets: &'a [usize],
    pub(super) start: Start<'a>,
    pub(super) out: &'a mut [f32],
    /// Stride of the rows of `out`.
    pub(super) out_row: usize,
}

/// Initial value of the sums.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    /// One value for each row.
    Rows(&'a [f32]),
    /// The values of `out`.
    Out,
}

impl Gathered<'_> {
    /// Checks that all accesses of the tiles are within their slices.
    fn check(&self) {
        let (rows, columns, steps) = (self.rows, self.columns, self.offsets.len());
        assert!(columns.is_multiple_of(IMAGES), "columns are whole blocks");
        if rows == 0 || columns == 0 {
            return;
        }
        if let Some(furthest) = self.offsets.iter().max() {
            assert!(furthest + columns <= self.right.len(), "right is too short");
            let last = (rows - 1) * self.left.row + (steps - 1) * self.left.step;
            assert!(last < self.left.values.len(), "left is too short");
        }
        let end = (rows - 1) * self.out_row + columns;
        assert!(end <= self.out.len(), "out is too short");
        assert!(columns <= self.out_row, "rows of out overlap");
        if let Start::Rows(values) = self.start {
            assert!(rows <= values.len(), "start is too short");
        }
    }
}

impl WithSimd for Gathered<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.check();
        let vectors = self.columns / S::F32_LANES;
        let max_rows = max_rows::<S>(panels(vectors, max_vectors::<S>()));
        let tiles = self.rows.div_ceil(max_rows);
        for tile in 0..tiles {
            let begin = self.rows * tile / tiles;
            let rows = self.rows * (tile + 1) / tiles - begin;
            for (first, count) in panels(vectors, max_vectors::<S>()) {
                let column = first * S::F32_LANES;
                // SAFETY: `check` has checked that all rows, steps and columns exist.
                #[allow(unsafe_code)]
                unsafe {
                    let tile = Tile {
                        offsets: self.offsets,
                        left: self.left.values.as_ptr().add(begin * self.left.row),
                        left_row: self.left.row,
                        left_step: self.left.step,
                        right: self.right.as_ptr().add(column),
                        start: match self.start {
                            Start::Rows(values) => Some(values.as_ptr().add(begin)),
                            Start::Out => None,
                        },
                        out: self.out.as_mut_ptr().add(begin * self.out_row + column),
                        out_row: self.out_row,
                    };
                    tile.run(simd, rows, count);
                }
            }
        }
    }
}

/// The operands of a tile.
#[derive(Clone, Copy)]
struct Tile<'a> {
    offsets: &'a [usize],
    left: *const f32,
    left_row: usize,
    left_step: usize,
    right: *const f32,
    start: Option<*const f32>,
    out: *mut f32,
    out_row: usize,
}

impl Tile<'_> {
    /// # Safety
    ///
    /// All values of these rows and vectors must exist.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn run<S: Simd>(self, simd: S, rows: usize, vectors: usize) {
        // SAFETY: by the contract of the caller.
        unsafe { with_size!(rows, vectors, self.sized::<S>(simd)) };
    }

    /// # Safety
    ///
    /// All values of these rows and vectors must exist.
    #[inline(always)]
    #[allow(unsafe_code, clippy::needless_range_loop)]
    unsafe fn sized<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        // SAFETY: by the contract of the caller.
        unsafe {
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    sums[row][vector] = match self.start {
                        Some(values) => simd.splat_f32s(*values.add(row)),
                        None => load::<S>(self.out.add(row * self.out_row + vector * lanes)),
                    };
                }
            }
            let mut left = self.left;
            for &offset in self.offsets {
                let right = self.right.add(offset);
                let mut vectors = [simd.splat_f32s(0.0); VECTORS];
                for vector in 0..VECTORS {
                    vectors[vector] = load::<S>(right.add(vector * lanes));
                }
                for row in 0..ROWS {
                    let number = simd.splat_f32s(*left.add(row * self.left_row));
                    for vector in 0..VECTORS {
                        sums[row][vector] =
                            simd.mul_add_f32s(number, vectors[vector], sums[row][vector]);
                    }
                }
                left = left.wrapping_add(self.left_step);
            }
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    let place = self.out.add(row * self.out_row + vector * lanes);
                    store::<S>(place, sums[row][vector]);
                }
            }
        }
    }
}
