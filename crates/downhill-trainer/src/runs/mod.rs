//! Runs side by side, their records and what the user sees of them.

pub(crate) mod estimate;
pub(crate) mod groups;
pub mod progress;
pub mod store;
pub mod workers;
