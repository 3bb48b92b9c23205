//! Metadata of a file of weights.

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The single key of the metadata.
pub(super) const KEY: &str = "downhill";

/// What a file written by this crate stores about its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Run that trained the network.
    pub run: String,
    /// Experiment of the run.
    pub experiment: String,
    /// Method of the run.
    pub method: String,
    /// Seed of the run.
    pub seed: u64,
    /// Backend of the run.
    pub backend: String,
    /// Name of the images that the network was trained on.
    #[serde(default)]
    pub data: Option<String>,
    /// Their checksum.
    #[serde(default)]
    pub data_sha256: Option<String>,
    /// SHA-256 of all numbers of the file.
    #[serde(default)]
    pub numbers_sha256: Option<String>,
    /// Number of inputs: the pixels of an image, in \[0, 1\].
    pub inputs: usize,
    /// Number of logits.
    pub outputs: usize,
    /// Settings of the run; those of the network are under `model`.
    pub config: serde_json::Value,
}

/// Reads the metadata of a file; `None` if another program wrote it.
///
/// # Errors
///
/// A file that is not safetensors, and numbers that are not those that were written.
pub fn metadata(bytes: &[u8]) -> Result<Option<Metadata>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let Some(text) = header.metadata().as_ref().and_then(|all| all.get(KEY)) else {
        return Ok(None);
    };
    let about: Metadata = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let written = about.numbers_sha256.as_ref();
    match written.is_some_and(|written| *written != checksum(bytes)) {
        true => Err(
            "it is damaged or was edited: its numbers do not have their checksum; the metadata \
                  `downhill` of an edited file are to be left out"
                .to_owned(),
        ),
        false => Ok(Some(about)),
    }
}

/// The checksum of the numbers of a file, which come after its header.
pub(super) fn checksum(file: &[u8]) -> String {
    let length = file
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let numbers = usize::try_from(length)
        .ok()
        .and_then(|it| file.get(it.checked_add(8)?..));
    downhill_data::hex(&Sha256::digest(numbers.unwrap_or_default()))
}
