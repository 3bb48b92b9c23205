//! The training images of MNIST, as each contender wants them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use downhill_data::{ImageSet, load_mnist};
use downhill_model::loss::one_hot;
use downhill_trainer::Backend;
use downhill_trainer::device::set::DeviceSet;

use crate::failure::Failure;
use crate::temporary::TemporaryDirectory;
use crate::workload::CLASSES;

/// Made once, shared by all.
pub(crate) struct Data {
    pub(crate) images: ImageSet,
    /// As the trainer keeps them.
    pub(crate) ours: DeviceSet,
    /// As plain tensors: `[images, pixels]` from 0 to 1, and `[images, classes]`.
    pub(crate) tensors: [Tensor<2>; 2],
    /// As plain numbers: `[images, pixels]` from 0 to 1.
    pub(crate) numbers: Arc<Vec<f32>>,
    /// As files of bytes, for peers: `pixels` and `labels`.
    files: TemporaryDirectory,
}

impl Data {
    pub(crate) fn load() -> Result<Self, Failure> {
        Self::of(load_mnist()?.train)
    }

    pub(crate) fn of(images: ImageSet) -> Result<Self, Failure> {
        let files = TemporaryDirectory::new()?;
        fs::write(files.path().join("pixels"), images.pixels())?;
        let labels: Vec<u8> = images.labels().iter().map(|&label| label as u8).collect();
        fs::write(files.path().join("labels"), labels)?;
        let device = Device::flex();
        let bytes = images.pixels().iter();
        let numbers: Vec<f32> = bytes.map(|&byte| f32::from(byte) / 255.0).collect();
        let shape = [images.len(), images.image_size()];
        let tensor = Tensor::from_data(TensorData::new(numbers.clone(), shape), &device);
        Ok(Self {
            ours: DeviceSet::new(&images, Backend::Flex, &device),
            tensors: [tensor, one_hot(images.labels(), CLASSES, &device)],
            numbers: Arc::new(numbers),
            images,
            files,
        })
    }

    /// The directory of the files for peers; it goes when this does.
    pub(crate) fn files(&self) -> &Path {
        self.files.path()
    }
}
