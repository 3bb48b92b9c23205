//! Output of `train`: text, or only JSON with `--json`.

use std::io::Write;

use downhill_cli::print::print;
use downhill_report::{RunRecord, run_json};
use serde::Serialize;

/// Prints to stdout.
pub(crate) struct Output<'a> {
    out: &'a mut (dyn Write + Send),
    json: bool,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut (dyn Write + Send), json: bool) -> Self {
        Self { out, json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text unless with `--json`.
    pub(crate) fn say(&mut self, text: &str) {
        if !self.json {
            print(self.out, text);
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
            print(self.out, &format!("{object}\n"));
        }
    }

    /// Prints a finished run with `--json`.
    pub(crate) fn run(&mut self, run: &RunRecord) {
        if self.json {
            self.line(&run_json(run));
        }
    }
}
