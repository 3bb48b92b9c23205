//! An experiment as it is written: files, settings and the layers that they make up.

pub mod file;
pub(crate) mod keys;
pub(crate) mod layers;
pub(crate) mod overrides;
pub mod schema;
pub mod tables;
pub mod training;
