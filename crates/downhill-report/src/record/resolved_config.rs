//! The config of a run, which many runs share.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A resolved config. Its clones are one value in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedConfig(Arc<Value>);

impl ResolvedConfig {
    /// Becomes the other one if they are equal, so that there is only one value in memory.
    pub fn share(&mut self, other: &Self) {
        if self == other {
            self.0 = Arc::clone(&other.0);
        }
    }
}

impl From<Value> for ResolvedConfig {
    fn from(config: Value) -> Self {
        Self(Arc::new(config))
    }
}

impl Deref for ResolvedConfig {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Serialize for ResolvedConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ResolvedConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
