//! The suites: which contenders do which work.

pub(crate) mod many;
pub(crate) mod start;
pub(crate) mod step;
pub(crate) mod update;

use std::path::PathBuf;

use crate::contender::{Contender, Field};

/// What a run was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) rounds: Option<usize>,
    /// Interpreters of the peers, none where they do not take part.
    pub(crate) pythons: Vec<PathBuf>,
    /// This program, built with Burn's default features, where it takes part.
    pub(crate) burn_with_defaults: Option<PathBuf>,
}

impl Wanted {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(40)
    }

    pub(crate) fn peers(&self) -> bool {
        !self.pythons.is_empty()
    }
}

/// Adds a contender to a group.
pub(crate) fn enter(field: &mut Field, group: &str, contender: impl Contender + 'static) {
    field.push((group.to_owned(), Box::new(contender)));
}
