//! Image sets on the device. A batch is a selection of rows.

use burn::tensor::{Device, Int, Tensor, TensorData};
use downhill_cli::backend::Backend;
use downhill_data::ImageSet;
use downhill_model::PixelScale;
#[cfg(feature = "flex")]
use downhill_model::SparseImages;
use downhill_model::loss::one_hot;

/// Bytes that a buffer may hold by WebGPU's default limits; software Vulkan allows no more.
pub(crate) const WGPU_BUFFER: usize = 128 << 20;

/// Images with their labels on a device.
#[derive(Clone, Debug)]
pub struct DeviceSet {
    pixels: Pixels,
    /// One-hot labels, `[images, classes]`.
    targets: Tensor<2>,
    /// Labels, `[images]`.
    labels: Tensor<1, Int>,
    images: usize,
}

/// Pixels, row by row.
#[derive(Clone, Debug)]
enum Pixels {
    /// `[images, pixels]`.
    Floats(Tensor<2>),
    /// Pixels that are not black, as bytes on the host, for the fused network on flex.
    #[cfg(feature = "flex")]
    Sparse(SparseImages),
    /// Four pixels per number, a byte each, the first in the lowest bits: `[images, pixels / 4]`.
    /// For sets that would not fit into one buffer of the GPU as floats.
    Packed(Tensor<2, Int>, PixelScale),
}

impl DeviceSet {
    /// Copies a set to the device of a backend, with pixels in \[0, 1\].
    pub fn new(set: &ImageSet, backend: Backend, device: &Device) -> Self {
        Self::scaled(set, PixelScale::UNIT, backend, device)
    }

    /// Copies a set to the device with scaled pixels.
    pub fn scaled(set: &ImageSet, scale: PixelScale, backend: Backend, device: &Device) -> Self {
        let (images, size) = (set.len(), set.image_size());
        let too_large = size_of::<f32>() * images * size > WGPU_BUFFER;
        let pixels = if let Some(sparse) = Pixels::sparse(set, scale, backend) {
            sparse
        } else if backend == Backend::Wgpu && too_large && size.is_multiple_of(4) {
            Pixels::packed(set.pixels(), [images, size], scale, device)
        } else {
            Pixels::floats(set.pixels(), [images, size], scale, device)
        };
        let labels: Vec<i32> = set.labels().iter().copied().map(i32::from).collect();
        Self {
            pixels,
            targets: one_hot(set.labels(), set.classes(), device),
            labels: Tensor::from_data(TensorData::new(labels, [images]), device),
            images,
        }
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.targets.dims()[1]
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.images
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.images == 0
    }

    /// Returns the images, `[rows, pixels]`, and targets, `[rows, classes]`, of these rows, each
    /// less than [`len`](Self::len).
    pub fn batch(&self, rows: &[usize]) -> (Tensor<2>, Tensor<2>) {
        let device = self.targets.device();
        let numbers: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let numbers = TensorData::new(numbers, [rows.len()]);
        let numbers = Tensor::<1, Int>::from_data(numbers, &device);
        let images = match &self.pixels {
            Pixels::Floats(pixels) => pixels.clone().select(0, numbers.clone()),
            #[cfg(feature = "flex")]
            Pixels::Sparse(images) => dense(images, rows, &device),
            Pixels::Packed(words, scale) => {
                of_units(*scale, unpack(&words.clone().select(0, numbers.clone())))
            }
        };
        (images, self.targets.clone().select(0, numbers))
    }

    /// The device, without autodiff.
    #[cfg(feature = "flex")]
    pub(crate) fn device(&self) -> Device {
        self.targets.device()
    }

    /// The images without their black pixels; `None` unless they are stored in that form.
    #[cfg(feature = "flex")]
    pub(crate) fn sparse(&self) -> Option<&SparseImages> {
        match &self.pixels {
            Pixels::Sparse(images) => Some(images),
            _ => None,
        }
    }

    /// Returns images, targets and labels, `[rows]`, of consecutive rows.
    pub(crate) fn part(
        &self,
        rows: std::ops::Range<usize>,
    ) -> (Tensor<2>, Tensor<2>, Tensor<1, Int>) {
        let images = match &self.pixels {
            Pixels::Floats(pixels) => pixels.clone().slice([rows.clone()]),
            #[cfg(feature = "flex")]
            Pixels::Sparse(images) => {
                let rows: Vec<usize> = rows.clone().collect();
                dense(images, &rows, &self.targets.device())
            }
            Pixels::Packed(words, scale) => {
                of_units(*scale, unpack(&words.clone().slice([rows.clone()])))
            }
        };
        let targets = self.targets.clone().slice([rows.clone()]);
        (images, targets, self.labels.clone().slice([rows]))
    }
}

