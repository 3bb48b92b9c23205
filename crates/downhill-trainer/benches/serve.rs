//! This program as a peer of itself: ours in a process of its own.

use std::io::{BufRead, Write};

use crate::contender::Contender;
use crate::data::Data;
use crate::failure::Failure;
use crate::training::Training;
use crate::workload::Workload;

/// Does as `peer` wants it, until standard input ends.
pub(crate) fn serve(task: &str) -> Result<(), Failure> {
    let workload: Workload = serde_json::from_str(task)?;
    let mut training = Training::ours(&Data::load()?, &workload)?;
    let mut out = std::io::stdout();
    writeln!(out, "ready {}", training.name())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let steps = line.strip_prefix("turn ").ok_or("a turn is `turn STEPS`")?;
        let turn = training.turn(steps.parse()?)?;
        writeln!(out, "{} {}", turn.seconds, turn.loss.unwrap_or(f64::NAN))?;
        out.flush()?;
    }
    Ok(())
}
