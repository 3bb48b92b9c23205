//! The gradient of a kernel, as the correlation of a convolution's gradient with its input.
//!
//! ```text
//! sums[o][u] += sum over rows and columns y, x of gradient[o][y][x] * input[y][x + u]
//! ```
//!
//! for some channels `o` of the gradient, and columns `u` of one row of the kernel over one channel
//! of the input. Each sum is a vector, with a lane for each image of a block.

use pulp::{Simd, WithSimd};

use super::super::product::{load, store};
use super::geometry::IMAGES;

/// Largest numbers of channels and of kernel columns whose sums fit into registers.
pub(super) fn max_tile<S: Simd>() -> [usize; 2] {
    // 16 lanes come with 32 registers, fewer lanes with 16.
    [if S::F32_LANES >= 16 { 5 } else { 2 }, 5]
}

#[derive(Debug)]
pub(super) struct Correlation<'a> {
    /// Channels and kernel columns, at most [`max_tile`].
    pub(super) channels: usize,
    pub(super) places: usize,
    /// Rows and columns; a column is a block of images.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Gradient, with contiguous rows.
    pub(super) gradient: &'a [f32],
    /// Stride of the channels of `gradient`.
    pub(super) gradient_channel: usize,
    pub(super) input: &'a [f32],
    /// Stride of the rows of `input`.
    pub(super) input_row: usize,
    /// Sums, `[channels, places, IMAGES]`.
    pub(super) sums: &'a mut [f32],
    /// Stride of the channels of `sums`.
    pub(super) sums_channel: usize,
}

impl Correlation<'_> {
    /// Checks that all accesses are within their slices.
    fn check(&self) {
        let &Self {
            channels,
            places,
            rows,
            columns,
            ..
        } = self;
        assert!(channels > 0 && places > 0 && rows > 0 && columns > 0);
        let gradient = (channels - 1) * self.gradient_channel + rows * columns * IMAGES;
        assert!(gradient <= self.gradient.len(), "gradient is too short");
        let input = (rows - 1) * self.input_row + (columns + places - 1) * IMAGES;
        assert!(input <= self.input.len(), "input is too short");
        let sums = (channels - 1) * self.sums_channel + places * IMAGES;
        assert!(sums <= self.sums.len(), "sums are too short");
    }

    /// # Safety
    ///
    /// [`check`](Self::check) must have passed.
    #[inline(always)]
    #[allow(unsafe_code, clippy::needless_range_loop)]
    unsafe fn sized<S: Simd, const CHANNELS: usize, const PLACES: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        for lane in (0..IMAGES).step_by(lanes) {
            // SAFETY: by the contract of the caller; `IMAGES` is a multiple of the lanes.
            unsafe {
                let out = self.sums.as_mut_ptr().add(lane);
                let mut sums = [[simd.splat_f32s(0.0); PLACES]; CHANNELS];
                for channel in 0..CHANNELS {
                    for place in 0..PLACES {
                        let from = out.add(channel * self.sums_channel + place * IMAGES);
                        sums[channel][place] = load::<S>(from);
                    }
                }
                for row in 0..self.rows {
                    let gradient = self
                        .gradient
                        .as_ptr()
                        .add(row * self.columns * IMAGES + lane);
                    let input = self.input.as_ptr().add(row * self.input_row + lane);
                    for column in 0..self.columns {
                        let gradient = gradient.add(column * IMAGES);
                        let input = input.add(column * IMAGES);
                        let mut gradients = [simd.splat_f32s(0.0); CHANNELS];
                        for channel in 0..CHANNELS {
                            gradients[channel] =
                                load::<S>(gradient.add(channel * self.gradient_channel));
                        }
                        for place in 0..PLACES {
                            let number = load::<S>(input.add(place * IMAGES));
                            for channel in 0..CHANNELS {
                                sums[channel][place] = simd.mul_add_f32s(
                                    gradients[channel],
                                    number,
                                    sums[channel][place],
                                );
                            }
                        }
                    }
                }
                for channel in 0..CHANNELS {
                    for place in 0..PLACES {
                        let to = out.add(channel * self.sums_channel + place * IMAGES);
                        store::<S>(to, sums[channel][place]);
                    }
                }
            }
        }
    }
}

impl WithSimd for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.check();
        macro_rules! of_size {
            ($($channels:literal x $places:literal),* $(,)?) => {
                match (self.channels, self.places) {
                    // SAFETY: `check` has passed.
                    $(($channels, $places) => unsafe {
                        self.sized::<S, $channels, $places>(simd);
                    },)*
                    (channels, places) => unreachable!("{channels} channels, {places} places"),
                }
            };
        }
        of_size!(
            1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1,
            1 x 2, 2 x 2, 3 x 2, 4 x 2, 5 x 2,
            1 x 3, 2 x 3, 3 x 3, 4 x 3, 5 x 3,
            1 x 4, 2 x 4, 3 x 4, 4 x 4, 5 x 4,
            1 x 5, 2 x 5, 3 x 5, 4 x 5, 5 x 5,
        );
    }
}