impl Pixels {
    /// Sparse pixels; `None` unless on flex.
    #[cfg(feature = "flex")]
    fn sparse(set: &ImageSet, scale: PixelScale, backend: Backend) -> Option<Self> {
        if backend != Backend::Flex {
            return None;
        }
        let images = SparseImages::new(set.pixels(), set.image_size(), set.labels())?;
        Some(Self::Sparse(images.scaled(scale)))
    }

    #[cfg(not(feature = "flex"))]
    fn sparse(_set: &ImageSet, _scale: PixelScale, _backend: Backend) -> Option<Self> {
        None
    }

    fn floats(bytes: &[u8], shape: [usize; 2], scale: PixelScale, device: &Device) -> Self {
        let of_byte: Vec<f32> = (0..=u8::MAX).map(|byte| scale.of_byte(byte)).collect();
        let values: Vec<f32> = bytes
            .iter()
            .map(|&byte| of_byte[usize::from(byte)])
            .collect();
        Self::Floats(Tensor::from_data(TensorData::new(values, shape), device))
    }

    fn packed(
        bytes: &[u8],
        [images, size]: [usize; 2],
        scale: PixelScale,
        device: &Device,
    ) -> Self {
        let (words, _) = bytes.as_chunks();
        let words: Vec<i32> = words.iter().map(|&word| i32::from_le_bytes(word)).collect();
        let data = TensorData::new(words, [images, size / 4]);
        Self::Packed(Tensor::from_data(data, device), scale)
    }
}

/// The pixels of some images, `[rows, pixels]`.
#[cfg(feature = "flex")]
fn dense(images: &SparseImages, rows: &[usize], device: &Device) -> Tensor<2> {
    let data = TensorData::new(images.dense(rows), [rows.len(), images.size()]);
    Tensor::from_data(data, device)
}

/// Scales pixels from \[0, 1\].
fn of_units(scale: PixelScale, pixels: Tensor<2>) -> Tensor<2> {
    match scale == PixelScale::UNIT {
        true => pixels,
        false => pixels.sub_scalar(scale.mean).div_scalar(scale.deviation),
    }
}

/// Unpacks `[rows, words]` to `[rows, 4 * words]`.
fn unpack(words: &Tensor<2, Int>) -> Tensor<2> {
    let [rows, columns] = words.dims();
    let bytes = [0, 8, 16, 24].map(|shift| {
        words
            .clone()
            .bitwise_right_shift_scalar(shift)
            .bitwise_and_scalar(255)
    });
    Tensor::<2, Int>::stack::<3>(bytes.to_vec(), 2)
        .reshape([rows, 4 * columns])
        .float()
        .div_scalar(255.0)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    fn numbers(pixels: Tensor<2>) -> Vec<f32> {
        pixels.into_data().iter::<f32>().collect()
    }

    #[test]
    fn packed_pixels_are_the_same_numbers() {
        let device = Device::flex();
        let bytes: Vec<u8> = (0..=255).collect();
        let scaled = PixelScale {
            mean: 0.1307,
            deviation: 0.3081,
        };
        for scale in [PixelScale::UNIT, scaled] {
            let Pixels::Floats(floats) = Pixels::floats(&bytes, [4, 64], scale, &device) else {
                panic!("floats");
            };
            let Pixels::Packed(words, scale) = Pixels::packed(&bytes, [4, 64], scale, &device)
            else {
                panic!("packed");
            };
            assert_eq!(words.dims(), [4, 16]);
            let unpacked = numbers(of_units(scale, unpack(&words)));
            let floats = numbers(floats);
            // One way scales in 64 bits, the other in 32.
            let bits = if scale == PixelScale::UNIT { 0.0 } else { 4.0 };
            for (unpacked, float) in unpacked.iter().zip(floats) {
                let bound = bits * f32::EPSILON * float.abs().max(1.0);
                assert!((unpacked - float).abs() <= bound, "{unpacked}, {float}");
            }
        }
    }
}
