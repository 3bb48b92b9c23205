//! The first layer, whose input is mostly 0.

use pulp::{Simd, WithSimd};

use super::images::Pixels;
use super::product::{load, panels, store};

/// Vectors of units that stay in registers while the pixels of an image go by.
pub(super) const WIDEST: usize = 8;

/// So many units in whole vectors.
pub(super) fn padded<S: Simd>(units: usize) -> usize {
    units.next_multiple_of(S::F32_LANES)
}

/// Weights `[pixels, units]` cut into panels of units, each padded to whole vectors with 0.
pub(super) fn pack<S: Simd>(weights: &[f32], units: usize, packed: &mut [f32]) {
    let pixels = weights.len() / units;
    for (first, count) in panels(padded::<S>(units) / S::F32_LANES, WIDEST) {
        let (first, width) = (first * S::F32_LANES, count * S::F32_LANES);
        let there = width.min(units - first);
        let panel = &mut packed[first * pixels..][..width * pixels];
        for (to, from) in panel
            .chunks_exact_mut(width)
            .zip(weights.chunks_exact(units))
        {
            to[..there].copy_from_slice(&from[first..][..there]);
            to[there..].fill(0.0);
        }
    }
}

/// Weights times images: `out` in panels of units, `[images, width]` each.
pub(super) struct Forward<'a> {
    pub(super) images: &'a [Pixels<'a>],
    /// Pixels of an image.
    pub(super) size: usize,
    pub(super) brightness: &'a [f32; 256],
    /// As [`pack`] leaves them.
    pub(super) weights: &'a [f32],
    pub(super) units: usize,
    pub(super) out: &'a mut [f32],
}

impl Forward<'_> {
    pub(super) fn run<S: Simd>(self, simd: S) {
        let vectors = padded::<S>(self.units) / S::F32_LANES;
        let mut out = self.out;
        let mut panel_jobs = Vec::new();
        for (first, vectors) in panels(vectors, WIDEST) {
            let (first, width) = (first * S::F32_LANES, vectors * S::F32_LANES);
            let here;
            (here, out) = out.split_at_mut(self.images.len() * width);
            panel_jobs.push(ForwardPanel {
                images: self.images,
                size: self.size,
                brightness: self.brightness,
                weights: &self.weights[first * self.size..][..width * self.size],
                vectors,
                out: here,
            });
        }
        on_threads(panel_jobs, |job| simd.vectorize(job));
    }
}

/// Does all jobs, on the threads of the pool around.
fn on_threads<J: Send>(jobs: Vec<J>, work: impl Fn(J) + Sync) {
    if jobs.len() == 1 || rayon::current_num_threads() == 1 {
        jobs.into_iter().for_each(work);
        return;
    }
    rayon::scope(|scope| {
        let work = &work;
        for job in jobs {
            scope.spawn(move |_| work(job));
        }
    });
}

struct ForwardPanel<'a> {
    images: &'a [Pixels<'a>],
    size: usize,
    brightness: &'a [f32; 256],
    weights: &'a [f32],
    vectors: usize,
    out: &'a mut [f32],
}

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
        $call::<_, $number>($($argument),*)
    };
}

impl WithSimd for ForwardPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.vectors * S::F32_LANES;
        assert_eq!(self.weights.len(), self.size * width);
        for (image, out) in self.images.iter().zip(self.out.chunks_exact_mut(width)) {
            assert!(
                image
                    .places
                    .last()
                    .is_none_or(|last| usize::from(*last) < self.size)
            );
            of_width!(
                self.vectors,
                image_forward(simd, *image, self.brightness, self.weights, out)
            );
        }
    }
}

/// The sum over the pixels of an image of brightness times weights. Places rise, and the last is
/// inside.
#[inline(always)]
fn image_forward<S: Simd, const VECTORS: usize>(
    simd: S,
    image: Pixels<'_>,
    brightness: &[f32; 256],
    weights: &[f32],
    out: &mut [f32],
) {
    let width = VECTORS * S::F32_LANES;
    assert_eq!(out.len(), width);
    let mut sums = [simd.splat_f32s(0.0); VECTORS];
    for (&place, &value) in image.places.iter().zip(image.values) {
        let number = simd.splat_f32s(brightness[usize::from(value)]);
        // SAFETY: the caller has looked at the last place, and no other is greater.
        #[allow(unsafe_code)]
        let row = unsafe { weights.as_ptr().add(usize::from(place) * width) };
        for (vector, sum) in sums.iter_mut().enumerate() {
            // SAFETY: a row has so many vectors.
            #[allow(unsafe_code)]
            let weights = unsafe { load::<S>(row.add(vector * S::F32_LANES)) };
            *sum = simd.mul_add_f32s(number, weights, *sum);
        }
    }
    for (vector, sum) in sums.into_iter().enumerate() {
        // SAFETY: `out` has so many vectors.
        #[allow(unsafe_code)]
        unsafe {
            store::<S>(out.as_mut_ptr().add(vector * S::F32_LANES), sum);
        }
    }
}

/// The pixels of a batch sorted by their place: of each place the images that are not black there.
#[derive(Debug, Default)]
pub(super) struct ByPlace {
    /// Where the images of each place begin, and at last the end.
    starts: Vec<u32>,
    cursors: Vec<u32>,
    /// Image and value.
    entries: Vec<(u32, f32)>,
}

