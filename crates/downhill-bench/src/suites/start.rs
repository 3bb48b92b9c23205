//! From the start of the process to the first update.

mod memory;
mod program;
mod script;

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::step::task;
use super::{Wanted, enter};
use crate::contender::{Field, Length, Record, play};
use crate::data::Data;
use crate::failure::Failure;
use crate::peer::{JAX, NUMPY, TORCH};
use crate::report::Report;
use crate::statistics::Quartiles;
use crate::table::{heading, row};
use crate::workload::Workload;
use program::Program;
use script::FromStart;

pub(crate) fn run(wanted: &Wanted, data: &Data, report: &mut Report) -> Result<(), Failure> {
    let workload = Workload::new(4, 100, 128);
    let downhill = (wanted.downhill.as_deref())
        .ok_or("the suite `start` needs --downhill, which `cargo xtask bench` gives")?;
    let mut field = Field::new();
    let few = "`downhill train`: MNIST from within, network, evaluation, update, evaluation, report; \
               300 images";
    enter(&mut field, "", Program::new(downhill, few, 300, &workload)?);
    let all = "the same, evaluated on all 60,000 images";
    enter(
        &mut field,
        "",
        Program::new(downhill, all, 60_000, &workload)?,
    );
    if wanted.peers() {
        for script in [TORCH, JAX, NUMPY] {
            let task = task(data, &workload);
            enter(
                &mut field,
                "",
                FromStart::new(script, &wanted.pythons, task),
            );
        }
    }
    report.add(&Starts {
        title: "From start to first update".to_owned(),
        note: format!(
            "{}, Adam; of the peers: import, MNIST from a file of bytes, network, compilation, \
             update",
            workload.text()
        ),
        records: play(field, wanted.rounds_or(10), Length::Steps(1))?,
    })
}

#[derive(Debug, Serialize)]
struct Starts {
    title: String,
    note: String,
    records: Vec<Record>,
}

impl Display for Starts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, &self.title, &self.note, Length::Steps(1), &self.records)?;
        row(
            f,
            &[
                "contender",
                "milliseconds (quartiles)",
                "memory at the peak, MB",
            ],
        )?;
        row(f, &["---"; 3])?;
        for record in &self.records {
            let seconds = record.seconds.iter();
            let milliseconds = Quartiles::of(seconds.map(|seconds| seconds * 1e3).collect());
            let memory = record
                .memory
                .map_or(String::new(), |bytes| format!("{:.0}", bytes as f64 / 1e6));
            row(f, &[record.name.clone(), milliseconds.text(0), memory])?;
        }
        Ok(())
    }
}
