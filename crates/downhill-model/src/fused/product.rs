//! Matrix products, optimized for about a hundred columns.
//!
//! ```text
//! out[row][column] = start[row] + sum over steps of left[row][step] * right[step][column]
//! ```
//!
//! A tile of a few rows and a few vectors of columns stays in registers over all steps. The values
//! of the left matrix are broadcast, so it may have any layout; the right matrix is read in whole
//! vectors. Each sum is accumulated in the order of the steps, whatever the tile and the thread.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::buffer::LINE;
use super::fetch::fetch;

/// The left matrix, with its strides from row to row and from step to step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The right matrix, in whole vectors.
#[derive(Clone, Copy, Debug)]
pub(super) enum Right<'a> {
    /// Row by row, with the stride of the rows.
    Rows(&'a [f32], usize),
    /// In [`panels`]: all rows of the first columns, then all rows of the next.
    Panels(&'a [f32]),
}

/// Initial value of the sums.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    Zero,
    /// One value for each row.
    Rows(&'a [f32]),
}

/// A matrix product.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) rows: usize,
    pub(super) steps: usize,
    pub(super) columns: usize,
    pub(super) left: Left<'a>,
    pub(super) right: Right<'a>,
    pub(super) start: Start<'a>,
    pub(super) out: &'a mut [f32],
    /// Stride of the rows of `out`.
    pub(super) out_row: usize,
}

/// Number of steps per block, so that the rows of the right matrix stay in the caches.
const BLOCK_STEPS: usize = 256;
/// Number of steps per block if the left matrix is copied, so that the copies stay in the nearest
/// cache.
const COPIED_STEPS: usize = 64;
/// Fewest multiplications per thread for which several threads pay off.
const MIN_MULTIPLICATIONS: usize = 1 << 21;
/// Largest stride of the columns of a left matrix, in values, that is read without copying.
const MAX_STRIDE: usize = 512;

/// Largest number of vectors of columns in a tile.
pub(super) fn max_vectors<S: Simd>() -> usize {
    // 16 lanes come with 32 registers, fewer lanes with 16.
    if S::F32_LANES >= 16 { 4 } else { 2 }
}

/// Splits vectors into panels of at most `max` vectors, as evenly as possible. Yields the first
/// vector and the number of vectors of each panel.
pub(super) fn panels(vectors: usize, max: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    let number = vectors.div_ceil(max);
    (0..number).map(move |panel| {
        let begin = vectors * panel / number;
        (begin, vectors * (panel + 1) / number - begin)
    })
}

/// Returns the largest number of rows of a tile whose sums fit into registers, for these panels.
#[inline(always)]
pub(super) fn max_rows<S: Simd>(panels: impl Iterator<Item = (usize, usize)>) -> usize {
    match panels.map(|(_, vectors)| vectors).max() {
        Some(4) => 6,
        Some(2) if S::F32_LANES < 16 => 6,
        _ => MAX_ROWS,
    }
}

/// Calls a method of a tile that is generic over its numbers of rows and vectors.
macro_rules! with_size {
    ($rows:expr, $vectors:expr, $tile:ident.$method:ident::<$simd:ident> $arguments:tt) => {
        with_size!(@ $rows, $vectors, $tile $method $simd $arguments:
            1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 7 x 1, 8 x 1,
            1 x 2, 2 x 2, 3 x 2, 4 x 2, 5 x 2, 6 x 2, 7 x 2, 8 x 2,
            1 x 3, 2 x 3, 3 x 3, 4 x 3, 5 x 3, 6 x 3, 7 x 3, 8 x 3,
            1 x 4, 2 x 4, 3 x 4, 4 x 4, 5 x 4, 6 x 4,
        )
    };
    (
        @ $rows:expr, $vectors:expr, $tile:ident $method:ident $simd:ident $arguments:tt:
        $($row_count:literal x $vector_count:literal),* $(,)?
    ) => {
        match ($rows, $vectors) {
            $(($row_count, $vector_count) => {
                $tile.$method::<$simd, $row_count, $vector_count> $arguments
            })*
            (rows, vectors) => unreachable!("no tile of {rows} rows and {vectors} vectors"),
        }
    };
}
pub(super) use with_size;

