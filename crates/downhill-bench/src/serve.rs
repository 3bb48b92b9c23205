//! This program as a peer of itself: a training in a process of its own.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::data::Data;
use crate::failure::Failure;
use crate::training::Training;
use crate::workload::Workload;

/// What such a process trains.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) who: Who,
    pub(crate) workload: Workload,
}

/// In whose way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Who {
    Ours,
    /// By Burn's tensors and optimizer, the program being built with Burn's default features.
    BurnWithDefaults,
}

/// Does as `peer` wants it, until standard input ends.
pub(crate) fn serve(task: &str) -> Result<(), Failure> {
    let Task { who, workload } = serde_json::from_str(task)?;
    let data = Data::load()?;
    let (name, mut training) = match who {
        Who::Ours => ("ours, a process", Training::ours(&data, &workload)?),
        Who::BurnWithDefaults => (
            "Burn, its default features",
            Training::as_shipped(&data, &workload)?,
        ),
    };
    let mut out = std::io::stdout();
    writeln!(out, "ready {name}")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let steps = line.strip_prefix("turn ").ok_or("a turn is `turn STEPS`")?;
        let turn = training.turn(steps.parse()?)?;
        writeln!(out, "{} {}", turn.seconds, turn.loss.unwrap_or(f64::NAN))?;
        out.flush()?;
    }
    Ok(())
}
