//! The counts on record.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The record, from the workspace on.
pub(crate) const FILE: &str = "crates/downhill-bench/instructions.toml";

/// Instructions by the name of the work.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(crate) fn insert(&mut self, work: &str, instructions: u64) {
        self.0.insert(work.to_owned(), instructions);
    }

    pub(crate) fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(path());
        let text = text.map_err(|error| format!("cannot read {FILE}: {error}"))?;
        let counts = toml::from_str(&text);
        Ok(Self(counts.map_err(|error| format!("{FILE}: {error}"))?))
    }

    pub(crate) fn write(&self) -> Result<(), Failure> {
        let head = "# Instructions of each piece of work, by AVX2, as valgrind counts them. Renewed by\n\
                    # `cargo xtask bench --instructions --write`, compared without `--write`.\n";
        let written = fs::write(path(), format!("{head}\n{self}"));
        written.map_err(|error| format!("cannot write {FILE}: {error}"))?;
        Ok(())
    }

    /// What takes more than `bound` times what it took, each in words; what is only on one side
    /// counts as grown.
    pub(crate) fn grown_since(&self, recorded: &Self, bound: f64) -> Vec<String> {
        let mut grown = Vec::new();
        for (work, &now) in &self.0 {
            match recorded.0.get(work) {
                Some(&before) if now as f64 <= bound * before as f64 => {}
                Some(&before) => grown.push(format!("{work} from {before} to {now}")),
                None => grown.push(format!("{work}, which is not there")),
            }
        }
        grown
    }

    /// A table of both.
    pub(crate) fn beside(&self, recorded: &Self) -> String {
        let mut text =
            "| work | instructions | on record | change |\n| --- | --- | --- | --- |\n".to_owned();
        for (work, &now) in &self.0 {
            let before = recorded.0.get(work);
            let change = before.map_or(String::new(), |&before| {
                format!("{:+.2} %", 100.0 * (now as f64 / before as f64 - 1.0))
            });
            let before = before.map_or(String::new(), u64::to_string);
            text.push_str(&format!("| {work} | {now} | {before} | {change} |\n"));
        }
        text
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (work, instructions) in &self.0 {
            writeln!(f, "{work} = {instructions}")?;
        }
        Ok(())
    }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}
