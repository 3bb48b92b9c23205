//! `cargo xtask test`: the tests, on every backend.

use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::arguments::Backend;
use crate::cargo::{cargo, exit_code, line, run as run_command};
use crate::say;
use crate::summary::{Outcome, Part, Summary};
use crate::vulkan::{self, Driver, System};

/// Run the tests on every backend, or on those named
///
/// flex also runs the tests of the crates themselves, those in their documentation included. wgpu
/// needs a Vulkan driver. Where there is none, on Debian and Ubuntu a software driver is got: as
/// root installed, else unpacked under target/vulkan, where nothing else is touched.
///
/// All parts run even where one fails, and the last lines sum them up. Exit codes: 0 all passed,
/// 1 one failed, 2 usage, 5 one could not be run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only on this backend; may come several times [default: all three]
    #[arg(long = "backend", value_enum, value_name = "BACKEND")]
    backends: Vec<Backend>,

    /// Do not get a software Vulkan driver: fail where there is none
    #[arg(long)]
    no_setup: bool,
}

impl Arguments {
    /// Only on flex, which needs nothing but a CPU.
    pub(crate) fn flex() -> Self {
        Self {
            backends: vec![Backend::Flex],
            no_setup: true,
        }
    }
}

/// Runs all parts, then says how they ended.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut summary = Summary::default();
    for backend in selected(&arguments.backends) {
        let name = format!("backends on {}", backend.name());
        match backend {
            Backend::Flex => {
                summary.parts.push(part("crates".into(), crates())?);
                summary.parts.push(part(name, backends(backend))?);
            }
            Backend::Ndarray => summary.parts.push(part(name, backends(backend))?),
            Backend::Wgpu => summary.parts.push(wgpu(name, arguments.no_setup)?),
        }
    }
    writeln!(io::stdout(), "\n{summary}")?;
    Ok(summary.exit_code())
}

/// Each backend once, in the order in which they were named first.
fn selected(named: &[Backend]) -> Vec<Backend> {
    let all = [Backend::Flex, Backend::Ndarray, Backend::Wgpu];
    let mut once = Vec::new();
    for &backend in if named.is_empty() { &all } else { named } {
        if !once.contains(&backend) {
            once.push(backend);
        }
    }
    once
}

fn part(name: String, mut command: Command) -> Result<Part> {
    say(&format!("\nxtask: {name}: {}", line(&command)));
    let start = Instant::now();
    let status = run_command(&mut command)?;
    let outcome = match exit_code(status) {
        0 => Outcome::Passed,
        code => Outcome::Failed(code),
    };
    let seconds = start.elapsed().as_secs_f64();
    Ok(Part {
        name,
        outcome,
        seconds,
    })
}

fn wgpu(name: String, no_setup: bool) -> Result<Part> {
    let start = Instant::now();
    let system = System::this();
    let driver = match system.needs_vulkan() {
        true => vulkan::find_or_get(&system, no_setup).map(Some),
        false => Ok(None),
    };
    match driver {
        Ok(driver) => {
            let mut command = backends(Backend::Wgpu);
            command.envs(driver.iter().flat_map(Driver::environment));
            part(name, command)
        }
        Err(error) => {
            say(&format!("\nxtask: {name}: {error:#}"));
            Ok(Part {
                name,
                outcome: Outcome::NotRun("no Vulkan driver".into()),
                seconds: start.elapsed().as_secs_f64(),
            })
        }
    }
}

/// The tests of the crates themselves, documentation included, on the trainer's default backend.
fn crates() -> Command {
    let mut command = cargo("test");
    for package in [
        "downhill",
        "downhill-data",
        "downhill-model",
        "downhill-report",
        "downhill-trainer",
        "xtask",
    ] {
        command.args(["-p", package]);
    }
    command.arg("--no-fail-fast");
    command
}

/// The cases of `tests/` on one backend. One target directory serves all of them: cargo keeps what
/// it built with other features beside it.
fn backends(backend: Backend) -> Command {
    let mut command = cargo("test");
    command
        .args(["-p", "downhill-tests", "--no-default-features"])
        .args(["--features", backend.name(), "--test", "backends"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::tests::arguments;

    #[test]
    fn without_a_name_all_backends_are_tested_and_none_twice() {
        let names = |named: &[Backend]| -> Vec<_> {
            selected(named).into_iter().map(Backend::name).collect()
        };
        assert_eq!(names(&[]), ["flex", "ndarray", "wgpu"]);
        let named = [Backend::Wgpu, Backend::Flex, Backend::Wgpu];
        assert_eq!(names(&named), ["wgpu", "flex"]);
    }

    #[test]
    fn a_backend_is_built_alone() {
        assert_eq!(
            arguments(&backends(Backend::Ndarray)).join(" "),
            "test -p downhill-tests --no-default-features --features ndarray --test backends"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_part_ends_as_its_command_does() {
        let outcome = |script| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            part("script".into(), command).unwrap().outcome
        };
        assert_eq!(outcome("exit 0"), Outcome::Passed);
        assert_eq!(outcome("exit 101"), Outcome::Failed(101));
    }
}
