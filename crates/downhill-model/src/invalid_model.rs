//! The error of settings that no network can have.

use std::borrow::Cow;

use thiserror::Error;

/// An error in the settings of a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{key} must {must}, got {value}")]
pub struct InvalidModel {
    key: Cow<'static, str>,
    must: Cow<'static, str>,
    value: String,
}

impl InvalidModel {
    pub(crate) fn new(
        key: impl Into<Cow<'static, str>>,
        must: impl Into<Cow<'static, str>>,
        value: &impl ToString,
    ) -> Self {
        Self {
            key: key.into(),
            must: must.into(),
            value: value.to_string(),
        }
    }

    /// Path of the setting within [`MlpConfig`](crate::MlpConfig).
    pub fn key(&self) -> &str {
        &self.key
    }
}
