//! Whole training steps: images gathered, loss, gradients, update.

use serde_json::{Value, json};

use super::{Wanted, enter};
use crate::contender::{Field, Length, play};
use crate::data::Data;
use crate::failure::Failure;
use crate::floor::Floor;
use crate::optimizers::{Pair, elementwise};
use crate::peer::{JAX, NUMPY, Peer, TORCH};
use crate::report::Report;
use crate::serve::Who;
use crate::table::Table;
use crate::training::Training;
use crate::workload::Workload;

pub(crate) fn run(wanted: &Wanted, data: &Data, report: &mut Report) -> Result<(), Failure> {
    let regularized = Workload::new(6, 100, 100).regularized();
    let wide = Workload::new(3, 1024, 128).threads(2);
    report.add(&table(wanted, data, &Workload::new(4, 100, 128), 50)?)?;
    report.add(&table(wanted, data, &regularized, 50)?)?;
    // The first two to four steps of a turn take twice as long: a woken thread begins on the core
    // of who woke it, until the scheduler moves it.
    report.add(&table(wanted, data, &wide, 40)?)?;
    report.add(&by_optimizer(wanted, data)?)
}

/// With each optimizer that Burn has, too.
fn by_optimizer(wanted: &Wanted, data: &Data) -> Result<Table, Failure> {
    let workload = Workload::new(6, 100, 100);
    let mut field = Field::new();
    for Pair { ours, burns } in elementwise() {
        let Some(burns) = burns else { continue };
        let group = ours.name();
        enter(&mut field, group, Training::ours_by(ours, data, &workload)?);
        let burns = Training::as_shipped_by(burns, data, &workload)?;
        enter(&mut field, group, burns);
    }
    Ok(Table {
        title: "A training step with each optimizer".to_owned(),
        note: workload.text(),
        length: Length::Steps(10),
        records: play(field, wanted.rounds(), Length::Steps(10))?,
    })
}

fn table(
    wanted: &Wanted,
    data: &Data,
    workload: &Workload,
    steps: usize,
) -> Result<Table, Failure> {
    let mut field = Field::new();
    enter(&mut field, "", Training::ours(data, workload)?);
    enter(&mut field, "", Training::as_shipped(data, workload)?);
    if let Some(program) = &wanted.burn_with_defaults {
        let burn = Peer::serve(program, Who::BurnWithDefaults, workload)?;
        enter(&mut field, "", burn);
    }
    if !workload.regularized {
        enter(&mut field, "", Floor::new(data, workload)?);
    }
    if wanted.peers() {
        let task = task(data, workload);
        let pythons = &wanted.pythons;
        enter(&mut field, "", TORCH.start(pythons, &task)?);
        let compiled = with(&task, "compile", json!(true));
        enter(&mut field, "", TORCH.start(pythons, &compiled)?);
        let cores: Vec<usize> = (0..workload.threads).collect();
        let pinned = with(&task, "cores", json!(cores));
        enter(&mut field, "", JAX.start(pythons, &pinned)?);
        enter(&mut field, "", NUMPY.start(pythons, &task)?);
    }
    Ok(Table {
        title: "A training step".to_owned(),
        note: format!("{}, Adam", workload.text()),
        length: Length::Steps(steps),
        records: play(field, wanted.rounds(), Length::Steps(steps))?,
    })
}

/// The input of a peer: the workload and the path of the images.
pub(crate) fn task(data: &Data, workload: &Workload) -> Value {
    with(&workload.for_peer(), "data", json!(data.files()))
}

/// A task with one entry more.
pub(crate) fn with(task: &Value, key: &str, value: Value) -> Value {
    let mut task = task.clone();
    task[key] = value;
    task
}
