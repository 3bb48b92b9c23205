//! The laboratory: turns the config of an experiment into runs, records and a report.
//!
//! ```text
//! config as written -> plan as resolved -> data -> runs -> records -> report
//! ```
//!
//! [`train`] goes down that list. [`training::Training`] is a single run without files.
//! [`Laboratory`] is the whole command line, to which optimizers of your own can be added.

mod code;
pub mod commands;
pub mod config;
pub mod device;
mod done;
mod error;
mod experiments;
mod laboratory;
pub mod plan;
pub mod runs;
pub mod training;
pub mod weights;

pub use commands::evaluate::evaluate;
pub use commands::optimizers::list_optimizers;
pub use commands::report::report;
pub use commands::runs::list_runs;
pub use commands::train::train;
#[cfg(feature = "schema")]
pub use config::schema::schema;
pub use config::tables::gradient_check::GradientCheckConfig;
pub use config::tables::kind::Kind;
pub use config::tables::landscapes::{LandscapeConfig, LandscapesConfig};
pub use config::tables::search::{
    PublishedSearch, PublishedTrial, Range, SearchConfig, SearchedRange,
};
pub use config::tables::target::TargetConfig;
pub use config::tables::valley::ValleyConfig;
pub use done::Done;
pub use downhill_cli as cli;
pub use downhill_cli::backend::Backend;
pub use downhill_cli::train::{OutputArguments, TrainArguments};
pub use error::TrainError;
pub use laboratory::Laboratory;
pub use runs::pool::is_training;

/// The project's README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
