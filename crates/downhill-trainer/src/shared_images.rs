//! The images of runs on the device; those that several runs see are put there once.

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use downhill_data::{ImagePair, ImageSet, Purpose, Stream, split};
use downhill_model::PixelScale;

use crate::config::{DataConfig, Subset};
use crate::device_data::DeviceSet;
use crate::{Backend, TrainError};

/// The images of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunImages {
    /// To train on.
    pub(crate) train: DeviceSet,
    /// To test on.
    pub(crate) test: DeviceSet,
    /// Held out to choose by.
    pub(crate) validation: Option<DeviceSet>,
}

/// Where the images of all runs of a command come from.
#[derive(Debug)]
pub(crate) struct SharedImages<'a> {
    data: &'a ImagePair,
    backend: Backend,
    device: &'a Device,
    /// The first so many of a part.
    first: Mutex<Vec<(Key, DeviceSet)>>,
}

/// A part of the data, a number of its images, and what their pixels are turned into.
type Key = (Part, usize, PixelScale);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

impl<'a> SharedImages<'a> {
    pub(crate) fn new(data: &'a ImagePair, backend: Backend, device: &'a Device) -> Self {
        let first = Mutex::default();
        Self {
            data,
            backend,
            device,
            first,
        }
    }

    /// The images of a run on the device.
    pub(crate) fn of_run(&self, wanted: &DataConfig, seed: u64) -> Result<RunImages, TrainError> {
        let ImagePair { train, test, .. } = self.data;
        let scale = PixelScale {
            mean: wanted.pixel_mean,
            deviation: wanted.pixel_deviation,
        };
        let test = self.first((Part::Test, wanted.test_images.of(test.len()), scale))?;
        let images = wanted.train_images.of(train.len());
        if wanted.subset == Subset::First && wanted.validation_images == 0 {
            let train = self.first((Part::Train, images, scale))?;
            let validation = None;
            return Ok(RunImages {
                train,
                test,
                validation,
            });
        }
        let (kept, held_out) = chosen(wanted, seed, train.len())?;
        let put = |indices: &[usize]| self.put(train, indices, scale);
        Ok(RunImages {
            train: put(&kept)?,
            test,
            validation: match held_out.is_empty() {
                true => None,
                false => Some(put(&held_out)?),
            },
        })
    }

    /// The first images of a part, put on the device when first asked for.
    fn first(&self, key: Key) -> Result<DeviceSet, TrainError> {
        let (part, images, scale) = key;
        let mut shared = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, set)) = shared.iter().find(|(other, _)| *other == key) {
            return Ok(set.clone());
        }
        let whole = match part {
            Part::Train => &self.data.train,
            Part::Test => &self.data.test,
        };
        let set = match images == whole.len() {
            // A copy of them all would be the most memory that a command holds.
            true => DeviceSet::scaled(whole, scale, self.backend, self.device),
            false => self.put(whole, &split::first(images, whole.len())?, scale)?,
        };
        shared.push((key, set.clone()));
        Ok(set)
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

/// The training images of a run, and those of them that are held out to choose by. The latter are
/// drawn from the former by the seed; the rest keeps its order.
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
    use crate::config::Amount;

    #[test]
    fn what_is_held_out_is_not_trained_on() {
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
}
