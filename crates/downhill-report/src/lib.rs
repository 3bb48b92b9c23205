//! Run records, their statistics, tables, figures and HTML reports.
//!
//! Everything here is a pure function of its arguments: no file, no clock, no printing, and the
//! same records give the same bytes.
//!
//! ```text
//! record lines -> RunRecord -> Experiment -> statistics -> text table, findings, HTML page
//!                                          -> CSV, JSON lines, TensorBoard's event files
//! ```
//!
//! Three rules hold throughout. Runs that share a seed share initial weights and batches, so
//! methods are compared by paired differences. A diverged run counts as an accuracy of 0 %, the
//! worst there is; it is shown and never dropped. A difference is told as one only if its interval
//! leaves out zero and its test, corrected for how many there are, says so, too; where there are
//! too few seeds for the test, that is said.

mod drawing;
mod experiment;
mod export;
mod figures;
mod findings;
mod pages;
pub mod record;
#[doc(hidden)]
pub mod sample;
pub mod statistics;
mod summary;
mod tables;
mod text;

pub use drawing::figure::Picture;
#[cfg(feature = "png")]
pub use drawing::png::{MOST_PIXELS, PngError, png};
pub use experiment::{
    Cell, Experiment, Grid, InvalidExperiment, Method, Published, PublishedFigure,
};
pub use export::{
    differences_csv, event_file, paths_csv, run_json, runs_csv, runs_json_lines, summary_json,
    trials_csv,
};
pub use figures::profiles::{Extras, Target};
pub use figures::{accuracy_figure, loss_figure};
pub use findings::findings;
pub use findings::limits::limits;
pub use pages::comparison::{comparison_pictures, render_comparison};
pub use pages::gradient_check::{GradientReport, GradientRow};
pub use pages::page::About;
pub use pages::search::{PublishedTrials, Round, Search, SearchReport, SearchedSetting, Trial};
pub use pages::training::{pictures, render_html, render_html_with};
pub use pages::valley::{ValleyPath, ValleyReport};
pub use record::lines::{RecordError, RunRecord, encode, read_record};
pub use summary::target::{AccuracyTarget, TargetImages};
pub use tables::{TABLE_WIDTH, text_table};
pub use text::numbers::duration;