impl Product<'_> {
    /// Computes the product; a large one on the threads of the current pool.
    pub(super) fn run<S: Simd>(self, simd: S) {
        self.run_then(simd, |_, _| ());
    }

    /// Computes the product and calls `then` with each part of the rows of `out` and its offset in
    /// `out`, on the thread that computed it, while the rows are in its cache.
    pub(super) fn run_then<S: Simd>(self, simd: S, then: impl Fn(usize, &mut [f32]) + Sync) {
        self.check::<S>();
        let work = self.rows * self.steps * self.columns;
        let threads = rayon::current_num_threads();
        let parts = threads.min(work / MIN_MULTIPLICATIONS).max(1);
        let rows = self.rows;
        let tiles = Tiles {
            simd,
            rows: 0..rows,
            steps: self.steps,
            columns: self.columns,
            left: self.left.values.as_ptr(),
            left_row: self.left.row,
            left_step: self.left.step,
            right: self.right,
            start: self.start,
            out: self.out.as_mut_ptr(),
            out_row: self.out_row,
        };
        if parts == 1 {
            simd.vectorize(tiles);
            return then(0, self.out);
        }
        let (length, out_row) = (self.out.len(), self.out_row);
        let then = &then;
        rayon::scope(|scope| {
            for part in 0..parts {
                let rows = rows * part / parts..rows * (part + 1) / parts;
                let begin = rows.start * out_row;
                let end = length.min(rows.end * out_row);
                let tiles = Tiles {
                    rows,
                    ..tiles.clone()
                };
                scope.spawn(move |_| {
                    let out = tiles.part(begin, end - begin);
                    simd.vectorize(tiles);
                    // SAFETY: no other part accesses these rows, and this part is done with them.
                    #[allow(unsafe_code)]
                    let out = unsafe { &mut *out };
                    then(begin, out);
                });
            }
        });
    }

    /// Checks that all accesses of the tiles are within their slices.
    fn check<S: Simd>(&self) {
        let &Self {
            rows,
            steps,
            columns,
            out_row,
            ..
        } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        assert!(steps > 0, "a product of no steps");
        let vectors = columns.div_ceil(S::F32_LANES);
        let padded = vectors * S::F32_LANES;
        let last_left = (rows - 1) * self.left.row + (steps - 1) * self.left.step;
        assert!(last_left < self.left.values.len(), "left is too short");
        let right_fits = match self.right {
            Right::Rows(values, row) => (steps - 1) * row + padded <= values.len(),
            Right::Panels(values) => steps * padded <= values.len(),
        };
        assert!(right_fits, "right is too short");
        assert!(
            (rows - 1) * out_row + columns <= self.out.len(),
            "out is too short"
        );
        assert!(columns <= out_row, "rows of out overlap");
        if let Start::Rows(values) = self.start {
            assert!(rows <= values.len(), "start is too short");
        }
    }
}

/// Some rows of a product, with pointers validated by [`Product::check`].
#[derive(Clone)]
struct Tiles<'a, S> {
    simd: S,
    rows: Range<usize>,
    steps: usize,
    columns: usize,
    left: *const f32,
    left_row: usize,
    left_step: usize,
    right: Right<'a>,
    start: Start<'a>,
    out: *mut f32,
    out_row: usize,
}

// SAFETY: the parts of a product write disjoint rows, and nobody writes what they read.
#[allow(unsafe_code)]
unsafe impl<S: Send> Send for Tiles<'_, S> {}
// SAFETY: as for `Send`; shared tiles are only cloned.
#[allow(unsafe_code)]
unsafe impl<S: Sync> Sync for Tiles<'_, S> {}

/// A panel of a product: its position in the right matrix and in `out`.
#[derive(Clone, Copy)]
struct Panel {
    right: *const f32,
    right_step: usize,
    column: usize,
    vectors: usize,
    /// Number of lanes of the last vector that exist.
    last: usize,
}

