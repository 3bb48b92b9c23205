//! The suites: which contenders do which work.

pub(crate) mod convolution;
pub(crate) mod ensemble;
pub(crate) mod launches;
pub(crate) mod many;
pub(crate) mod start;
pub(crate) mod step;
pub(crate) mod update;

use std::path::PathBuf;

use downhill_cli::backend::Backend;

use crate::contender::{Contender, Field};

/// The arguments of a run.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) rounds: Option<usize>,
    /// Interpreters of the peers; empty without peers.
    pub(crate) pythons: Vec<PathBuf>,
    /// This program, built with Burn's default features; `None` if it does not take part.
    pub(crate) burn_with_defaults: Option<PathBuf>,
    /// Backend of the suite `ensemble`.
    pub(crate) backend: Backend,
    /// Networks in an ensemble, one table for each number.
    pub(crate) networks: Vec<usize>,
    /// Threads of the suite `convolution`.
    pub(crate) threads: usize,
    /// The binary of the trainer, which the suite `start` runs.
    pub(crate) downhill: Option<PathBuf>,
}

impl Wanted {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds_or(40)
    }

    pub(crate) fn rounds_or(&self, default: usize) -> usize {
        self.rounds.unwrap_or(default)
    }

    pub(crate) fn peers(&self) -> bool {
        !self.pythons.is_empty()
    }
}

/// Adds a contender to a group.
pub(crate) fn enter(field: &mut Field, group: &str, contender: impl Contender + 'static) {
    field.push((group.to_owned(), Box::new(contender)));
}
