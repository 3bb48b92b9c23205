//! Dropout of pixels: those that are dropped are left out like those that are 0.

use super::images::Pixels;
use crate::{DropoutConfig, DropoutKind, PixelScale};

/// The pixels of some images that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    places: Vec<u16>,
    values: Vec<u8>,
    /// Where the pixels of each image end.
    ends: Vec<usize>,
}

impl Kept {
    /// The pixels where the mask, `[images, size]`, holds a 1.
    pub(super) fn of(images: &[Pixels<'_>], size: usize, mask: &[f32]) -> Self {
        assert_eq!(
            mask.len(),
            images.len() * size,
            "a mask of another length than asked for"
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

/// Whether pixels are dropped, and whether images of this scale can have it here: one that is dropped
/// must be as one that is 0.
pub(super) fn is_possible(dropout: &DropoutConfig, scale: PixelScale) -> bool {
    dropout.input_probability == 0.0 || scale.mean == 0.0
}

/// What pixels are turned into in training, with what makes up for those that are dropped.
pub(super) fn in_training(dropout: &DropoutConfig, scale: PixelScale) -> PixelScale {
    match dropout.kind {
        DropoutKind::Inverted => divided(scale, 1.0 - dropout.input_probability),
        DropoutKind::Classic => scale,
    }
}

/// The same in evaluation.
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
