//! The images of all runs on the device. Images that several runs share are copied once.

use std::sync::Arc;

use burn::tensor::Device;
use downhill_cli::backend::Backend;
use downhill_data::{ImagePair, ImageSet, Purpose, Stream, split};
use downhill_model::PixelScale;

use crate::config::training::{DataConfig, Subset};
use crate::device::set::DeviceSet;
use crate::error::TrainError;

/// The images of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunImages {
    /// Images to train on.
    pub(crate) train: DeviceSet,
    /// Images to test on.
    pub(crate) test: DeviceSet,
    /// Images held out for validation.
    pub(crate) validation: Option<DeviceSet>,
}

/// The images of all runs of a command.
#[derive(Debug)]
pub(crate) struct SharedImages<'a> {
    sizes: Sizes,
    /// The images as bytes; `None` if no run draws a subset of its own.
    data: Option<Arc<ImagePair>>,
    /// Channels, rows and columns of an image.
    pub(crate) image: [usize; 3],
    /// Number of classes.
    pub(crate) classes: usize,
    /// The shared sets.
    first: Vec<(Key, DeviceSet)>,
    backend: Backend,
    device: &'a Device,
}

/// Numbers of images.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    train: usize,
    test: usize,
}

/// A part of the data, the number of its first images, and the scale of their pixels.
type Key = (Part, usize, PixelScale);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

impl<'a> SharedImages<'a> {
    /// Copies to the device what runs with these settings share. Drops the data afterwards unless a
    /// run draws images of its own.
    pub(crate) fn new<'c>(
        data: Arc<ImagePair>,
        wanted: impl IntoIterator<Item = &'c DataConfig>,
        backend: Backend,
        device: &'a Device,
    ) -> Result<Self, TrainError> {
        let ImagePair { train, test, .. } = &*data;
        let sizes = Sizes {
            train: train.len(),
            test: test.len(),
        };
        let mut images = Self {
            sizes,
            data: None,
            image: train.shape(),
            classes: data.classes(),
            first: Vec::new(),
            backend,
            device,
        };
        let mut has_own = false;
        for wanted in wanted {
            for key in sizes.shared(wanted) {
                images.put_first(&data, key)?;
            }
            has_own |= !all_shared(wanted);
        }
        images.data = has_own.then_some(data);
        Ok(images)
    }

    /// Returns the images of a run, whose settings must be among those given to [`new`](Self::new).
    pub(crate) fn of_run(&self, wanted: &DataConfig, seed: u64) -> Result<RunImages, TrainError> {
        let shared = |key: Key| {
            let found = self.first.iter().find(|(known, _)| *known == key);
            let (_, set) = found.expect("the run's settings were given to `new`");
            set.clone()
        };
        let test = shared(self.sizes.test_of(wanted));
        if all_shared(wanted) {
            return Ok(RunImages {
                train: shared(self.sizes.train_of(wanted)),
                test,
                validation: None,
            });
        }
        let data = (self.data.as_ref()).expect("the data are kept where a run has its own");
        let (kept, held_out) = chosen(wanted, seed, self.sizes.train)?;
        let put = |indices: &[usize]| self.put(&data.train, indices, scale(wanted));
        Ok(RunImages {
            train: put(&kept)?,
            test,
            validation: match held_out.is_empty() {
                true => None,
                false => Some(put(&held_out)?),
            },
        })
    }

    /// Copies the first images of a part to the device unless it has them.
    fn put_first(&mut self, data: &ImagePair, key: Key) -> Result<(), TrainError> {
        if self.first.iter().any(|(known, _)| *known == key) {
            return Ok(());
        }
        let (part, images, scale) = key;
        let whole = match part {
            Part::Train => &data.train,
            Part::Test => &data.test,
        };
        let set = match images == whole.len() {
            // Selecting all images would copy them, at the command's peak of memory.
            true => DeviceSet::scaled(whole, scale, self.backend, self.device),
            false => self.put(whole, &split::first(images, whole.len())?, scale)?,
        };
        self.first.push((key, set));
        Ok(())
    }

    fn put(
        &self,
        whole: &ImageSet,
        indices: &[usize],
        scale: PixelScale,
    ) -> Result<DeviceSet, TrainError> {
        let chosen = whole.select(indices)?;
        Ok(DeviceSet::scaled(&chosen, scale, self.backend, self.device))
    }
}

