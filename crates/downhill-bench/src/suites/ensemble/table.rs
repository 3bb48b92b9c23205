//! Steps of ensembles of one size as Markdown.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::contender::{Length, Record};
use crate::statistics::Quartiles;
use crate::table::{heading, row};

/// The group of a record is the number of networks that a step trains.
#[derive(Debug, Serialize)]
pub(crate) struct Sizes {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) length: Length,
    pub(crate) networks: usize,
    /// Milliseconds that the products and the update of a step take on this device at least.
    pub(crate) limit: [f64; 2],
    /// That of the ensemble first.
    pub(crate) records: Vec<Record>,
    /// What could not be measured here, and why.
    pub(crate) missing: Vec<String>,
}

/// Network-steps per second, round by round.
fn rates(record: &Record) -> Vec<f64> {
    let networks: f64 = record.group.parse().unwrap_or(1.0);
    let seconds = record.seconds.iter();
    seconds.map(|seconds| networks / seconds).collect()
}

impl Display for Sizes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, &self.title, &self.note, self.length, &self.records)?;
        let columns = [
            "contender",
            "ms per step (quartiles)",
            "network-steps/s",
            "the ensemble / this",
            "loss, first to last turn",
        ];
        row(f, &columns)?;
        row(f, &["---"; 5])?;
        for record in &self.records {
            let milliseconds = record.seconds.iter().map(|seconds| 1e3 * seconds).collect();
            let ratio = Quartiles::of_ratios(&rates(&self.records[0]), &rates(record));
            let cells = [
                record.name.clone(),
                Quartiles::of(milliseconds).text(2),
                format!("{:.0}", Quartiles::of(rates(record)).median),
                ratio.text(2),
                record.losses_text(),
            ];
            row(f, &cells)?;
        }
        let [products, update] = self.limit;
        writeln!(
            f,
            "\nLimit of the device: products {products:.3} ms, update {update:.3} ms.\n"
        )?;
        for missing in &self.missing {
            writeln!(f, "Not measured: {missing}.\n")?;
        }
        Ok(())
    }
}
