//! Runs for other programs: CSV, JSON lines and TensorBoard's event files.
//!
//! All three say what the records say. A diverged run has an outcome and no final score in any of
//! them.

mod csv;
mod event_file;
mod json_lines;
mod json_summary;
mod protobuf;

pub use csv::{differences_csv, paths_csv, runs_csv, trials_csv};
pub use event_file::event_file;
pub use json_lines::{run_json, runs_json_lines};
pub use json_summary::summary_json;

use crate::record::Outcome;

/// `finished` or `diverged`.
pub(crate) fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Finished => "finished",
        Outcome::Diverged { .. } => "diverged",
    }
}
