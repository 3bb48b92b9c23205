//! The losses of updates, kept on the device between evaluations.

use burn::tensor::Tensor;
use downhill_report::record::BatchLosses;

use crate::config::training::RecordLosses;

/// The losses since they were last read, of one network or of several. They stay on the device
/// until then, so that no update waits for the GPU.
#[derive(Default)]
pub(crate) struct Losses {
    /// One entry per update, `[networks]`.
    waiting: Vec<Tensor<1>>,
    seen: u64,
    /// The losses of the first network that were read last.
    last_seen: Vec<f32>,
}

impl Losses {
    pub(crate) fn push(&mut self, loss: Tensor<1>) {
        self.waiting.push(loss);
    }

    /// Whether to read them before the next evaluation, to bound their number.
    pub(crate) fn are_many(&self) -> bool {
        self.waiting.len() >= 1000
    }

    /// Reads the losses. Returns, for each network, the number of updates after which its loss was
    /// first not finite; `None` if all are finite. Each loss is that before its own update.
    pub(crate) fn first_not_finite(&mut self) -> Vec<Option<u64>> {
        let waiting = std::mem::take(&mut self.waiting);
        let before = self.seen;
        self.seen += waiting.len() as u64;
        let Some(first) = waiting.first() else {
            self.last_seen.clear();
            return Vec::new();
        };
        let [networks] = first.dims();
        let losses = Tensor::cat(waiting, 0).into_data().convert::<f32>();
        let losses = losses.as_slice::<f32>().unwrap_or_default();
        self.last_seen = losses.iter().copied().step_by(networks).collect();
        let of = |network: usize| {
            let mut own = losses.iter().skip(network).step_by(networks);
            let bad = own.position(|loss| !loss.is_finite())?;
            Some(before + bad as u64)
        };
        (0..networks).map(of).collect()
    }

    /// The losses of the first network that the last call read.
    pub(crate) fn last_seen(&self) -> &[f32] {
        &self.last_seen
    }
}

/// The losses to record, a line for each time that they are read.
pub(crate) struct Recorded {
    which: RecordLosses,
    recorded: u64,
    after_updates: Vec<Tensor<1>>,
}

impl Recorded {
    pub(crate) fn new(which: RecordLosses) -> Self {
        Self {
            which,
            recorded: 0,
            after_updates: Vec::new(),
        }
    }

    /// Takes the loss after an update, if it is recorded.
    pub(crate) fn after_update(&mut self, loss: impl FnOnce() -> Tensor<1>) {
        if self.which == RecordLosses::AfterUpdate {
            self.after_updates.push(loss());
        }
    }

    /// Returns the losses since the last call; `None` if none are recorded.
    pub(crate) fn look(&mut self, before_updates: &[f32]) -> Option<BatchLosses> {
        let losses = match self.which {
            RecordLosses::No => return None,
            RecordLosses::BeforeUpdate => before_updates.to_vec(),
            RecordLosses::AfterUpdate if self.after_updates.is_empty() => return None,
            RecordLosses::AfterUpdate => {
                let losses = Tensor::cat(std::mem::take(&mut self.after_updates), 0);
                losses.into_data().convert::<f32>().iter().collect()
            }
        };
        let first_update = self.recorded + 1;
        self.recorded += losses.len() as u64;
        (!losses.is_empty()).then_some(BatchLosses {
            first_update,
            losses,
        })
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn each_network_diverges_by_itself() {
        let mut losses = Losses::default();
        let mut look = |updates: &[[f32; 3]]| {
            for update in updates {
                losses.push(Tensor::from_floats(*update, &Device::flex()));
            }
            losses.first_not_finite()
        };
        assert_eq!(look(&[]), []);
        assert_eq!(
            look(&[[1.0; 3], [1.0, f32::NAN, 1.0]]),
            [None, Some(1), None]
        );
        let updates = [[1.0, f32::NAN, f32::INFINITY], [f32::NAN; 3]];
        assert_eq!(look(&updates), [Some(3), Some(2), Some(2)]);
    }
}
