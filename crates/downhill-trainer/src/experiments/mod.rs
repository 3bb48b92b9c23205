//! The kinds of experiments, each from plan to report.

pub(crate) mod comparison;
mod descent;
pub(crate) mod exports;
pub(crate) mod gradient_check;
pub(crate) mod landscapes;
pub(crate) mod output;
mod report;
pub(crate) mod search;
pub(crate) mod trainings;
pub(crate) mod valley;