/// The operands of a tile.
#[derive(Clone, Copy)]
struct Tile {
    steps: usize,
    left: *const f32,
    left_row: usize,
    left_step: usize,
    right: *const f32,
    right_step: usize,
    out: *mut f32,
    out_row: usize,
    last: usize,
}

/// Number of tiles for which the left matrix is copied at a time: the values of a step are
/// adjacent, so each cache line and page is accessed once for all of them.
const COPIED_TILES: usize = 4;
/// Largest number of rows of a tile.
const MAX_ROWS: usize = 8;

impl<S: Simd> WithSimd for Tiles<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S2: Simd>(self, _simd: S2) {
        let lanes = S::F32_LANES;
        let vectors = self.columns.div_ceil(lanes);
        let last = self.columns - (vectors.max(1) - 1) * lanes;
        let max_rows = max_rows::<S>(panels(vectors, max_vectors::<S>()));
        let copies_left = self.left_row == 1 && self.left_step > MAX_STRIDE;
        let mut copies = [[[0.0_f32; MAX_ROWS]; COPIED_STEPS]; COPIED_TILES];
        let block = if copies_left {
            COPIED_STEPS
        } else {
            BLOCK_STEPS
        };
        let tiles = self.rows.len().div_ceil(max_rows);
        let begin_of = |tile: usize| self.rows.start + self.rows.len() * tile / tiles;
        for first_step in (0..self.steps.max(1)).step_by(block) {
            let steps = block.min(self.steps - first_step);
            for tile in 0..tiles {
                let (begin, end) = (begin_of(tile), begin_of(tile + 1));
                let rows = end - begin;
                let copy = tile % COPIED_TILES;
                if copies_left && copy == 0 {
                    let last = tiles.min(tile + COPIED_TILES);
                    let begins = (tile..last).map(begin_of);
                    // SAFETY: as below.
                    #[allow(unsafe_code)]
                    unsafe {
                        self.copy(&begins, begin_of(last), first_step, steps, &mut copies);
                    }
                }
                // SAFETY: `Product::check` has checked that all rows, steps and columns exist.
                #[allow(unsafe_code)]
                unsafe {
                    let (left, left_row, left_step) = match copies_left {
                        true => (copies[copy].as_ptr().cast(), 1, MAX_ROWS),
                        false => {
                            let place = begin * self.left_row + first_step * self.left_step;
                            (self.left.add(place), self.left_row, self.left_step)
                        }
                    };
                    for (first, count) in panels(vectors, max_vectors::<S>()) {
                        let column = first * lanes;
                        let panel =
                            self.panel(first_step, column, count, first + count == vectors, last);
                        let tile = Tile {
                            steps,
                            left,
                            left_row,
                            left_step,
                            right: panel.right,
                            right_step: panel.right_step,
                            out: self.out.add(begin * self.out_row + panel.column),
                            out_row: self.out_row,
                            last: panel.last,
                        };
                        let start = match self.start {
                            _ if first_step > 0 => TileStart::Out,
                            Start::Zero => TileStart::Zero,
                            Start::Rows(values) => TileStart::Rows(values.as_ptr().add(begin)),
                        };
                        tile.run(self.simd, rows, panel.vectors, start);
                    }
                }
            }
        }
    }
}

