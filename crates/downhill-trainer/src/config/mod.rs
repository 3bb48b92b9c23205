//! Experiments as written: config files, `--set`, and the settings they hold.

mod built_in;
pub(crate) mod calls;
pub mod file;
pub(crate) mod images;
pub(crate) mod keys;
pub(crate) mod layers;
pub(crate) mod lines;
pub(crate) mod names;
pub(crate) mod overrides;
pub(crate) mod recipe;
#[cfg(feature = "schema")]
pub mod schema;
pub(crate) mod similar;
pub mod tables;
pub mod training;
pub(crate) mod varied;
pub(crate) mod words;
