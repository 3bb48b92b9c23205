//! A part of a test run.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::cargo::{exit_code, line, run};
use crate::say::say;
use crate::summary::{Outcome, Part};

/// Runs a command to its end.
pub(crate) fn part(name: &str, mut command: Command) -> Result<Part> {
    say(&format!("\nxtask: {name}: {}", line(&command)));
    let start = Instant::now();
    let outcome = match exit_code(run(&mut command)?) {
        0 => Outcome::Passed,
        code => Outcome::Failed(code),
    };
    Ok(Part {
        name: name.to_owned(),
        outcome,
        seconds: start.elapsed().as_secs_f64(),
    })
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
