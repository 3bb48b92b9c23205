//! A peer that is started again for each turn.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::memory::peak;
use crate::contender::{Contender, Turn};
use crate::failure::Failure;
use crate::peer::{Peer, Script};

/// From the start of the interpreter to the end of the first update.
pub(crate) struct FromStart {
    script: Script,
    pythons: Vec<PathBuf>,
    task: Value,
}

impl FromStart {
    pub(crate) fn new(script: Script, pythons: &[PathBuf], task: Value) -> Self {
        Self {
            script,
            pythons: pythons.to_vec(),
            task,
        }
    }
}

impl Contender for FromStart {
    fn name(&self) -> String {
        self.script.library().to_owned()
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let mut command = self.script.command(&self.pythons, &self.task)?;
        let start = Instant::now();
        let mut peer = Peer::start(&mut command)?;
        peer.turn(steps)?;
        let seconds = start.elapsed().as_secs_f64();
        let memory = peak(peer.id());
        Ok(Turn::of(seconds).with_memory(memory))
    }
}
