//! Dropout of the input: dropped pixels are skipped like pixels that are 0.

use super::images::Pixels;
use crate::{DropoutConfig, DropoutKind, PixelScale};

/// The kept pixels of a batch of images.
#[derive(Debug, Default)]
pub(super) struct KeptPixels {
    places: Vec<u16>,
    values: Vec<u8>,
    /// End of the pixels of each image.
    ends: Vec<usize>,
}

impl KeptPixels {
    /// Selects the pixels whose mask, `[images, size]`, is 1.
    pub(super) fn of(images: &[Pixels<'_>], size: usize, mask: &[f32]) -> Self {
        assert_eq!(
            mask.len(),
            images.len() * size,
            "length of the dropout mask of the input"
        );
        let mut kept = Self::default();
        for (image, mask) in images.iter().zip(mask.chunks_exact(size)) {
            for (&place, &value) in image.places.iter().zip(image.values) {
                if mask[usize::from(place)] != 0.0 {
                    kept.places.push(place);
                    kept.values.push(value);
                }
            }
            kept.ends.push(kept.places.len());
        }
        kept
    }

    pub(super) fn images(&self) -> Vec<Pixels<'_>> {
        let starts = [0].iter().chain(&self.ends);
        let image = |(&start, &end): (&usize, &usize)| Pixels {
            places: &self.places[start..end],
            values: &self.values[start..end],
        };
        starts.zip(&self.ends).map(image).collect()
    }
}

/// Whether images with this scaling can be fused: if pixels are dropped, a pixel that is 0 must
/// stay 0 when scaled.
pub(super) fn is_possible(dropout: &DropoutConfig, scale: PixelScale) -> bool {
    dropout.input_probability == 0.0 || scale.mean == 0.0
}

/// Returns the scaling of pixels in training, including the factor of inverted dropout.
pub(super) fn in_training(dropout: &DropoutConfig, scale: PixelScale) -> PixelScale {
    match dropout.kind {
        DropoutKind::Inverted => divided(scale, 1.0 - dropout.input_probability),
        DropoutKind::Classic => scale,
    }
}

/// Returns the scaling of pixels in evaluation, including the factor of classic dropout.
pub(super) fn in_evaluation(dropout: &DropoutConfig, scale: PixelScale) -> PixelScale {
    match dropout.kind {
        DropoutKind::Inverted => scale,
        DropoutKind::Classic => divided(scale, 1.0 / (1.0 - dropout.input_probability)),
    }
}

fn divided(scale: PixelScale, by: f64) -> PixelScale {
    PixelScale {
        deviation: scale.deviation * by,
        ..scale
    }
}
