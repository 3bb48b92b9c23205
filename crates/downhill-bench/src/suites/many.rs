//! Many networks at once: one, and two, each with a worker of its own.

mod crew;
mod rates;

use std::env;

use serde_json::json;

use super::step::{task, with};
use super::{Wanted, enter};
use crate::contender::{Field, Length, play};
use crate::data::Data;
use crate::failure::Failure;
use crate::floor::Floor;
use crate::peer::{JAX, Peer, TORCH};
use crate::report::Report;
use crate::serve::Who;
use crate::training::Training;
use crate::workload::Workload;
use crew::Crew;
use rates::Rates;

pub(crate) fn run(wanted: &Wanted, data: &Data, report: &mut Report) -> Result<(), Failure> {
    let workload = Workload::new(4, 100, 128);
    let ours = env::current_exe()?;
    let mut field = Field::new();
    for workers in [1, 2] {
        let group = workers.to_string();
        let mut add = |name: &str, crew: Crew| enter(&mut field, &group, crew.called(name));
        add(
            "ours, threads",
            Crew::of(workers, |_| Training::ours(data, &workload))?,
        );
        add(
            "ours, processes",
            Crew::of(workers, |_| Peer::serve(&ours, Who::Ours, &workload))?,
        );
        add(
            "Burn as shipped, threads",
            Crew::of(workers, |_| Training::as_shipped(data, &workload))?,
        );
        if let Some(program) = &wanted.burn_with_defaults {
            let burn = |_| Peer::serve(program, Who::BurnWithDefaults, &workload);
            let name = "Burn, its default features, processes";
            add(name, Crew::of(workers, burn)?);
        }
        add(
            "floor, threads",
            Crew::of(workers, |_| Floor::new(data, &workload))?,
        );
        if wanted.peers() {
            let task = task(data, &workload);
            let pythons = &wanted.pythons;
            let jax = |core| JAX.start(pythons, &with(&task, "cores", json!([core])));
            add(
                "JAX, scan, processes on a core each",
                Crew::of(workers, jax)?,
            );
            let torch = |_| TORCH.start(pythons, &task);
            add("PyTorch, fused Adam, processes", Crew::of(workers, torch)?);
        }
    }
    report.add(&Rates {
        title: "Many networks at once".to_owned(),
        note: format!("{} each, Adam", workload.text()),
        length: LENGTH,
        records: play(field, wanted.rounds(), LENGTH)?,
    })
}

/// Half a second and more: workers that are woken together begin on one core, and it takes the
/// scheduler up to 60 ms to move one of them to the other.
const LENGTH: Length = Length::Steps(1000);
