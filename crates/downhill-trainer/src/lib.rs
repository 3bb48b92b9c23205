//! The laboratory: turns an experiment's config into runs, records and a report.
//!
//! ```text
//! config as written -> plan as resolved -> data -> runs -> records -> report
//! ```
//!
//! [`train`] goes down that list. [`training::Training`] is a single run, for those who want one
//! without files.

pub mod arguments;
pub mod command_line;
pub mod config;
pub mod device;
pub mod device_data;
pub mod ensemble_training;
mod ensembles;
mod error;
mod estimate;
pub mod evaluate;
pub mod experiment_file;
mod exports;
mod gradient_check;
mod grid;
mod histogram;
mod kind;
mod known_keys;
mod layers;
mod losses;
mod other_kinds;
mod output;
mod overrides;
pub mod plan;
pub mod plan_text;
mod pretraining;
pub mod progress;
mod published;
mod report_again;
pub mod runs;
pub mod runs_list;
mod schema;
mod search;
mod searching;
mod shared_images;
pub mod store;
mod target;
mod train;
pub mod training;
mod valley;
pub mod weights;
pub mod workers;

mod evaluation;

pub use arguments::{Backend, OutputArguments, TrainArguments};
pub use error::TrainError;
pub use evaluate::evaluate;
pub use gradient_check::GradientCheckConfig;
pub use kind::Kind;
pub use report_again::report;
pub use runs_list::list_runs;
pub use schema::schema;
pub use search::{PublishedSearch, PublishedTrial, Range, SearchConfig, SearchedRange};
pub use target::TargetConfig;
pub use train::{Done, train};
pub use valley::ValleyConfig;

/// The project's README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
