//! Contenders, and the rounds in which they take turns.

use std::io::{IsTerminal, Write};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;

/// Who does the same work as the others.
pub(crate) trait Contender: Send {
    /// What the table calls it.
    fn name(&self) -> String;

    /// Does this number of steps.
    fn turn(&mut self, steps: usize) -> Result<Turn, Failure>;

    /// Whether its threads may spin for a while after a turn, waiting for more work.
    fn lingers(&self) -> bool {
        false
    }
}

/// What a turn gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// That the steps took.
    pub(crate) seconds: f64,
    /// Loss of the steps, each before its own update: their mean, or that of the last one. `None`
    /// if nothing is trained.
    pub(crate) loss: Option<f64>,
    /// Bytes at the peak, where that was looked at.
    pub(crate) memory: Option<u64>,
}

impl Turn {
    /// Without a loss.
    pub(crate) fn of(seconds: f64) -> Self {
        Self {
            seconds,
            loss: None,
            memory: None,
        }
    }

    pub(crate) fn with_loss(self, loss: Option<f64>) -> Self {
        Self { loss, ..self }
    }

    pub(crate) fn with_memory(self, memory: Option<u64>) -> Self {
        Self { memory, ..self }
    }
}

/// A contender's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    /// Contenders of one group are compared with its first.
    pub(crate) group: String,
    pub(crate) name: String,
    /// Seconds per step, one entry for each round.
    pub(crate) seconds: Vec<f64>,
    /// Mean losses of the first turn, which is not timed, and of the last.
    pub(crate) losses: Option<[f64; 2]>,
    /// Most bytes of any turn.
    pub(crate) memory: Option<u64>,
}

impl Record {
    /// `first to last`, or nothing.
    pub(crate) fn losses_text(&self) -> String {
        let text = |[first, last]: [f64; 2]| format!("{first:.3} to {last:.3}");
        self.losses.map_or(String::new(), text)
    }
}

/// The contenders of a table, each with its group.
pub(crate) type Field = Vec<(String, Box<dyn Contender>)>;

/// The length of a turn.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Length {
    /// The same number of steps for all.
    Steps(usize),
    /// As many steps as fill this number of seconds, estimated from earlier turns.
    Seconds(f64),
}

impl Length {
    fn first(self) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Seconds(_) => 2,
        }
    }

    /// Returns the number of steps of the next turn, given the seconds of a step.
    fn next(self, seconds_per_step: f64) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Seconds(seconds) => ((seconds / seconds_per_step) as usize).clamp(1, 2000),
        }
    }
}

/// Turns that are not counted: caches, allocators and branch predictors settle.
const WARM_UP: usize = 2;
/// Threads of OpenMP wait for 0.2 s on their core before they sleep; who comes next should have it.
const LINGERS: Duration = Duration::from_millis(300);

/// Lets the contenders take turns, one at a time. Each round begins with another one, so that
/// nobody always follows the same neighbour.
pub(crate) fn play(
    mut field: Field,
    rounds: usize,
    length: Length,
) -> Result<Vec<Record>, Failure> {
    let mut steps = vec![length.first(); field.len()];
    let mut records: Vec<Record> = (field.iter())
        .map(|(group, contender)| Record {
            group: group.clone(),
            name: contender.name(),
            seconds: Vec::with_capacity(rounds),
            losses: None,
            memory: None,
        })
        .collect();
    for round in 0..WARM_UP + rounds {
        progress(round, WARM_UP + rounds);
        for place in 0..field.len() {
            let index = (round + place) % field.len();
            let contender = &mut field[index].1;
            let turn = contender.turn(steps[index])?;
            if contender.lingers() {
                thread::sleep(LINGERS);
            }
            let seconds = turn.seconds / steps[index] as f64;
            steps[index] = length.next(seconds);
            let record = &mut records[index];
            if let Some(loss) = turn.loss {
                record.losses = Some([record.losses.map_or(loss, |[first, _]| first), loss]);
            }
            record.memory = record.memory.max(turn.memory);
            if round >= WARM_UP {
                record.seconds.push(seconds);
            }
        }
    }
    Ok(records)
}

/// A line that the next one replaces; none is left after the last round.
fn progress(round: usize, rounds: usize) {
    let mut error = std::io::stderr();
    if !error.is_terminal() {
        return;
    }
    let _ = match round + 1 == rounds {
        true => write!(error, "\r\x1b[K"),
        false => write!(error, "\r\x1b[Kround {} of {rounds}", round + 1),
    };
    let _ = error.flush();
}