impl Sizes {
    /// The sets that runs with these settings share.
    fn shared(self, wanted: &DataConfig) -> Vec<Key> {
        let test = self.test_of(wanted);
        match all_shared(wanted) {
            true => vec![self.train_of(wanted), test],
            false => vec![test],
        }
    }

    fn train_of(self, wanted: &DataConfig) -> Key {
        let images = wanted.train_images.of(self.train);
        (Part::Train, images, scale(wanted))
    }

    fn test_of(self, wanted: &DataConfig) -> Key {
        let images = wanted.test_images.of(self.test);
        (Part::Test, images, scale(wanted))
    }
}

/// Whether runs with these settings have the same images for every seed.
fn all_shared(wanted: &DataConfig) -> bool {
    wanted.subset == Subset::First && wanted.validation_images == 0
}

fn scale(wanted: &DataConfig) -> PixelScale {
    PixelScale {
        mean: wanted.pixel_mean,
        deviation: wanted.pixel_deviation,
    }
}

/// Returns the training images of a run and those held out for validation. The latter are drawn by
/// the seed; the others keep their order.
fn chosen(
    wanted: &DataConfig,
    seed: u64,
    available: usize,
) -> Result<(Vec<usize>, Vec<usize>), TrainError> {
    let images = wanted.train_images.of(available);
    let mut indices = match wanted.subset {
        Subset::First => split::first(images, available)?,
        Subset::Random => split::random_subset(seed, images, available)?,
    };
    if wanted.validation_images == 0 {
        return Ok((indices, Vec::new()));
    }
    let order = Stream::new(seed, Purpose::Validation, 0).permutation(images);
    let mut is_held_out = vec![false; images];
    for &at in &order[..wanted.validation_images.min(images)] {
        is_held_out[at] = true;
    }
    let held_out =
        (indices.iter().zip(&is_held_out)).filter_map(|(&index, &out)| out.then_some(index));
    let held_out: Vec<usize> = held_out.collect();
    let mut out = is_held_out.iter();
    indices.retain(|_| !out.next().copied().unwrap_or_default());
    Ok((indices, held_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::training::Amount;

    #[test]
    fn held_out_images_are_not_trained_on() {
        let wanted = DataConfig {
            train_images: Amount::Images(50),
            validation_images: 10,
            ..DataConfig::default()
        };
        let (kept, held_out) = chosen(&wanted, 3, 100).unwrap();
        assert_eq!((kept.len(), held_out.len()), (40, 10));
        let mut all = [kept.clone(), held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert!(kept.is_sorted());
        assert_ne!(held_out, chosen(&wanted, 4, 100).unwrap().1);
        assert_eq!(held_out, chosen(&wanted, 3, 200).unwrap().1);
    }
    #[cfg(feature = "flex")]
    #[test]
    fn data_are_dropped_unless_a_run_draws_images() {
        let device = Device::flex();
        let data = Arc::new(downhill_data::load_mnist().unwrap());
        let first = |images| DataConfig {
            train_images: Amount::Images(images),
            test_images: Amount::Images(20),
            ..DataConfig::default()
        };
        let drawn = DataConfig {
            subset: Subset::Random,
            ..first(40)
        };
        let of = |wanted: &[DataConfig]| {
            SharedImages::new(Arc::clone(&data), wanted, Backend::Flex, &device).unwrap()
        };
        let shared = of(&[first(50), first(30), first(50)]);
        assert!(shared.data.is_none());
        assert_eq!(shared.first.len(), 3);
        assert_eq!(shared.of_run(&first(30), 1).unwrap().train.len(), 30);
        let own = of(&[first(50), drawn.clone()]);
        assert!(own.data.is_some());
        assert_eq!(own.of_run(&drawn, 1).unwrap().train.len(), 40);
        assert_eq!(own.of_run(&first(50), 1).unwrap().test.len(), 20);
    }
}
