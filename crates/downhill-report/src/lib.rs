//! Run records, their statistics, tables, figures and HTML reports.
//!
//! Everything here is a pure function of its arguments: no file, no clock, no printing, and the
//! same records give the same bytes.
//!
//! ```text
//! record lines -> RunRecord -> Experiment -> Report -> text, findings, HTML, pictures, JSON, CSV
//!                           -> TensorBoard's event files
//! ```
//!
//! Three rules hold throughout. Runs that share a seed share initial weights and batches, so
//! methods are compared by paired differences. A diverged run counts as an accuracy of 0 %, the
//! worst possible; it is shown and never dropped. A difference is reported as one only if its
//! interval excludes zero and its test, corrected for the number of tests, is significant. If there
//! are too few seeds for the test, the report says so.

mod drawing;
mod experiment;
mod export;
mod figures;
mod findings;
mod pages;
pub mod record;
pub mod statistics;
mod summary;
mod tables;
mod text;

// Tests within this crate take the made-up runs as a module, for a crate of them would use another
// build of this one.
#[cfg(test)]
extern crate self as downhill_report;
#[cfg(test)]
#[path = "../../downhill-sample/src/lib.rs"]
pub mod sample;

pub use drawing::figure::Picture;
#[cfg(feature = "png")]
pub use drawing::png::{MAX_PIXELS, PngError, png};
pub use experiment::{
    AccuracyTarget, Cell, Experiment, Grid, InvalidExperiment, Method, Published, PublishedFigure,
    TargetImages,
};
pub use export::event_file::event_file;
pub use export::json_lines::{RunObject, run_json};
pub use pages::about::About;
pub use pages::comparison::ComparisonReport;
pub use pages::gradient_check::{GradientReport, GradientRow};
pub use pages::landscapes::{
    Landscape, LandscapeDescent, LandscapeDescents, LandscapeMethod, LandscapeTuning,
    LandscapesReport, TriedRate,
};
pub use pages::search::{PublishedTrials, Round, Search, SearchReport, SearchedSetting, Trial};
pub use pages::training::Report;
pub use pages::valley::{ValleyPath, ValleyReport};
pub use record::RunRecord;
pub use record::lines::{RecordEncoder, RecordError, read_record};
pub use text::columns::{TABLE_WIDTH, TextTable};
pub use text::numbers::{duration, seed_ranges};
