//! `cargo xtask bench`: builds the benchmarks as the trainer is built and becomes them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use downhill_cli::backend::Backend;
use downhill_cli::bench::{BenchArguments, Suite};
use downhill_cli::interpreters::with_package;
use downhill_cli::repeat::quoted;

use crate::cargo::{become_command, cargo, exit_code, line, run as run_command, target_directory};
use crate::train::wgpu_feature;

/// Run the benchmarks: updates, training steps, many networks, start-up
///
/// Contenders take turns of a few steps each, round by round: ours, Burn's own, the same work
/// written by hand, and with --peers PyTorch, JAX and NumPy, each in a process that waits for its
/// turn. Every figure is the median over the rounds, with quartiles; every ratio is the median of
/// the ratios within a round. Tables are printed to stdout in Markdown. Keep the machine idle.
///
/// The peers need a Python interpreter with their packages:
///
///     python3 -m venv target/peers
///     target/peers/bin/pip install -r crates/downhill-bench/peers/requirements.txt
///
/// --instructions counts instructions under valgrind instead, which noise does not affect: of an
/// update, a training step and an evaluation. It fails if one of them needs over 3 % more than
/// recorded in crates/downhill-bench/instructions.toml.
///
/// Exit codes: 0 measured, 1 failed or too many instructions, 2 usage, 5 a program or package is
/// missing, 101 the build failed.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    bench: BenchArguments,
}

/// Looks for the programs that are needed before the long build starts, then runs cargo.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let bench = &arguments.bench;
    if bench.instructions {
        must_have_valgrind("valgrind")?;
    }
    let pythons = match bench.peers {
        true => pythons(&bench.pythons)?,
        false => Vec::new(),
    };
    let feature = match bench.needs_wgpu() {
        true => wgpu_feature()?,
        false => Backend::Flex.name(),
    };
    let mut command = command(bench, feature, &pythons)?;
    if bench.measures(Suite::Start) {
        command.arg("--downhill").arg(trainer()?);
    }
    if bench.burn_defaults {
        command.arg("--burn-with-defaults").arg(second_build()?);
    }
    become_command(&mut command)
}

/// Builds the trainer, whose start is measured; returns its path.
fn trainer() -> Result<PathBuf> {
    let mut build = cargo("build");
    build
        .args(["--release", "-p", "downhill-trainer", "--bin", "downhill"])
        .args(["--no-default-features", "--features", "flex"]);
    must(&mut build)?;
    Ok(binary(&target_directory(), "downhill"))
}

/// Builds the benchmarks with the features of flex that Burn turns on by default, in a directory of
/// its own; returns their path.
fn second_build() -> Result<PathBuf> {
    let directory = target_directory().join("burn-defaults");
    let mut build = cargo("build");
    build
        .args(["--release", "-p", "downhill-bench"])
        .args(["--no-default-features"])
        .args(["--features", "flex,burn/rayon,burn/simd"])
        .arg("--target-dir")
        .arg(&directory);
    must(&mut build)?;
    Ok(binary(&directory, "downhill-bench"))
}

fn must(command: &mut Command) -> Result<()> {
    match exit_code(run_command(command)?) {
        0 => Ok(()),
        code => bail!("`{}` failed (exit code {code})", line(command)),
    }
}

fn binary(target: &Path, name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    target.join("release").join(name)
}

/// The command that builds and runs the benchmarks, with absolute paths.
fn command(arguments: &BenchArguments, feature: &str, pythons: &[PathBuf]) -> Result<Command> {
    let mut command = cargo("run");
    command.args(["--release", "-p", "downhill-bench"]).args([
        "--no-default-features",
        "--features",
        feature,
        "--",
    ]);
    for suite in &arguments.suites {
        let name = suite.to_possible_value();
        command.args(name.map(|name| name.get_name().to_owned()));
    }
    let numbers = [
        ("--rounds", arguments.rounds),
        ("--threads", arguments.threads),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            command.args([name, &number.to_string()]);
        }
    }
    for networks in &arguments.networks {
        command.args(["--networks", &networks.to_string()]);
    }
    if arguments.backend != Backend::Flex {
        command.args(["--backend", arguments.backend.name()]);
    }
    if let Some(file) = &arguments.json {
        command.arg("--json").arg(std::path::absolute(file)?);
    }
    if !pythons.is_empty() {
        command.arg("--peers");
    }
    for python in pythons {
        command.arg("--python").arg(python);
    }
    let flags = [
        ("--instructions", arguments.instructions),
        ("--write", arguments.write),
    ];
    command.args(flags.iter().filter(|flag| flag.1).map(|flag| flag.0));
    Ok(command)
}

