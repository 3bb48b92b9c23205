//! Figures as Markdown.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::contender::{Length, Record};
use crate::statistics::Quartiles;

/// A table of times per step.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What a reader must know to read it.
    pub(crate) note: String,
    pub(crate) length: Length,
    pub(crate) records: Vec<Record>,
}

impl Table {
    fn reference<'a>(&'a self, record: &'a Record) -> &'a Record {
        let mut of_group = self
            .records
            .iter()
            .filter(|other| other.group == record.group);
        of_group.next().unwrap_or(record)
    }

    fn microseconds(record: &Record) -> Quartiles {
        Quartiles::of(record.seconds.iter().map(|seconds| seconds * 1e6).collect())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let grouped = self.records.iter().any(|record| !record.group.is_empty());
        let losses = self.records.iter().any(|record| record.losses.is_some());
        heading(f, &self.title, &self.note, self.length, &self.records)?;
        let mut columns = vec!["contender", "µs per step (quartiles)", "ours / this"];
        if grouped {
            columns.insert(0, "optimizer");
        }
        if losses {
            columns.push("loss, first to last turn");
        }
        row(f, &columns)?;
        row(f, &vec!["---"; columns.len()])?;
        for record in &self.records {
            let reference = self.reference(record);
            let ratio = match std::ptr::eq(reference, record) {
                true => String::new(),
                false => Quartiles::of_ratios(&reference.seconds, &record.seconds).text(2),
            };
            let mut cells = vec![
                record.name.clone(),
                Self::microseconds(record).text(0),
                ratio,
            ];
            if grouped {
                cells.insert(0, record.group.clone());
            }
            if losses {
                cells.push(record.losses_text());
            }
            row(f, &cells)?;
        }
        Ok(())
    }
}

/// The title, and under it what a reader must know.
pub(crate) fn heading(
    f: &mut Formatter<'_>,
    title: &str,
    note: &str,
    length: Length,
    records: &[Record],
) -> fmt::Result {
    let rounds = records.first().map_or(0, |record| record.seconds.len());
    writeln!(f, "### {title}\n")?;
    match length {
        Length::Steps(1) => writeln!(f, "{note}; {rounds} rounds.\n"),
        Length::Steps(steps) => writeln!(f, "{note}; {rounds} rounds of {steps} steps.\n"),
        Length::Seconds(seconds) => writeln!(f, "{note}; {rounds} rounds of {seconds} s.\n"),
    }
}

/// A row of a table.
pub(crate) fn row<T: AsRef<str>>(f: &mut Formatter<'_>, cells: &[T]) -> fmt::Result {
    for cell in cells {
        write!(f, "| {} ", cell.as_ref())?;
    }
    writeln!(f, "|")
}
