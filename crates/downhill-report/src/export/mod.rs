//! Runs for other programs: CSV, JSON lines and TensorBoard's event files.
//!
//! All three say what the records say. A diverged run has an outcome and no final score in any of
//! them.

pub(crate) mod csv;
pub(crate) mod event_file;
pub(crate) mod json_lines;
pub(crate) mod json_summary;
mod protobuf;
