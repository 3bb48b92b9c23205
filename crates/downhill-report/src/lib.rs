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
//! Three rules hold throughout. Runs that share a seed share initial weights and batches, so methods
//! are compared by paired differences. A diverged run counts as an accuracy of 0 %, the worst
//! there is; it is shown and never dropped. A difference is told as one only if its interval leaves
//! out zero and its test, corrected for how many there are, says so, too; where there are too few
//! seeds for the test, that is said.

mod axis;
mod band;
mod chart;
mod colors;
mod comparison;
mod curves;
mod effect;
mod experiment;
mod export;
mod figure;
mod figures;
mod findings;
mod gradient;
mod grid_findings;
mod html;
mod labels;
mod limits;
mod number_text;
mod page;
mod plot;
#[cfg(feature = "png")]
mod png;
pub mod record;
pub mod record_lines;
#[doc(hidden)]
pub mod sample;
mod search;
mod smoothing;
pub mod statistics;
mod strips;
mod summary;
mod table;
mod target;
mod target_table;
mod text_columns;
mod training_data;
mod validation;
mod valley;

pub use comparison::{comparison_pictures, render_comparison};
pub use experiment::{
    Cell, Experiment, Grid, InvalidExperiment, Method, Published, PublishedFigure,
};
pub use export::{
    differences_csv, event_file, paths_csv, run_json, runs_csv, runs_json_lines, summary_json,
    trials_csv,
};
pub use figure::Picture;
pub use figures::profiles::{Extras, Target};
pub use figures::{accuracy_figure, loss_figure};
pub use findings::findings;
pub use gradient::{GradientReport, GradientRow};
pub use html::{pictures, render_html, render_html_with};
pub use limits::limits;
pub use number_text::duration;
pub use page::About;
#[cfg(feature = "png")]
pub use png::{MOST_PIXELS, PngError, png};
pub use record_lines::{RecordError, RunRecord, encode, read_record};
pub use search::{PublishedTrials, Round, Search, SearchReport, SearchedSetting, Trial};
pub use table::{TABLE_WIDTH, text_table};
pub use target::{AccuracyTarget, TargetImages};
pub use valley::{ValleyPath, ValleyReport};
