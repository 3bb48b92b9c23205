//! The first layer, whose input is mostly 0.
//!
//! The products loop over the nonzero pixels of each image, and each pixel accesses a row of the
//! weights (or of their gradient). So that these rows stay in the nearest cache, the pixels are
//! processed in blocks of rows: first all images for the first block, then all images for the next.

use pulp::{Simd, WithSimd};

use super::images::Pixels;
use super::product::{load, panels, store};
use super::threads::on_threads;

/// Largest number of vectors of units that stay in registers over the pixels of an image.
pub(super) const MAX_VECTORS: usize = 8;
/// Size of a block of rows, in bytes.
const BLOCK: usize = 28 << 10;
/// Number of values of the widest block, plus a vector.
const SCRATCH: usize = BLOCK / size_of::<f32>() + 128;

/// Rounds a number of units up to whole vectors.
pub(super) fn padded<S: Simd>(units: usize) -> usize {
    units.next_multiple_of(S::F32_LANES)
}

/// Product of images and weights. `out` consists of panels of units, `[images, width]` each.
pub(super) struct Forward<'a> {
    pub(super) images: &'a [Pixels<'a>],
    pub(super) scaled_bytes: &'a [f32; 256],
    /// `[pixels, units]`.
    pub(super) weights: &'a [f32],
    pub(super) units: usize,
    pub(super) out: &'a mut [f32],
}

/// Gradient of the weights, `[pixels, units]`, from that of the units.
pub(super) struct Backward<'a> {
    pub(super) images: &'a [Pixels<'a>],
    pub(super) scaled_bytes: &'a [f32; 256],
    /// Panels of units, `[images, width]` each.
    pub(super) gradient: &'a [f32],
    pub(super) units: usize,
    pub(super) out: &'a mut [f32],
}

impl Forward<'_> {
    pub(super) fn run<S: Simd>(self, simd: S) {
        let mut out = self.out;
        let mut jobs = Vec::new();
        for (first, vectors) in panels(padded::<S>(self.units) / S::F32_LANES, MAX_VECTORS) {
            let panel = Panel::new::<S>(self.images, self.scaled_bytes, self.units, first, vectors);
            let here;
            (here, out) = out.split_at_mut(panel.images.len() * panel.width);
            jobs.push((panel, here));
        }
        let weights = self.weights;
        on_threads(jobs, |(panel, out)| {
            simd.vectorize(PanelForward {
                panel,
                weights,
                out,
            });
        });
    }
}

impl Backward<'_> {
    pub(super) fn run<S: Simd>(self, simd: S) {
        let mut gradient = self.gradient;
        let mut jobs = Vec::new();
        for (first, vectors) in panels(padded::<S>(self.units) / S::F32_LANES, MAX_VECTORS) {
            let panel = Panel::new::<S>(self.images, self.scaled_bytes, self.units, first, vectors);
            let here;
            (here, gradient) = gradient.split_at(panel.images.len() * panel.width);
            jobs.push((panel, here));
        }
        let out = Columns::of(self.out, self.units);
        on_threads(jobs, |(panel, gradient)| {
            simd.vectorize(PanelBackward {
                panel,
                gradient,
                out,
            });
        });
    }
}

/// A panel of units: the columns of a few vectors.
#[derive(Clone, Copy)]
struct Panel<'a> {
    images: &'a [Pixels<'a>],
    scaled_bytes: &'a [f32; 256],
    units: usize,
    /// Its first unit.
    first: usize,
    vectors: usize,
    /// Number of units in whole vectors.
    width: usize,
    /// Number of units that exist.
    existing: usize,
}

impl<'a> Panel<'a> {
    fn new<S: Simd>(
        images: &'a [Pixels<'a>],
        scaled_bytes: &'a [f32; 256],
        units: usize,
        first: usize,
        vectors: usize,
    ) -> Self {
        let (first, width) = (first * S::F32_LANES, vectors * S::F32_LANES);
        let existing = width.min(units - first);
        Self {
            images,
            scaled_bytes,
            units,
            first,
            vectors,
            width,
            existing,
        }
    }

    /// Number of rows of a block.
    fn rows(&self) -> usize {
        BLOCK / (size_of::<f32>() * self.width)
    }
}

