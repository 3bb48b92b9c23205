//! Metadata of a file of weights.

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

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
/// A file that is not safetensors.
pub fn metadata(bytes: &[u8]) -> Result<Option<Metadata>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let read = |text: &String| serde_json::from_str(text).map_err(|error| error.to_string());
    text.map(read).transpose()
}
