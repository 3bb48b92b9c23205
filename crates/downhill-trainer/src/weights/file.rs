//! The file itself.

use std::borrow::Cow;
use std::collections::BTreeSet;

use downhill_model::{Mlp, MlpConfig};
use downhill_report::record::RunHeader;
use safetensors::tensor::{Dtype, View};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use super::sequential::Sequential;
use crate::TrainError;
use crate::config::TrainingConfig;

/// The only key of the metadata.
const KEY: &str = "downhill";

/// What a file of ours says about its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The run that trained it.
    pub run: String,
    /// Its experiment.
    pub experiment: String,
    /// Its method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Its backend.
    pub backend: String,
    /// Numbers that go in, an image's pixels from 0 to 1.
    pub inputs: usize,
    /// Logits that come out.
    pub outputs: usize,
    /// Its settings, the network's under `model`.
    pub config: serde_json::Value,
}

/// A trained network as a file.
///
/// # Errors
///
/// A network too large for the format.
pub fn encode(
    run: &RunHeader,
    config: &TrainingConfig,
    network: &Mlp,
) -> Result<Vec<u8>, TrainError> {
    // A copy, whose parameters are but read.
    let mut network = network.clone();
    let sequence = Sequential::of(&config.model, &mut network);
    let widths = sequence.places.iter().map(|(_, place)| place.shape());
    let weights: Vec<_> = widths.filter(|shape| shape.len() > 1).collect();
    let about = Metadata {
        run: run.run.clone(),
        experiment: run.experiment.clone(),
        method: run.method.clone(),
        seed: run.seed,
        backend: run.backend.clone(),
        inputs: weights.first().map_or(0, |shape| shape[1]),
        outputs: weights.last().map_or(0, |shape| shape[0]),
        config: run.config.clone(),
    };
    let about = serde_json::to_string(&about).expect("metadata have string keys only");
    let count = Array {
        dtype: Dtype::I64,
        shape: Vec::new(),
        bytes: (config.training.updates as i64).to_le_bytes().to_vec(),
    };
    let counts = sequence.batch_counts.iter().cloned();
    let counts = counts.map(|name| (name, count.clone()));
    let places = (sequence.places.iter()).map(|(name, place)| {
        let numbers = place.read();
        let array = Array {
            dtype: Dtype::F32,
            shape: place.shape(),
            bytes: numbers.iter().copied().flat_map(f32::to_le_bytes).collect(),
        };
        (name.clone(), array)
    });
    // A map of the standard library or of hashbrown, by the crate's features.
    let metadata = [(KEY.to_owned(), about)].into_iter().collect();
    serialize(places.chain(counts), Some(metadata)).map_err(|error| {
        TrainError::Config(format!(
            "the network cannot be written as safetensors: {error}"
        ))
    })
}

/// What a file of ours says about its network; nothing in a file by others.
///
/// # Errors
///
/// What is no safetensors file.
pub fn metadata(bytes: &[u8]) -> Result<Option<Metadata>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let read = |text: &String| serde_json::from_str(text).map_err(|error| error.to_string());
    text.map(read).transpose()
}

/// Gives a network made from `config` the parameters of a file.
///
/// # Errors
///
/// What is no safetensors file, and the tensor that is missing, of another shape or type, or has no
/// place in the network.
pub fn decode(bytes: &[u8], config: &MlpConfig, network: &mut Mlp) -> Result<(), String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut left: BTreeSet<String> = file.names().into_iter().map(ToString::to_string).collect();
    let mut sequence = Sequential::of(config, network);
    for name in &sequence.batch_counts {
        left.remove(name);
    }
    for (name, place) in &mut sequence.places {
        let tensor = file.tensor(name).map_err(|_| {
            let there: Vec<_> = left.iter().map(String::as_str).collect();
            format!(
                "it has no tensor {name}, which this network needs; it has {}",
                there.join(", ")
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
            "the tensor {name} has no place in this network; is this its config?"
        )),
        None => Ok(()),
    }
}

fn numbers(name: &str, dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, String> {
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
            "{name} must hold F32 or F64, got {other:?}; convert it by `tensor.float()`"
        )),
    }
}

