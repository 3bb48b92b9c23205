//! A part of a test run.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::cargo::{exit_code, line, run};
use crate::say::say;
use crate::summary::{Outcome, Part};

/// Runs a command to its end.
pub(crate) fn part(name: &str, mut command: Command) -> Result<Part> {
    say(&format!("\nxtask: {name}: {}", line(&command)));
    let (start, before) = (Instant::now(), cpu_seconds());
    let outcome = match exit_code(run(&mut command)?) {
        0 => Outcome::Passed,
        code => Outcome::Failed(code),
    };
    let cpu_seconds = cpu_seconds().zip(before);
    Ok(Part {
        name: name.to_owned(),
        outcome,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds.map(|(after, before)| after - before),
    })
}

/// The seconds of processors that all commands have taken so far; `None` but on Linux.
fn cpu_seconds() -> Option<f64> {
    /// Units of a second in which the kernel counts.
    const TICKS: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may contain anything; the third field follows it.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(13);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some((next()? + next()?) as f64 / TICKS)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_as_its_command_does() {
        let outcome = |script| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            part("script", command).unwrap().outcome
        };
        assert_eq!(outcome("exit 0"), Outcome::Passed);
        assert_eq!(outcome("exit 101"), Outcome::Failed(101));
    }
}
