//! Reading a network from a file.

use std::collections::BTreeSet;

use downhill_model::{MlpConfig, Network};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use super::sequential::Sequential;

/// What wrappers put before the names of all tensors: `torch.compile`, `DataParallel`, Lightning.
const PREFIXES: [&str; 4] = ["_orig_mod.", "module.", "model.", "net."];

/// Sets the parameters of a network made from `config` to those of a file.
///
/// # Errors
///
/// A file that is not safetensors; a tensor that is missing, unknown, or of another shape or type.
pub fn decode(bytes: &[u8], config: &MlpConfig, network: &mut Network) -> Result<(), String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let names = file.names();
    let shared = |prefix: &&&str| names.iter().all(|name| name.starts_with(**prefix));
    let prefix = PREFIXES.iter().find(shared).copied().unwrap_or_default();
    let names = names.iter().map(|name| name[prefix.len()..].to_owned());
    let mut left: BTreeSet<String> = names.collect();
    let mut sequence = Sequential::of(config, network);
    for name in &sequence.batch_counts {
        left.remove(name);
    }
    for (name, place) in &mut sequence.places {
        let tensor = file.tensor(&format!("{prefix}{name}")).map_err(|_| {
            let others: Vec<_> = left.iter().map(String::as_str).collect();
            format!(
                "it has no tensor {name}, which this network needs; it has {}",
                others.join(", ")
            )
        })?;
        if tensor.shape() != place.shape() {
            let (found, must) = (tensor.shape(), place.shape());
            return Err(format!(
                "{name} must have the shape {must:?} in this network, got {found:?}"
            ));
        }
        place.write(numbers(name, tensor.dtype(), tensor.data())?);
        left.remove(name);
    }
    match left.first() {
        Some(name) => Err(format!(
            "the network has no tensor {name}; check that the config is that of the file"
        )),
        None => Ok(()),
    }
}

pub(super) fn numbers(name: &str, dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, String> {
    match dtype {
        Dtype::F32 => {
            let (numbers, _) = data.as_chunks();
            Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
        }
        Dtype::F64 => {
            let (numbers, _) = data.as_chunks();
            let number = |bytes| f64::from_le_bytes(bytes) as f32;
            Ok(numbers.iter().copied().map(number).collect())
        }
        other => Err(format!(
            "{name} must be F32 or F64, got {other:?}; convert it with `tensor.float()`"
        )),
    }
}