impl ByPlace {
    /// Of these images of so many pixels.
    pub(super) fn sort(&mut self, images: &[Pixels<'_>], size: usize, brightness: &[f32; 256]) {
        self.cursors.clear();
        self.cursors.resize(size, 0);
        for image in images {
            for &place in image.places {
                self.cursors[usize::from(place)] += 1;
            }
        }
        self.starts.clear();
        let mut end = 0;
        for count in &mut self.cursors {
            self.starts.push(end);
            let begin = end;
            end += *count;
            *count = begin;
        }
        self.starts.push(end);
        if self.entries.len() < end as usize {
            self.entries.resize(end as usize, (0, 0.0));
        }
        for (number, image) in images.iter().enumerate() {
            for (&place, &value) in image.places.iter().zip(image.values) {
                let cursor = &mut self.cursors[usize::from(place)];
                self.entries[*cursor as usize] = (number as u32, brightness[usize::from(value)]);
                *cursor += 1;
            }
        }
    }
}

/// The gradient of the weights, `[pixels, units]`: images times the gradient of the units.
pub(super) struct Backward<'a> {
    pub(super) pixels: &'a ByPlace,
    pub(super) images: usize,
    /// Of the units, in panels, `[images, width]` each.
    pub(super) gradient: &'a [f32],
    pub(super) units: usize,
    pub(super) out: &'a mut [f32],
}

/// Places that a thread takes at a time.
const PLACES_AT_ONCE: usize = 112;
/// Gradients of fewer weights are not worth a second thread.
const WORTH_A_THREAD: usize = 1 << 18;

impl Backward<'_> {
    pub(super) fn run<S: Simd>(self, simd: S) {
        let vectors = padded::<S>(self.units) / S::F32_LANES;
        assert_eq!(self.gradient.len(), self.images * vectors * S::F32_LANES);
        let size = self.pixels.starts.len() - 1;
        assert_eq!(self.out.len(), size * self.units);
        let at_once = match self.out.len() < WORTH_A_THREAD {
            true => size,
            false => PLACES_AT_ONCE,
        };
        let parts = self.out.chunks_mut(at_once * self.units).enumerate();
        let jobs: Vec<_> = parts
            .map(|(part, out)| BackwardPart {
                pixels: self.pixels,
                images: self.images,
                gradient: self.gradient,
                units: self.units,
                first: part * at_once,
                out,
            })
            .collect();
        on_threads(jobs, |job| simd.vectorize(job));
    }
}

struct BackwardPart<'a> {
    pixels: &'a ByPlace,
    images: usize,
    gradient: &'a [f32],
    units: usize,
    first: usize,
    out: &'a mut [f32],
}

impl WithSimd for BackwardPart<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        for (first, vectors) in panels(padded::<S>(self.units) / lanes, WIDEST) {
            let (first, width) = (first * lanes, vectors * lanes);
            let there = width.min(self.units - first);
            let gradient = &self.gradient[first * self.images..][..width * self.images];
            for (place, out) in self.out.chunks_exact_mut(self.units).enumerate() {
                let place = self.first + place;
                let range =
                    self.pixels.starts[place] as usize..self.pixels.starts[place + 1] as usize;
                let entries = &self.pixels.entries[range];
                // They are in the order of the images.
                assert!(
                    entries
                        .last()
                        .is_none_or(|(image, _)| (*image as usize) < self.images)
                );
                let out = &mut out[first..][..there];
                of_width!(vectors, place_backward(simd, entries, gradient, out));
            }
        }
    }
}

/// The sum over the images at one place of brightness times the gradient of the units. Images rise,
/// and the last is inside.
#[inline(always)]
fn place_backward<S: Simd, const VECTORS: usize>(
    simd: S,
    entries: &[(u32, f32)],
    gradient: &[f32],
    out: &mut [f32],
) {
    let lanes = S::F32_LANES;
    let width = VECTORS * lanes;
    let mut sums = [simd.splat_f32s(0.0); VECTORS];
    for &(image, value) in entries {
        let number = simd.splat_f32s(value);
        // SAFETY: the caller has looked at the last image, and no other is greater.
        #[allow(unsafe_code)]
        let row = unsafe { gradient.as_ptr().add(image as usize * width) };
        for (vector, sum) in sums.iter_mut().enumerate() {
            // SAFETY: a row has so many vectors.
            #[allow(unsafe_code)]
            let gradient = unsafe { load::<S>(row.add(vector * lanes)) };
            *sum = simd.mul_add_f32s(number, gradient, *sum);
        }
    }
    let last = out.len() - (VECTORS - 1) * lanes;
    let part = simd.mask_between_m32s(0, last as u32);
    for (vector, sum) in sums.into_iter().enumerate() {
        // SAFETY: `out` has so many vectors, the last of them not whole.
        #[allow(unsafe_code)]
        unsafe {
            let place = out.as_mut_ptr().add(vector * lanes);
            if vector + 1 < VECTORS || last == lanes {
                store::<S>(place, sum);
            } else {
                simd.mask_store_ptr_f32s(part, place, sum);
            }
        }
    }
}
