//! Labelled images in memory.

#[cfg(feature = "dataset")]
use burn_dataset::{Dataset, DatasetError};

use crate::DataError;
use crate::idx::MAX_LABEL;

/// Images of one size, with labels from 0 to 999. Pixels are bytes; there is at least one image.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageSet {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    shape: [usize; 3],
    classes: usize,
}

/// An image of an [`ImageSet`], as a `Dataset` of Burn gives it.
#[cfg(feature = "dataset")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// Pixels, `[channels, rows, columns]`, row by row; 0 is background.
    pub pixels: Vec<u8>,
    /// Label, from 0 to 999.
    pub label: u16,
}

impl ImageSet {
    /// Makes a set from `pixels`, `[labels, channels, rows, columns]`, the last dimension varying
    /// fastest, and the `shape` of an image, `[channels, rows, columns]`.
    ///
    /// # Errors
    ///
    /// If there is no image, a dimension is zero, the number of pixels does not match, or a label
    /// is above 999.
    pub fn new(pixels: Vec<u8>, labels: Vec<u16>, shape: [usize; 3]) -> Result<Self, DataError> {
        let mut sizes = shape.into_iter();
        let needed = sizes.try_fold(labels.len(), usize::checked_mul);
        if pixels.is_empty() || needed != Some(pixels.len()) {
            return Err(DataError::PixelCount {
                pixels: pixels.len(),
                labels: labels.len(),
                shape,
            });
        }
        if let Some(index) = labels.iter().position(|&label| label > MAX_LABEL) {
            return Err(DataError::LabelValue {
                index,
                found: labels[index],
            });
        }
        let largest = labels.iter().max().copied().unwrap_or(0);
        Ok(Self {
            pixels,
            labels,
            shape,
            classes: usize::from(largest) + 1,
        })
    }

    /// The same set as part of one with at least this many classes.
    #[must_use]
    pub fn with_classes(mut self, classes: usize) -> Self {
        self.classes = self.classes.max(classes);
        self
    }

    /// Number of classes: one more than the largest label of the set, or of the set that this is
    /// part of.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of images, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The shape of an image: channels, rows and columns.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of pixels of an image, those of each channel counted.
    pub fn image_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// All pixels, `[len, channels, rows, columns]`, the last dimension varying fastest.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All labels, `[len]`, each from 0 to 999.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The pixels of one image, `[channels, rows, columns]`.
    ///
    /// # Panics
    ///
    /// If `index` is not less than [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.image_size();
        &self.pixels[index * size..][..size]
    }

    /// The pixels of all images, one after the other.
    pub fn images(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.image_size())
    }

    /// Returns the images at `indices`, in that order. Indices may repeat.
    ///
    /// # Errors
    ///
    /// If `indices` is empty or an index is not less than [`len`](Self::len).
    pub fn select(&self, indices: &[usize]) -> Result<Self, DataError> {
        let available = self.len();
        if let Some(&index) = indices.iter().find(|&&index| index >= available) {
            return Err(DataError::Index { index, available });
        }
        let mut pixels = Vec::with_capacity(indices.len() * self.image_size());
        for &index in indices {
            pixels.extend_from_slice(self.image(index));
        }
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        let set = Self::new(pixels, labels, self.shape)?;
        Ok(set.with_classes(self.classes))
    }
}

impl std::fmt::Debug for ImageSet {
    /// Omits the pixels.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImageSet")
            .field("len", &self.len())
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "dataset")]
impl Dataset<LabelledImage> for ImageSet {
    fn get(&self, index: usize) -> Result<LabelledImage, DatasetError> {
        Ok(LabelledImage {
            pixels: self.image(index).to_vec(),
            label: self.labels[index],
        })
    }

    fn len(&self) -> usize {
        self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> ImageSet {
        ImageSet::new((0..18).collect(), vec![4, 0, 9], [1, 2, 3]).unwrap()
    }

    #[test]
    fn images_are_found_by_index() {
        assert_eq!(three().image(1), [6, 7, 8, 9, 10, 11]);
    }

    #[cfg(feature = "dataset")]
    #[test]
    fn a_dataset_gives_images_with_their_labels() {
        let set = three();
        let image = Dataset::get(&set, 2).unwrap();
        assert_eq!(image.pixels, [12, 13, 14, 15, 16, 17]);
        assert_eq!(image.label, 9);
        let labels: Vec<u16> = set.iter().map(|image| image.unwrap().label).collect();
        assert_eq!(labels, [4, 0, 9]);
    }

    #[cfg(feature = "dataset")]
    #[test]
    #[should_panic(expected = "out of range")]
    fn an_index_out_of_bounds_panics_as_the_trait_demands() {
        let _ = Dataset::get(&three(), 3);
    }

    #[test]
    fn a_selection_keeps_order_and_repetition() {
        let picked = three().select(&[2, 0, 2]).unwrap();
        assert_eq!(picked.labels(), [9, 4, 9]);
        assert_eq!(picked.image(1), three().image(0));
    }

    #[test]
    fn impossible_sets_are_refused() {
        let message = |set: Result<ImageSet, DataError>| set.unwrap_err().to_string();
        assert_eq!(
            message(ImageSet::new(vec![0; 17], vec![1, 2, 3], [1, 2, 3])),
            "expected 3 x 1 x 2 x 3 pixels, one image per label and at least one, got 17 pixels"
        );
        for (labels, rows, columns) in [(0, 2, 3), (3, 0, 3), (2, usize::MAX, 2)] {
            let set = ImageSet::new(Vec::new(), vec![0; labels], [1, rows, columns]);
            assert!(matches!(set, Err(DataError::PixelCount { .. })), "{set:?}");
        }
        assert_eq!(
            message(ImageSet::new(vec![0; 18], vec![1, 1000, 3], [1, 2, 3])),
            "label 1 must lie in [0, 999], got 1000"
        );
        assert_eq!(
            message(three().select(&[0, 3])),
            "image index must lie in [0, 3), got 3"
        );
        assert!(matches!(
            three().select(&[]),
            Err(DataError::PixelCount { .. })
        ));
    }
}
