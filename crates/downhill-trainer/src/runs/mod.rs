//! Training of many runs: workers, records, progress, estimates.

pub(crate) mod estimate;
pub(crate) mod experiment;
pub(crate) mod files;
pub(crate) mod groups;
pub(crate) mod parameters;
pub(crate) mod pool;
pub(crate) mod progress;
pub mod records;
pub mod store;
pub(crate) mod threads;
pub mod timings;
