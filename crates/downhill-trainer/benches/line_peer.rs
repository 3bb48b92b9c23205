//! A contender in Python that answers a number of steps, a line, by their seconds and the last loss.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;

/// A process that waits for its turn, and ends with this.
pub(crate) struct LinePeer {
    /// What it calls itself.
    pub(crate) name: String,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl LinePeer {
    /// Starts a script of `peers/` and waits until it is ready; nothing where it says `none: REASON`, for
    /// then the machine has not what it takes.
    pub(crate) fn start(
        python: &str,
        script: &str,
        arguments: &[String],
    ) -> Result<Result<Self, String>, Failure> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        // `cargo bench` runs in the directory of the crate, its user in that of the workspace.
        let of_workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(python);
        let python = match of_workspace.is_file() {
            true => of_workspace.as_path(),
            false => Path::new(python),
        };
        let mut process = Command::new(python)
            .arg(directory.join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = process.stdin.take().ok_or("no way in")?;
        let from = BufReader::new(process.stdout.take().ok_or("no way out")?);
        let mut peer = Self {
            name: String::new(),
            process,
            to,
            from,
        };
        peer.name = peer.answer()?;
        Ok(match peer.name.strip_prefix("none: ") {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(peer),
        })
    }

    /// Seconds of so many steps, and the last loss.
    pub(crate) fn run(&mut self, steps: usize) -> Result<(f64, f64), Failure> {
        writeln!(self.to, "{steps}")?;
        let answer = self.answer()?;
        let (seconds, loss) = answer.split_once(' ').ok_or("a peer said nothing")?;
        // Threads of OpenMP keep their core for a while in wait of more.
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok((seconds.parse()?, loss.parse()?))
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.from.read_line(&mut line)? {
            0 => Err("a peer ended; see what it says above".into()),
            _ => Ok(line.trim().to_owned()),
        }
    }
}

impl Drop for LinePeer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
