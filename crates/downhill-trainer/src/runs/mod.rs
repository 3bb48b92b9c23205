//! Training of many runs: workers, records, progress, estimates.

pub(crate) mod again;
pub(crate) mod ensembles;
pub(crate) mod estimate;
pub(crate) mod experiment;
pub(crate) mod files;
pub(crate) mod groups;
mod locks;
pub(crate) mod parameters;
pub(crate) mod pool;
pub(crate) mod progress;
mod recorder;
pub mod records;
pub mod store;
pub(crate) mod threads;
pub mod timings;
mod writer;
