//! Contenders of other languages: a process that waits for its turn.
//!
//! ```text
//! peer:   ready NAME          when its data are loaded
//!     or  unable REASON       if the machine lacks what it needs; the peer ends
//! here:   turn STEPS
//! peer:   SECONDS LOSS        the loss may be nan: nothing is trained
//! ```

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use downhill_cli::interpreters::with_package;
use serde_json::Value;

use crate::contender::{Contender, Turn};
use crate::failure::Failure;
use crate::serve::{Task, Who};
use crate::workload::Workload;

/// A process that does steps on command. It ends when this is dropped.
pub(crate) struct Peer {
    name: String,
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A script in `peers/`, its library, and the name under which Python imports that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    file: &'static str,
    library: &'static str,
    package: &'static str,
}

pub(crate) const TORCH: Script = Script {
    file: "torch_peer.py",
    library: "PyTorch",
    package: "torch",
};
pub(crate) const JAX: Script = Script {
    file: "jax_peer.py",
    library: "JAX",
    package: "jax",
};
pub(crate) const NUMPY: Script = Script {
    file: "numpy_peer.py",
    library: "NumPy",
    package: "numpy",
};

pub(crate) const TORCH_CONVOLUTION: Script = Script {
    file: "torch_convolution.py",
    ..TORCH
};
pub(crate) const TORCH_STACK: Script = Script {
    file: "torch_stack.py",
    ..TORCH
};

impl Script {
    pub(crate) fn library(self) -> &'static str {
        self.library
    }

    /// Starts it with its task and waits until its data are loaded. What it compiles, it compiles
    /// in its first turn, which is not timed.
    pub(crate) fn start(self, pythons: &[PathBuf], task: &Value) -> Result<Peer, Failure> {
        Peer::start(&mut self.command(pythons, task)?)
    }

    /// As [`Script::start`]; an inner error is the reason why it is unable to run here.
    pub(crate) fn try_start(
        self,
        pythons: &[PathBuf],
        task: &Value,
    ) -> Result<Result<Peer, String>, Failure> {
        Peer::try_start(&mut self.command(pythons, task)?)
    }

    /// In the task, `threads` says how many it may have, and `cores` where they run.
    pub(crate) fn command(self, pythons: &[PathBuf], task: &Value) -> Result<Command, Failure> {
        let python = with_package(self.package, pythons)?;
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let threads = task["threads"].as_u64().unwrap_or(1).to_string();
        let mut command = Command::new(python);
        command
            .arg(directory.join(self.file))
            .arg(task.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        for library in ["OMP", "OPENBLAS", "MKL"] {
            command.env(format!("{library}_NUM_THREADS"), &threads);
        }
        Ok(command)
    }
}

impl Peer {
    /// A training by this program or by one built of the same source: see `serve`.
    pub(crate) fn serve(program: &Path, who: Who, workload: &Workload) -> Result<Self, Failure> {
        let workload = workload.clone();
        let task = serde_json::to_string(&Task { who, workload })?;
        Self::start(Command::new(program).args(["--serve", &task]))
    }

    /// Waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        Ok(Self::try_start(command)??)
    }

    fn try_start(command: &mut Command) -> Result<Result<Self, String>, Failure> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = piped.spawn()?;
        let orders = process.stdin.take().ok_or("a peer has no stdin")?;
        let answers = process.stdout.take().ok_or("a peer has no stdout")?;
        let name = Path::new(command.get_args().next().unwrap_or(command.get_program()));
        let mut peer = Self {
            name: name.display().to_string(),
            process,
            orders,
            answers: BufReader::new(answers),
        };
        let answer = peer.answer()?;
        if let Some(reason) = answer.strip_prefix("unable ") {
            return Ok(Err(reason.to_owned()));
        }
        let name = answer.strip_prefix("ready ");
        peer.name = name.ok_or_else(|| peer.misunderstood(&answer))?.to_owned();
        Ok(Ok(peer))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            let status = self.process.wait()?;
            let name = &self.name;
            return Err(format!("the peer {name} ended ({status}); see what it says above").into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn misunderstood(&self, answer: &str) -> Failure {
        format!("the peer {} says `{answer}`", self.name).into()
    }
}

impl Contender for Peer {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn lingers(&self) -> bool {
        true
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        writeln!(self.orders, "turn {steps}")?;
        self.orders.flush()?;
        let answer = self.answer()?;
        let numbers: Result<Vec<f64>, _> = answer.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[seconds, loss]) => {
                Ok(Turn::of(seconds).with_loss((!loss.is_nan()).then_some(loss)))
            }
            _ => Err(self.misunderstood(&answer)),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
