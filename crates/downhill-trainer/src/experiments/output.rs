//! What `train` says on the standard output: text, or with `--json` nothing but JSON.

use std::io::Write;

use downhill_report::{RunRecord, run_json};
use serde::Serialize;

use crate::cli::print::print;

/// Where what was found is said. A reader that is gone is no reason to fail.
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

    /// Text for people; nothing where JSON is wanted.
    pub(crate) fn say(&mut self, text: &str) {
        if !self.json {
            print(self.out, text);
        }
    }

    /// An object on a line of its own, where JSON is wanted.
    pub(crate) fn object(&mut self, object: &impl Serialize) {
        if self.json {
            let object = serde_json::to_string(object);
            self.line(&object.expect("an object has string keys only"));
        }
    }

    /// The text of an object, where JSON is wanted.
    pub(crate) fn line(&mut self, object: &str) {
        if self.json {
            print(self.out, &format!("{object}\n"));
        }
    }

    /// A run that is finished, where JSON is wanted.
    pub(crate) fn run(&mut self, run: &RunRecord) {
        if self.json {
            self.line(&run_json(run));
        }
    }
}