impl<S: Simd> Tiles<'_, S> {
    /// Copies the steps of the left matrix for some tiles, which begin at the rows `begins` and end
    /// at row `end`.
    ///
    /// # Safety
    ///
    /// All these rows and steps must exist, and the values of a step must be adjacent.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn copy(
        &self,
        begins: &(impl Iterator<Item = usize> + Clone),
        end: usize,
        first_step: usize,
        steps: usize,
        copies: &mut [[[f32; MAX_ROWS]; COPIED_STEPS]; COPIED_TILES],
    ) {
        for step in 0..steps {
            // SAFETY: by the contract of the caller.
            let from = unsafe { self.left.add((first_step + step) * self.left_step) };
            for (begin, copy) in begins.clone().zip(copies.iter_mut()) {
                let (copy, width) = (&mut copy[step], MAX_ROWS.min(self.rows.end - begin));
                // SAFETY: by the contract of the caller.
                unsafe {
                    if width == MAX_ROWS {
                        *copy = from.add(begin).cast::<[f32; MAX_ROWS]>().read_unaligned();
                    } else {
                        for (row, number) in copy.iter_mut().enumerate().take(width) {
                            *number = *from.add(begin + row);
                        }
                    }
                }
            }
            for line in 0..MAX_ROWS * COPIED_TILES / LINE {
                fetch(from.wrapping_add(end + line * LINE));
            }
        }
    }

    /// Returns a part of `out`.
    fn part(&self, begin: usize, length: usize) -> *mut [f32] {
        core::ptr::slice_from_raw_parts_mut(self.out.wrapping_add(begin), length)
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn panel(
        &self,
        step: usize,
        column: usize,
        vectors: usize,
        is_last: bool,
        last: usize,
    ) -> Panel {
        let width = vectors * S::F32_LANES;
        let (right, right_step) = match self.right {
            // SAFETY: within the matrix, as `Product::check` has checked.
            Right::Rows(values, row) => (unsafe { values.as_ptr().add(step * row + column) }, row),
            Right::Panels(values) => (
                // SAFETY: as above.
                unsafe { values.as_ptr().add(column * self.steps + step * width) },
                width,
            ),
        };
        let last = if is_last { last } else { S::F32_LANES };
        Panel {
            right,
            right_step,
            column,
            vectors,
            last,
        }
    }
}

#[derive(Clone, Copy)]
enum TileStart {
    Zero,
    Rows(*const f32),
    /// The values of `out`.
    Out,
}

impl Tile {
    /// # Safety
    ///
    /// All values of these rows and vectors must exist.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn run<S: Simd>(self, simd: S, rows: usize, vectors: usize, start: TileStart) {
        // SAFETY: by the contract of the caller.
        unsafe { with_size!(rows, vectors, self.sized::<S>(simd, start)) };
    }

    /// # Safety
    ///
    /// All values of these rows and vectors must exist.
    #[inline(always)]
    #[allow(unsafe_code, clippy::needless_range_loop)]
    unsafe fn sized<S: Simd, const ROWS: usize, const VECTORS: usize>(
        self,
        simd: S,
        start: TileStart,
    ) {
        let lanes = S::F32_LANES;
        // The columns of an incomplete last vector.
        let part = simd.mask_between_m32s(0, self.last as u32);
        let whole = self.last == lanes;
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        // SAFETY: by the contract of the caller.
        unsafe {
            match start {
                TileStart::Zero => {}
                TileStart::Rows(values) => {
                    for row in 0..ROWS {
                        sums[row] = [simd.splat_f32s(*values.add(row)); VECTORS];
                    }
                }
                TileStart::Out => {
                    for row in 0..ROWS {
                        for vector in 0..VECTORS {
                            let place = self.out.add(row * self.out_row + vector * lanes);
                            sums[row][vector] = if vector + 1 < VECTORS || whole {
                                load::<S>(place)
                            } else {
                                simd.mask_load_ptr_f32s(part, place)
                            };
                        }
                    }
                }
            }
            let (mut left, mut right) = (self.left, self.right);
            for _ in 0..self.steps {
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
                left = left.add(self.left_step);
                right = right.add(self.right_step);
            }
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    let place = self.out.add(row * self.out_row + vector * lanes);
                    if vector + 1 < VECTORS || whole {
                        store::<S>(place, sums[row][vector]);
                    } else {
                        simd.mask_store_ptr_f32s(part, place, sums[row][vector]);
                    }
                }
            }
        }
    }
}

/// Loads an unaligned vector.
///
/// # Safety
///
/// All its values must exist.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn load<S: Simd>(place: *const f32) -> S::f32s {
    // SAFETY: by the contract of the caller.
    unsafe { place.cast::<S::f32s>().read_unaligned() }
}

/// Stores an unaligned vector.
///
/// # Safety
///
/// All its values must exist.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn store<S: Simd>(place: *mut f32, vector: S::f32s) {
    // SAFETY: by the contract of the caller.
    unsafe { place.cast::<S::f32s>().write_unaligned(vector) }
}
