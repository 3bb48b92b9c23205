//! Where tables go: to standard output as they come, and to a file of all turns.

use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::machine::Machine;

/// What was measured.
pub(crate) struct Report {
    machine: Machine,
    tables: Vec<Value>,
}

impl Report {
    /// Begins with the machine.
    pub(crate) fn new() -> Result<Self, Failure> {
        let machine = Machine::here();
        writeln!(std::io::stdout(), "{machine}\n")?;
        Ok(Self {
            machine,
            tables: Vec::new(),
        })
    }

    pub(crate) fn add(&mut self, table: &(impl Display + Serialize)) -> Result<(), Failure> {
        writeln!(std::io::stdout(), "{table}")?;
        self.tables.push(serde_json::to_value(table)?);
        Ok(())
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        let all = json!({ "machine": self.machine, "tables": self.tables });
        let text = serde_json::to_string_pretty(&all)?;
        fs::write(file, text)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(())
    }
}