/// Calls a function that is generic over the number of vectors.
macro_rules! of_width {
    ($vectors:expr, $call:ident $arguments:tt) => {
        match $vectors {
            1 => of_width!(@ 1, $call $arguments),
            2 => of_width!(@ 2, $call $arguments),
            3 => of_width!(@ 3, $call $arguments),
            4 => of_width!(@ 4, $call $arguments),
            5 => of_width!(@ 5, $call $arguments),
            6 => of_width!(@ 6, $call $arguments),
            7 => of_width!(@ 7, $call $arguments),
            8 => of_width!(@ 8, $call $arguments),
            other => unreachable!("no panel of {other} vectors"),
        }
    };
    (@ $number:literal, $call:ident ($($argument:expr),*)) => {
        $call::<S, $number>($($argument),*)
    };
}

struct PanelForward<'a> {
    panel: Panel<'a>,
    weights: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for PanelForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        of_width!(
            self.panel.vectors,
            forward(simd, self.panel, self.weights, self.out)
        );
    }
}

#[inline(always)]
fn forward<S: Simd, const VECTORS: usize>(
    simd: S,
    panel: Panel<'_>,
    weights: &[f32],
    out: &mut [f32],
) {
    let width = VECTORS * S::F32_LANES;
    let mut scratch = [0.0_f32; SCRATCH];
    let skip = scratch.as_ptr().align_offset(64).min(16);
    let scratch = &mut scratch[skip..];
    let mut cursors = vec![0_usize; panel.images.len()];
    out.fill(0.0);
    for (block, weights) in weights.chunks(panel.rows() * panel.units).enumerate() {
        let rows = weights.len() / panel.units;
        assert!(rows * width <= scratch.len());
        for row in 0..rows {
            let row_weights = &weights[row * panel.units + panel.first..][..panel.existing];
            copy_row::<S, VECTORS>(simd, row_weights, &mut scratch[row * width..][..width]);
        }
        let begin = block * panel.rows();
        for ((image, cursor), out) in panel
            .images
            .iter()
            .zip(&mut cursors)
            .zip(out.chunks_exact_mut(width))
        {
            let mut sums = read::<S, VECTORS>(out);
            let mut done = *cursor;
            for (row, value) in image.rows_from(done, begin) {
                if row >= rows {
                    break;
                }
                let number = simd.splat_f32s(panel.scaled_bytes[usize::from(value)]);
                // SAFETY: `scratch` has `rows` rows, and `row` is one of them.
                #[allow(unsafe_code)]
                let weights = unsafe { scratch.get_unchecked(row * width..(row + 1) * width) };
                for (sum, weights) in sums.iter_mut().zip(read::<S, VECTORS>(weights)) {
                    *sum = simd.mul_add_f32s(number, weights, *sum);
                }
                done += 1;
            }
            *cursor = done;
            write::<S, VECTORS>(sums, out);
        }
    }
}

struct PanelBackward<'a> {
    panel: Panel<'a>,
    gradient: &'a [f32],
    out: Columns<'a>,
}

impl WithSimd for PanelBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        of_width!(
            self.panel.vectors,
            backward(simd, self.panel, self.gradient, self.out)
        );
    }
}

#[inline(always)]
fn backward<S: Simd, const VECTORS: usize>(
    simd: S,
    panel: Panel<'_>,
    gradient: &[f32],
    out: Columns<'_>,
) {
    let width = VECTORS * S::F32_LANES;
    let mut scratch = [0.0_f32; SCRATCH];
    let skip = scratch.as_ptr().align_offset(64).min(16);
    let scratch = &mut scratch[skip..];
    let mut cursors = vec![0_usize; panel.images.len()];
    for begin in (0..out.rows()).step_by(panel.rows()) {
        let rows = panel.rows().min(out.rows() - begin);
        scratch[..rows * width].fill(0.0);
        for ((image, cursor), gradient) in panel
            .images
            .iter()
            .zip(&mut cursors)
            .zip(gradient.chunks_exact(width))
        {
            let gradient = read::<S, VECTORS>(gradient);
            let mut done = *cursor;
            for (row, value) in image.rows_from(done, begin) {
                if row >= rows {
                    break;
                }
                let number = simd.splat_f32s(panel.scaled_bytes[usize::from(value)]);
                // SAFETY: `scratch` has `rows` rows, and `row` is one of them.
                #[allow(unsafe_code)]
                let row = unsafe { scratch.get_unchecked_mut(row * width..(row + 1) * width) };
                let mut sums = read::<S, VECTORS>(row);
                for (sum, gradient) in sums.iter_mut().zip(gradient) {
                    *sum = simd.mul_add_f32s(number, gradient, *sum);
                }
                write::<S, VECTORS>(sums, row);
                done += 1;
            }
            *cursor = done;
        }
        for row in 0..rows {
            // SAFETY: the panels have disjoint columns.
            #[allow(unsafe_code)]
            let out = unsafe { out.part(begin + row, panel.first, panel.existing) };
            out.copy_from_slice(&scratch[row * width..][..panel.existing]);
        }
    }
}

