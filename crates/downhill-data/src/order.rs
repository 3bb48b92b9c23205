//! The order in which batches draw images.

use crate::{DataError, Purpose, Stream};

/// How batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum BatchOrder {
    /// Every image of every batch is drawn independently from all images, so an epoch may contain
    /// an image twice and miss another.
    WithReplacement,
    /// Each epoch shuffles the images and splits them into batches, so it contains each image at
    /// most once. If the batch size does not divide the number of images, the last, incomplete
    /// batch is dropped.
    ShuffledEpochs,
}

/// The batches of a run, by update. They can be drawn in any order; an epoch drawn in order costs
/// one shuffle.
#[derive(Clone, Debug)]
pub struct Batches {
    order: BatchOrder,
    seed: u64,
    batch: usize,
    available: usize,
    /// The epoch shuffled last, and its order of images.
    shuffled: Option<(u64, Vec<usize>)>,
}

impl Batches {
    /// Batches of `batch` images out of `available`.
    ///
    /// # Errors
    ///
    /// If `batch` is 0 or exceeds `available`.
    pub fn new(
        order: BatchOrder,
        seed: u64,
        batch: usize,
        available: usize,
    ) -> Result<Self, DataError> {
        if batch == 0 || batch > available {
            return Err(DataError::BatchSize { batch, available });
        }
        Ok(Self {
            order,
            seed,
            batch,
            available,
            shuffled: None,
        })
    }

    /// Number of updates per epoch: the number of complete batches in the set. With replacement
    /// this only defines the length of an epoch.
    pub fn updates_per_epoch(&self) -> u64 {
        (self.available / self.batch) as u64
    }

    /// Returns the indices of the images of an update, `[batch]`. Updates count from 0.
    pub fn indices(&mut self, update: u64) -> Vec<usize> {
        match self.order {
            BatchOrder::WithReplacement => {
                let mut stream = Stream::new(self.seed, Purpose::BatchOrder, update);
                let available = self.available as u64;
                let draw = |_| stream.below(available) as usize;
                (0..self.batch).map(draw).collect()
            }
            BatchOrder::ShuffledEpochs => {
                let epoch = update / self.updates_per_epoch();
                let batch = self.batch;
                let place = (update % self.updates_per_epoch()) as usize * batch;
                self.epoch(epoch)[place..][..batch].to_vec()
            }
        }
    }

    fn epoch(&mut self, epoch: u64) -> &[usize] {
        let kept = self.shuffled.take().filter(|(kept, _)| *kept == epoch);
        let shuffle = || {
            let mut stream = Stream::new(self.seed, Purpose::BatchOrder, epoch);
            (epoch, stream.permutation(self.available))
        };
        let kept = kept.unwrap_or_else(shuffle);
        &self.shuffled.insert(kept).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sha256_hex;

    const BOTH: [BatchOrder; 2] = [BatchOrder::WithReplacement, BatchOrder::ShuffledEpochs];

    fn batches(order: BatchOrder, seed: u64) -> Batches {
        Batches::new(order, seed, 30, 100).unwrap()
    }

    #[test]
    fn any_update_can_be_had_without_those_before_it() {
        for order in BOTH {
            let mut in_order = batches(order, 7);
            let all: Vec<_> = (0..20).map(|update| in_order.indices(update)).collect();
            for update in [19, 0, 7, 7, 3] {
                let mut fresh = batches(order, 7);
                assert_eq!(fresh.indices(update as u64), all[update]);
                assert_eq!(in_order.indices(update as u64), all[update]);
            }
        }
    }

    /// The values come from `reference/stream.py`. Changing them changes every experiment.
    #[test]
    fn orders_are_those_of_the_reference() {
        let take = |order, batch, available, updates| {
            let mut batches = Batches::new(order, 7, batch, available).unwrap();
            let indices = |update| batches.indices(update);
            (0..updates).map(indices).collect::<Vec<_>>()
        };
        assert_eq!(
            take(BatchOrder::WithReplacement, 5, 100, 2),
            [[73, 47, 52, 2, 51], [36, 15, 4, 87, 49]]
        );
        assert_eq!(
            take(BatchOrder::ShuffledEpochs, 4, 10, 4),
            [[7, 5, 6, 3], [0, 1, 9, 4], [3, 2, 1, 9], [6, 8, 4, 5]]
        );
    }

    #[test]
    fn orders_of_mnist_are_those_of_the_reference() {
        let checksum = |order, updates| {
            let mut batches = Batches::new(order, 0, 128, 60_000).unwrap();
            let indices = (0..updates).flat_map(|update| batches.indices(update));
            let bytes: Vec<u8> = indices
                .flat_map(|index| (index as u32).to_le_bytes())
                .collect();
            sha256_hex([&bytes[..]])
        };
        assert_eq!(
            checksum(BatchOrder::ShuffledEpochs, 2 * 468),
            "254bf69dddf022f750fb75d6516e314b90ca1045b5b0f9862fdc68aa4e309084"
        );
        assert_eq!(
            checksum(BatchOrder::WithReplacement, 10),
            "b1fbeb47724b45f2380866c952007073adbb39299daaeebd56f8848e4638e587"
        );
    }

    #[test]
    fn seeds_and_updates_differ() {
        for order in BOTH {
            let mut batches_7 = batches(order, 7);
            assert_ne!(batches_7.indices(0), batches_7.indices(1));
            assert_ne!(batches_7.indices(0), batches_7.indices(3));
            assert_ne!(batches_7.indices(0), batches(order, 8).indices(0));
        }
    }

    #[test]
    fn an_epoch_takes_each_image_at_most_once() {
        let mut batches = batches(BatchOrder::ShuffledEpochs, 7);
        assert_eq!(batches.updates_per_epoch(), 3);
        let mut left_out = Vec::new();
        for epoch in 0..2 {
            let updates = 3 * epoch..3 * epoch + 3;
            let mut taken: Vec<_> = updates.flat_map(|update| batches.indices(update)).collect();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), 90);
            left_out.push((0..100).filter(|index| !taken.contains(index)).collect());
        }
        let [first, second]: [Vec<usize>; 2] = left_out.try_into().unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_batch_of_everything_is_a_permutation() {
        let mut batches = Batches::new(BatchOrder::ShuffledEpochs, 7, 100, 100).unwrap();
        let mut indices = batches.indices(u64::MAX);
        indices.sort_unstable();
        assert_eq!(indices, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn drawing_with_replacement_reaches_everything() {
        let mut batches = batches(BatchOrder::WithReplacement, 7);
        let mut seen: Vec<_> = (0..100)
            .flat_map(|update| batches.indices(update))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn impossible_batches_are_refused() {
        for order in BOTH {
            for batch in [0, 101] {
                let error = Batches::new(order, 7, batch, 100).unwrap_err();
                assert!(matches!(error, DataError::BatchSize { .. }));
                assert_eq!(
                    error.to_string(),
                    format!("batch must lie in [1, 100], got {batch}")
                );
            }
        }
    }
}