/// The interpreters that were named, or the one under the target directory. Each package must be in
/// one of them.
fn pythons(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut pythons = Vec::new();
    for python in named {
        pythons.push(absolute_unless_name(python)?);
    }
    if pythons.is_empty() {
        let directory = target_directory().join("peers");
        let python = directory.join("bin/python");
        if !python.is_file() {
            let directory = quoted(&directory.display().to_string());
            bail!(
                "the peers need a Python interpreter with their packages, but {} does not exist; \
                 create it with `python3 -m venv {directory}` and `{directory}/bin/pip install -r \
                 crates/downhill-bench/peers/requirements.txt`, or name another with --python",
                python.display(),
            );
        }
        pythons.push(python);
    }
    for package in PACKAGES {
        with_package(package, &pythons).map_err(anyhow::Error::msg)?;
    }
    Ok(pythons)
}

/// The packages of the peers, as Python imports them.
const PACKAGES: [&str; 3] = ["torch", "jax", "numpy"];

/// Makes a path absolute; a bare name stays unchanged, to be looked up on the search path.
fn absolute_unless_name(program: &Path) -> Result<PathBuf> {
    match program.components().count() {
        1 => Ok(program.to_owned()),
        _ => Ok(std::path::absolute(program)?),
    }
}

fn must_have_valgrind(program: &str) -> Result<()> {
    let mut valgrind = Command::new(program);
    let version = valgrind.arg("--version").stdout(Stdio::null()).status();
    match version {
        Ok(status) if status.success() => Ok(()),
        _ => bail!(
            "--instructions needs valgrind, which does not run; install it (Debian, Ubuntu: \
             `apt-get install valgrind`)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cargo::tests::arguments;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArguments,
    }

    fn parsed(line: &str) -> BenchArguments {
        Line::try_parse_from(line.split(' ')).unwrap().bench
    }

    const START: &str = "run --release -p downhill-bench --no-default-features --features flex --";

    fn handed_on(line: &str, pythons: &[PathBuf]) -> String {
        let all = arguments(&command(&parsed(line), "flex", pythons).unwrap()).join(" ");
        all.strip_prefix(START).unwrap().trim_start().to_owned()
    }

    #[test]
    fn what_was_asked_for_is_handed_on() {
        assert_eq!(handed_on("bench", &[]), "");
        assert_eq!(
            handed_on("bench step update --rounds 7", &[]),
            "step update --rounds 7"
        );
        let here = std::env::current_dir().unwrap().join("turns.json");
        assert_eq!(
            handed_on("bench --json turns.json", &[]),
            format!("--json {}", here.display())
        );
        assert_eq!(
            handed_on(
                "bench many --peers",
                &["/a/python".into(), "python3".into()]
            ),
            "many --peers --python /a/python --python python3"
        );
        assert_eq!(
            handed_on("bench ensemble --networks 2 --backend wgpu", &[]),
            "ensemble --networks 2 --backend wgpu"
        );
        assert_eq!(
            handed_on("bench convolution --threads 2", &[]),
            "convolution --threads 2"
        );
        assert_eq!(
            handed_on("bench --instructions --write", &[]),
            "--instructions --write"
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "bench warp",
            "bench --rounds 0",
            "bench --python python3",
            "bench --write",
            "bench step --instructions",
            "bench --networks 0",
        ] {
            let words = line.split(' ');
            assert!(Line::try_parse_from(words).is_err(), "{line} is taken");
        }
    }

    #[test]
    fn only_what_is_measured_is_built() {
        assert!(parsed("bench").measures(Suite::Start));
        assert!(!parsed("bench").needs_wgpu());
        assert!(!parsed("bench step").measures(Suite::Start));
        assert!(!parsed("bench --instructions").measures(Suite::Start));
        assert!(!parsed("bench ensemble").needs_wgpu());
        assert!(parsed("bench ensemble --backend wgpu").needs_wgpu());
        assert!(parsed("bench launches").needs_wgpu());
    }

    #[test]
    fn a_name_is_not_made_a_path() {
        let path = |text: &str| absolute_unless_name(Path::new(text)).unwrap();
        assert_eq!(path("python3"), Path::new("python3"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(path("peers/python"), here.join("peers/python"));
    }

    #[test]
    fn errors_name_what_is_missing_and_how_to_get_it() {
        let text = |result: Result<()>| result.unwrap_err().to_string();
        let valgrind = text(must_have_valgrind("/nowhere/valgrind"));
        assert!(valgrind.contains("apt-get install valgrind"), "{valgrind}");
        let python = text(pythons(&["/nowhere/python".into()]).map(drop));
        assert!(
            python.starts_with("cannot run the Python interpreter /nowhere/python"),
            "{python}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn each_peer_takes_the_first_interpreter_with_its_package() {
        let directory = tempfile::tempdir().unwrap();
        let python = |name: &str, code: i32| {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\nexit {code}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            path
        };
        let [without, with, broken] =
            [python("without", 3), python("with", 0), python("broken", 1)];
        let both = [without.clone(), with.clone()];
        assert_eq!(with_package("jax", &both), Ok(&*with));
        let missing = with_package("jax", &[without]).unwrap_err();
        assert!(missing.contains("-m pip install -r"), "{missing}");
        assert!(
            with_package("jax", &[broken, with])
                .unwrap_err()
                .contains("does not work")
        );
    }
}