/// A matrix whose columns are written by several threads.
#[derive(Clone, Copy)]
struct Columns<'a> {
    begin: *mut f32,
    length: usize,
    row: usize,
    lives: core::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: the caller of `part` guarantees that nobody else accesses the values.
#[allow(unsafe_code)]
unsafe impl Send for Columns<'_> {}
// SAFETY: the same.
#[allow(unsafe_code)]
unsafe impl Sync for Columns<'_> {}

impl<'a> Columns<'a> {
    fn of(numbers: &'a mut [f32], row: usize) -> Self {
        Self {
            begin: numbers.as_mut_ptr(),
            length: numbers.len(),
            row,
            lives: core::marker::PhantomData,
        }
    }

    fn rows(&self) -> usize {
        self.length / self.row
    }

    /// Returns `length` values of a row.
    ///
    /// # Safety
    ///
    /// Nobody else may access these values.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn part(&self, row: usize, column: usize, length: usize) -> &'a mut [f32] {
        let begin = row * self.row + column;
        assert!(column + length <= self.row && begin + length <= self.length);
        // SAFETY: within the matrix by the assertion; exclusive by the contract of the caller.
        unsafe { core::slice::from_raw_parts_mut(self.begin.add(begin), length) }
    }
}

impl Pixels<'_> {
    /// Yields the rows of the pixels after `done` of them, counted from `begin`, and their values.
    #[inline(always)]
    fn rows_from(&self, done: usize, begin: usize) -> impl Iterator<Item = (usize, u8)> {
        let pixels = self.places[done..].iter().zip(&self.values[done..]);
        pixels.map(move |(&place, &value)| (usize::from(place) - begin, value))
    }
}

/// Reads `VECTORS` vectors.
#[inline(always)]
fn read<S: Simd, const VECTORS: usize>(numbers: &[f32]) -> [S::f32s; VECTORS] {
    assert!(numbers.len() >= VECTORS * S::F32_LANES);
    core::array::from_fn(|vector| {
        // SAFETY: the slice is long enough by the assertion.
        #[allow(unsafe_code)]
        unsafe {
            load::<S>(numbers.as_ptr().add(vector * S::F32_LANES))
        }
    })
}

#[inline(always)]
fn write<S: Simd, const VECTORS: usize>(vectors: [S::f32s; VECTORS], numbers: &mut [f32]) {
    assert!(numbers.len() >= VECTORS * S::F32_LANES);
    for (place, vector) in vectors.into_iter().enumerate() {
        // SAFETY: the slice is long enough by the assertion.
        #[allow(unsafe_code)]
        unsafe {
            store::<S>(numbers.as_mut_ptr().add(place * S::F32_LANES), vector);
        }
    }
}

/// Copies a row and pads its last vector with 0.
#[inline(always)]
fn copy_row<S: Simd, const VECTORS: usize>(simd: S, from: &[f32], to: &mut [f32]) {
    let lanes = S::F32_LANES;
    assert!(from.len() > (VECTORS - 1) * lanes && from.len() <= VECTORS * lanes);
    assert!(to.len() >= VECTORS * lanes);
    let last = (VECTORS - 1) * lanes;
    let part = simd.mask_between_m32s(0, (from.len() - last) as u32);
    for vector in 0..VECTORS {
        let place = vector * lanes;
        // SAFETY: by the assertions `to` has all vectors, and `from` all but a part of the last.
        #[allow(unsafe_code)]
        unsafe {
            let numbers = if vector + 1 < VECTORS || from.len() == VECTORS * lanes {
                load::<S>(from.as_ptr().add(place))
            } else {
                simd.mask_load_ptr_f32s(part, from.as_ptr().add(place))
            };
            store::<S>(to.as_mut_ptr().add(place), numbers);
        }
    }
}
