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
//! Two rules hold throughout. Runs that share a seed share initial weights and batches, so methods
//! are compared by paired differences. A diverged run counts as an accuracy of 0 %, the worst
//! there is; it is shown and never dropped.

mod colors;
mod curves;
mod effect;
mod experiment;
mod export;
mod figures;
mod findings;
mod html;
mod limits;
mod number_text;
mod plot;
pub mod record;
pub mod record_lines;
#[doc(hidden)]
pub mod sample;
pub mod statistics;
mod strips;
mod summary;
mod table;
mod training_data;

pub use experiment::{Experiment, InvalidExperiment, Method};
pub use export::{event_file, run_json, runs_csv, runs_json_lines, summary_json};
pub use figures::{accuracy_figure, loss_figure};
pub use findings::findings;
pub use html::render_html;
pub use limits::limits;
pub use number_text::duration;
pub use record_lines::{RecordError, RunRecord, encode, read_record};
pub use table::{TABLE_WIDTH, text_table};
