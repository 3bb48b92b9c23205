//! The kinds of experiments, from plan to report.

pub(crate) mod exports;
pub(crate) mod output;
pub(crate) mod report;
pub(crate) mod search;