/// A tensor's numbers as bytes.
#[derive(Clone)]
struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Array {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, Tensor};
    use downhill_model::BatchNormConvention;
    use downhill_report::sample;

    use super::*;

    fn config() -> TrainingConfig {
        let mut config = TrainingConfig::default();
        config.model.hidden = vec![3];
        config.model.batch_norm = BatchNormConvention::Torch;
        config.model.dropout.probability = 0.5;
        config
    }

    /// Its numbers are 0, 1, 2 and so on, weight by weight.
    fn network(config: &MlpConfig, device: &Device) -> Mlp {
        let mut numbers = (0..).map(f64::from);
        let mut next = || numbers.next().unwrap_or_default();
        Mlp::new(config, 2, 4, device, &mut next).unwrap()
    }

    fn file() -> Vec<u8> {
        let mut config = config();
        config.model.initialization = downhill_model::Initialization::Std(1.0);
        let run = sample::run(
            "none",
            0,
            &[(1, 0.1, 0.1)],
            downhill_report::record::Outcome::Finished,
        );
        encode(
            &run.header,
            &config,
            &network(&config.model, &Device::flex()),
        )
        .unwrap()
    }

    #[test]
    fn names_and_layout_are_those_of_a_sequential() {
        let file = file();
        let read = SafeTensors::deserialize(&file).unwrap();
        let mut names = read.names();
        names.sort();
        assert_eq!(
            names,
            [
                "0.bias",
                "0.weight",
                "1.bias",
                "1.num_batches_tracked",
                "1.running_mean",
                "1.running_var",
                "1.weight",
                "4.bias",
                "4.weight"
            ]
        );
        // [2, 3] here, row by row.
        let weight = read.tensor("0.weight").unwrap();
        assert_eq!(weight.shape(), [3, 2]);
        assert_eq!(
            numbers("", weight.dtype(), weight.data()).unwrap(),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(read.tensor("4.weight").unwrap().shape(), [4, 3]);
        let count = read.tensor("1.num_batches_tracked").unwrap();
        assert_eq!(
            (count.dtype(), count.data()),
            (Dtype::I64, &1000_i64.to_le_bytes()[..])
        );
        assert_eq!(
            read.tensor("1.running_var").unwrap().data(),
            [0, 0, 128, 63].repeat(3)
        );
    }

    #[test]
    fn the_same_network_gives_the_same_file_and_comes_back() {
        assert_eq!(file(), file());
        let config = config().model;
        let device = Device::flex();
        let mut found = Mlp::new(&config, 2, 4, &device, &mut || 9.0).unwrap();
        decode(&file(), &config, &mut found).unwrap();
        let mut as_written = config.clone();
        as_written.initialization = downhill_model::Initialization::Std(1.0);
        let images = Tensor::<2>::from_floats([[1.0, 2.0], [-3.0, 4.0]], &device);
        assert_eq!(
            found.evaluate(images.clone()).into_data(),
            network(&as_written, &device).evaluate(images).into_data()
        );
        let about = metadata(&file()).unwrap().unwrap();
        assert_eq!((about.inputs, about.outputs), (2, 4));
        assert_eq!(about.method, "none");
    }

    #[test]
    fn a_file_for_another_network_is_refused_with_the_tensor() {
        let device = Device::flex();
        let refused = |change: fn(&mut MlpConfig)| {
            let mut config = config().model;
            change(&mut config);
            let mut network = Mlp::new(&config, 2, 4, &device, &mut || 9.0).unwrap();
            decode(&file(), &config, &mut network).unwrap_err()
        };
        assert_eq!(
            refused(|config| config.hidden = vec![5]),
            "0.weight must have the shape [5, 2] in this network, got [3, 2]"
        );
        assert_eq!(
            refused(|config| config.dropout.probability = 0.0),
            "it has no tensor 3.weight, which this network needs; it has 4.bias, 4.weight"
        );
        let message = refused(|config| config.batch_norm = BatchNormConvention::None);
        assert!(
            message.starts_with("it has no tensor 3.weight"),
            "{message}"
        );
        assert_eq!(
            refused(|config| config.hidden = Vec::new()),
            "0.weight must have the shape [4, 2] in this network, got [3, 2]"
        );
        assert!(
            decode(
                b"no such file",
                &config().model,
                &mut network(&config().model, &device)
            )
            .is_err()
        );
    }
}
