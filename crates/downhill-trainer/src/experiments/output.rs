//! Output of `train`: text, or only JSON with `--json`.

use std::io::{self, Write};

use downhill_cli::print::{escaped, print};
use downhill_report::{RunRecord, run_json};
use serde::Serialize;

use crate::error::TrainError;

/// Prints to stdout.
pub(crate) struct Output<'a> {
    out: &'a mut (dyn Write + Send),
    json: bool,
    failure: Option<io::Error>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut (dyn Write + Send), json: bool) -> Self {
        Self {
            out,
            json,
            failure: None,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text unless with `--json`.
    pub(crate) fn say(&mut self, text: &str) {
        if !self.json {
            self.print(&escaped(text));
        }
    }

    /// Prints an object on a line of its own with `--json`.
    pub(crate) fn object(&mut self, object: &impl Serialize) {
        if self.json {
            let object = serde_json::to_string(object);
            self.line(&object.expect("an object has string keys only"));
        }
    }

    /// Prints the text of an object with `--json`.
    pub(crate) fn line(&mut self, object: &str) {
        if self.json {
            self.print(&format!("{object}\n"));
        }
    }

    fn print(&mut self, text: &str) {
        if let Err(error) = print(self.out, text) {
            self.failure.get_or_insert(error);
        }
    }

    /// Fails if something could not be printed, which keeps nothing from being trained.
    pub(crate) fn check(&mut self) -> Result<(), TrainError> {
        self.failure
            .take()
            .map_or(Ok(()), |error| Err(TrainError::output(error)))
    }

    /// Prints a finished run with `--json`.
    pub(crate) fn run(&mut self, run: &RunRecord) {
        if self.json {
            self.line(&run_json(run));
        }
    }
}
