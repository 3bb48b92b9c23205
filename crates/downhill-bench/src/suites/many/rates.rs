//! Network-steps per second as Markdown.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::contender::{Length, Record};
use crate::statistics::Quartiles;
use crate::table::{heading, row};

/// The group of a record is its number of workers; each of them did every step.
#[derive(Debug, Serialize)]
pub(crate) struct Rates {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) length: Length,
    pub(crate) records: Vec<Record>,
}

impl Rates {
    fn of(&self, name: &str, workers: usize) -> Option<&Record> {
        let group = workers.to_string();
        let mut records = self.records.iter();
        records.find(|record| record.group == group && record.name == name)
    }

    /// Network-steps per second, turn by turn.
    fn rates(record: &Record, workers: usize) -> Vec<f64> {
        record
            .seconds
            .iter()
            .map(|seconds| workers as f64 / seconds)
            .collect()
    }
}

impl Display for Rates {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, &self.title, &self.note, self.length, &self.records)?;
        let columns = [
            "contender",
            "one worker, steps per second (quartiles)",
            "two workers",
            "two / one",
            "two workers: ours in threads / this",
            "loss, first to last turn",
        ];
        row(f, &columns)?;
        row(f, &["---"; 6])?;
        let reference = self.records.iter().find(|record| record.group == "2");
        for one in self.records.iter().filter(|record| record.group == "1") {
            let Some(two) = self.of(&one.name, 2) else {
                continue;
            };
            let [of_one, of_two] = [Self::rates(one, 1), Self::rates(two, 2)];
            let ratio = match reference {
                Some(reference) if reference.name != two.name => {
                    Quartiles::of_ratios(&Self::rates(reference, 2), &of_two).text(2)
                }
                _ => String::new(),
            };
            let factor = Quartiles::of_ratios(&of_two, &of_one).text(2);
            let cells = [
                one.name.clone(),
                Quartiles::of(of_one).text(0),
                Quartiles::of(of_two).text(0),
                factor,
                ratio,
                two.losses_text(),
            ];
            row(f, &cells)?;
        }
        Ok(())
    }
}
