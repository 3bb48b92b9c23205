//! What a file says about its network.

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

/// The only key of the metadata.
pub(super) const KEY: &str = "downhill";

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
