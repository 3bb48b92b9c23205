//! Writing a network to a file.

use std::borrow::Cow;

use downhill_model::Network;
use downhill_report::record::RunHeader;
use safetensors::serialize;
use safetensors::tensor::{Dtype, View};

use super::metadata::{KEY, Metadata, checksum};
use super::sequential::Sequential;
use crate::config::training::TrainingConfig;
use crate::error::TrainError;

/// Returns the file of a trained network whose images have `inputs` pixels.
///
/// # Errors
///
/// A network that is too large for the format.
pub fn encode(
    run: &RunHeader,
    config: &TrainingConfig,
    network: &Network,
    inputs: usize,
) -> Result<Vec<u8>, TrainError> {
    // A copy, because places are mutable; it is only read.
    let mut network = network.clone();
    let sequence = Sequential::of(&config.model, &mut network);
    let last = sequence.places.last().map(|(_, place)| place.shape());
    let mut about = Metadata {
        run: run.run.clone(),
        experiment: run.experiment.clone(),
        method: run.method.clone(),
        seed: run.seed,
        backend: run.backend.clone(),
        data: Some(run.data.name.clone()),
        data_sha256: Some(run.data.sha256.clone()),
        numbers_sha256: None,
        inputs,
        outputs: last.map_or(0, |shape| shape[0]),
        config: (*run.config).clone(),
    };
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
    let arrays: Vec<(String, Array)> = places.chain(counts).collect();
    let arrays = || arrays.iter().map(|(name, array)| (name, array));
    let failed =
        |error| TrainError::Config(format!("cannot write the network as safetensors: {error}"));
    let numbers = serialize(arrays(), None).map_err(failed)?;
    about.numbers_sha256 = Some(checksum(&numbers));
    drop(numbers);
    let about = serde_json::to_string(&about).expect("metadata have string keys only");
    // A map of the standard library or of hashbrown, depending on the features of safetensors.
    let metadata = [(KEY.to_owned(), about)].into_iter().collect();
    serialize(arrays(), Some(metadata)).map_err(failed)
}

/// A tensor as bytes.
#[derive(Clone)]
struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Array {
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
