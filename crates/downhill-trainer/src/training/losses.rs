//! The losses of updates, kept on the device between evaluations.

use burn::tensor::{Device, Tensor};
use downhill_report::record::BatchLosses;
use serde::{Deserialize, Serialize};

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

/// Losses in a checkpoint, as bits, because JSON has only finite numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedLosses {
    seen: u64,
    /// One entry per update.
    waiting: Vec<Vec<u32>>,
}

/// What is recorded of losses, in a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedRecorded {
    recorded: u64,
    after_updates: Vec<Vec<u32>>,
}

/// The bits of tensors of the same length.
fn bits(tensors: &[Tensor<1>]) -> Vec<Vec<u32>> {
    let Some(first) = tensors.first() else {
        return Vec::new();
    };
    let [length] = first.dims();
    let all = Tensor::cat(tensors.to_vec(), 0)
        .into_data()
        .convert::<f32>();
    let all: Vec<u32> = all.iter::<f32>().map(f32::to_bits).collect();
    all.chunks(length).map(<[u32]>::to_vec).collect()
}

fn tensors(bits: &[Vec<u32>], device: &Device) -> Vec<Tensor<1>> {
    let tensor = |bits: &Vec<u32>| {
        let numbers: Vec<f32> = bits.iter().copied().map(f32::from_bits).collect();
        Tensor::from_floats(&numbers[..], device)
    };
    bits.iter().map(tensor).collect()
}

impl Losses {
    pub(crate) fn saved(&self) -> SavedLosses {
        SavedLosses {
            seen: self.seen,
            waiting: bits(&self.waiting),
        }
    }

    pub(crate) fn restored(saved: &SavedLosses, device: &Device) -> Self {
        Self {
            waiting: tensors(&saved.waiting, device),
            seen: saved.seen,
            last_seen: Vec::new(),
        }
    }

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

    pub(crate) fn saved(&self) -> SavedRecorded {
        SavedRecorded {
            recorded: self.recorded,
            after_updates: bits(&self.after_updates),
        }
    }

    pub(crate) fn restored(self, saved: &SavedRecorded, device: &Device) -> Self {
        Self {
            recorded: saved.recorded,
            after_updates: tensors(&saved.after_updates, device),
            ..self
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
    fn losses_are_saved_bit_for_bit() {
        let device = Device::flex();
        let mut losses = Losses::default();
        let nan = f32::from_bits(0x7fc0_1234);
        for update in [
            [0.1, f32::MIN_POSITIVE],
            [nan, f32::NEG_INFINITY],
            [1.0, nan],
        ] {
            losses.push(Tensor::from_floats(update, &device));
        }
        let text = serde_json::to_string(&losses.saved()).unwrap();
        let saved = serde_json::from_str(&text).unwrap();
        let mut restored = Losses::restored(&saved, &device);
        assert_eq!(losses.first_not_finite(), [Some(1), Some(1)]);
        assert_eq!(restored.first_not_finite(), [Some(1), Some(1)]);
        let bits = |losses: &Losses| losses.last_seen().iter().map(|it| it.to_bits()).collect();
        let [before, after]: [Vec<u32>; 2] = [bits(&losses), bits(&restored)];
        assert_eq!(before, after);
        assert_eq!(restored.seen, 3);
    }

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
