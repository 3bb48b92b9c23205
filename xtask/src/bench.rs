//! `cargo xtask bench`: builds the benchmarks as the trainer is built and becomes them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::cargo::{become_command, cargo, line, target_directory};
use downhill_cli::bench::BenchArguments;
use downhill_cli::interpreters::with_package;

/// Measure: updates, training steps, many networks at once, start
///
/// Contenders take turns of a few steps, one at a time, round by round: ours, Burn's own, the same
/// written by hand, and with --peers PyTorch, JAX and NumPy, in processes that wait for their turn.
/// Figures are medians over the rounds, a ratio is the median of the rounds' ratios, both with
/// quartiles. Tables in Markdown go to the standard output. Leave the machine alone meanwhile.
///
/// The peers need a Python with their packages:
///
///     python3 -m venv target/peers
///     target/peers/bin/pip install -r crates/downhill-trainer/benches/peers/requirements.txt
///
/// --instructions counts instructions instead, which no noise touches, of an update, a training step
/// and an evaluation, and fails where one needs over 3 % more than on record in
/// crates/downhill-trainer/benches/instructions.toml. It needs valgrind.
///
/// Exit codes: 0 measured, 1 failed or grown, 2 usage, 5 a program or package is missing, 101 the
/// build failed.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    bench: BenchArguments,
}

/// Looks for the programs that are needed, which building takes too long to find missing; then runs
/// cargo.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let bench = &arguments.bench;
    if bench.instructions {
        must_have_valgrind("valgrind")?;
    }
    let pythons = match bench.peers {
        true => pythons(&bench.pythons)?,
        false => Vec::new(),
    };
    let mut command = command(bench, &pythons)?;
    if bench.burn_defaults {
        command.arg("--burn-with-defaults").arg(second_build()?);
    }
    become_command(&mut command)
}

/// Builds the benchmarks with what Burn's default features turn on for flex; where they lie.
fn second_build() -> Result<PathBuf> {
    let mut build = benchmarks("flex,burn/rayon,burn/simd");
    let output = build.arg("--where").stderr(Stdio::inherit()).output()?;
    let path = String::from_utf8(output.stdout)?;
    match output.status.success() {
        true => Ok(path.trim().into()),
        false => bail!("{} failed ({})", line(&build), output.status),
    }
}

/// The benchmarks, to be followed by their own arguments.
fn benchmarks(features: &str) -> Command {
    let mut command = cargo("bench");
    command
        .args(["-p", "downhill-trainer", "--bench", "bench"])
        .args(["--no-default-features", "--features", features, "--"]);
    command
}

/// Paths are made absolute, for cargo runs benchmarks in the directory of their package.
fn command(arguments: &BenchArguments, pythons: &[PathBuf]) -> Result<Command> {
    let mut command = benchmarks("flex");
    for suite in &arguments.suites {
        let name = suite.to_possible_value();
        command.args(name.map(|name| name.get_name().to_owned()));
    }
    if let Some(rounds) = arguments.rounds {
        command.args(["--rounds", &rounds.to_string()]);
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

/// The interpreters asked for, or the one that the help tells to make; each package is in one of
/// them.
fn pythons(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut pythons = Vec::new();
    for python in named {
        pythons.push(absolute_unless_name(python)?);
    }
    if pythons.is_empty() {
        let python = target_directory().join("peers/bin/python");
        if !python.is_file() {
            let directory = target_directory().join("peers");
            let directory = directory.display();
            bail!(
                "the peers need a Python with their packages, and there is none at {}; make it by \
                 `python3 -m venv {directory}` and `{directory}/bin/pip install -r \
                 crates/downhill-trainer/benches/peers/requirements.txt`, or name another with \
                 --python",
                python.display(),
            );
        }
        pythons.push(python);
    }
    for package in PACKAGES {
        if let Err(missing) = with_package(package, &pythons) {
            bail!("{missing}");
        }
    }
    Ok(pythons)
}

/// Of the peers, by the names under which Python imports them.
const PACKAGES: [&str; 3] = ["torch", "jax", "numpy"];

/// A name alone is looked for on the search path, and so stays one.
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
            "counting instructions needs valgrind; install it (Debian, Ubuntu: `apt-get install \
             valgrind`)"
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

    const START: &str =
        "bench -p downhill-trainer --bench bench --no-default-features --features flex --";

    fn handed_on(line: &str, pythons: &[PathBuf]) -> String {
        let all = arguments(&command(&parsed(line), pythons).unwrap()).join(" ");
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
        ] {
            let words = line.split(' ');
            assert!(Line::try_parse_from(words).is_err(), "{line} is taken");
        }
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
