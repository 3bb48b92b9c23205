//! The states of Burn's own optimizers, for those who change the optimizer in mid-training.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use burn::optim::StateSource;
use burn::tensor::{Device, Tensor, TensorData};

use super::{BurnLayout, Memory};

/// The names of all tensors in the states of Burn's own optimizers.
pub(crate) const TENSORS: [&str; 15] = [
    "momentum.moment_1",
    "momentum.moment_2",
    "momentum.max_moment_2",
    "momentum.velocity",
    "momentum.exp_avg",
    "momentum.exp_avg_sq",
    "momentum.exp_avg_diff",
    "momentum.neg_pre_grad",
    "momentum.buf",
    "square_avg.square_avg",
    "centered.grad_avg",
    "centered.avg",
    "lr_decay.sum",
    "second_moment",
    "column_second_moment",
];
/// Those whose names are short: of Lion and LAMB.
pub(crate) const SHORT_TENSORS: [&str; 3] = ["momentum", "moment_1", "moment_2"];
/// The names of all counts of steps.
pub(crate) const TIMES: [&str; 3] = ["momentum.time", "lr_decay.time", "time"];

impl BurnLayout {
    /// Reads the state under a prefix. Returns `None` if a count or one of the first `always`
    /// tensors is missing, or if there are tensors of another optimizer.
    pub(crate) fn read(
        &self,
        always: &[&str],
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Memory> {
        let time = match self.time {
            Some(name) => u64::try_from(source.take_scalar(prefix, name)?).ok()?,
            None => 1,
        };
        let mut memory = Memory::from_burn(time);
        let mut shape: Option<Vec<usize>> = None;
        for (burns, here) in self.tensors {
            let name = burns.trim_start_matches('-');
            let Some(data) = source.take_tensor(prefix, name) else {
                continue;
            };
            if here.is_empty() {
                continue;
            }
            // Adafactor's tensors have length 1 where they are means.
            let axes = data.shape().to_vec();
            shape = Some(match shape {
                Some(other) if other.len() == axes.len() => {
                    let both = other.into_iter().zip(axes);
                    both.map(|(a, b)| usize::max(a, b)).collect()
                }
                _ => axes,
            });
            let tensor = flat(data, device);
            let tensor = match burns.starts_with('-') {
                true => tensor.neg(),
                false => tensor,
            };
            memory.put(here, tensor);
        }
        memory.shape = shape;
        let mut names = TENSORS.iter().chain(&SHORT_TENSORS);
        let is_others = names.any(|name| source.take_tensor(prefix, name).is_some());
        let is_there = memory.tensors().next().is_some() || self.tensors.is_empty();
        let is_complete = is_there && always.iter().all(|name| memory.tensor(name).is_some());
        (is_complete && !is_others).then_some(memory)
    }
}

/// Everything under a prefix that may belong to one of Burn's own optimizers, by its name there.
pub(crate) fn take_all(
    prefix: &str,
    source: &mut StateSource,
) -> (
    Vec<(String, TensorData)>,
    BTreeMap<String, burn_pack::Scalar>,
) {
    let names = TENSORS.iter().chain(&SHORT_TENSORS);
    let tensors = names
        .filter_map(|name| Some(((*name).into(), source.take_tensor(prefix, name)?)))
        .collect();
    let scalars = TIMES
        .iter()
        .filter_map(|name| Some(((*name).into(), source.take_scalar(prefix, name)?)))
        .collect();
    (tensors, scalars)
}

/// In the type in which it was saved.
fn flat(data: TensorData, device: &Device) -> Tensor<1> {
    let (bytes, shape, dtype) = data.into_parts();
    let data = TensorData::from_bytes(bytes, [shape.num_elements()], dtype);
    Tensor::from_data(data, (device, dtype))
}
