//! `cargo xtask test`: the tests, on every backend.

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use downhill_cli::backend::Backend;
use downhill_cli::print::print;

use crate::cargo::{cargo, cargo_in, target_directory, workspace};
use crate::fuzz::{TARGETS, fuzz};
use crate::part::part;
use crate::say::say;
use crate::summary::{Outcome, Part, Summary};
use crate::{round_trips, vulkan};

/// Run the tests on every backend, or only on some
///
/// flex includes the tests of the crates themselves, their examples and documentation, a million
/// inputs for each reader of files (tests/fuzz), and two projects outside the workspace: one that
/// uses the optimizers (tests/consumer), and one with an optimizer of its own in the laboratory
/// (examples/own-optimizer).
/// wgpu needs a Vulkan driver. If there is none, a software driver is installed with apt-get, as
/// root or with `sudo -n`; elsewhere the part is not run, and the error says what to install.
///
/// All parts run even if one fails; the last lines sum them up. Exit codes: 0 all passed, 1 a part
/// failed, 2 usage, 5 a part could not be run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Test only this backend; repeatable [default: all three]
    #[arg(long = "backend", value_enum, value_name = "BACKEND")]
    backends: Vec<Backend>,

    /// Do not install a Vulkan driver
    #[arg(long)]
    no_setup: bool,

    /// Change each setting of the optimizers, one at a time, on flex, and fail if all references
    /// still match; prints each change with the reference that deviates most, and by how much
    #[arg(long, conflicts_with_all = ["backends", "no_setup"])]
    mutate: bool,

    /// Run the long tests instead: 200 kills, faults at every operation on the disk, thousands of
    /// runs in one process and in many, a million changed texts, 50 million inputs for each reader
    /// of files, and the files that we write for other programs: event files with TensorBoard,
    /// weights with PyTorch (both ways), the config's schema with jsonschema. Installs their Python
    /// packages (tests/round_trips/requirements.txt, some gigabytes) from PyPI into
    /// target/round-trips
    #[arg(long, conflicts_with_all = ["backends", "no_setup", "mutate"])]
    long: bool,

    /// For --long: a Python interpreter (3.11 or later) that already has the packages
    #[arg(long, value_name = "PATH", requires = "long")]
    python: Option<PathBuf>,
}

/// The features with which all backends are built.
pub(crate) const ALL_BACKENDS: &str = "--features=downhill-tests/ndarray,downhill-tests/wgpu";

/// Runs all parts, then prints how they ended.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.mutate {
        let parts = vec![part("mutations on flex", mutations())?];
        return sum_up(&Summary { parts });
    }
    if arguments.long {
        let mut parts = vec![
            part("kills", kills())?,
            part("changed texts", changed_texts())?,
        ];
        for target in TARGETS {
            parts.push(part(&format!("fuzz {target}"), fuzz(target, LONG)?)?);
        }
        parts.extend(round_trips::run(arguments.python.as_deref())?);
        return sum_up(&Summary { parts });
    }
    let backends = selected(&arguments.backends);
    // flex is there by default.
    let others = backends.iter().filter(|backend| **backend != Backend::Flex);
    let features: Vec<_> =
        (others.map(|backend| format!("downhill-tests/{}", backend.name()))).collect();
    let build = match features.is_empty() {
        true => Vec::new(),
        false => vec![format!("--features={}", features.join(","))],
    };
    run_parts(&backends, &build, arguments.no_setup)
}

/// The tests on flex, built as `cargo xtask test` builds them, so that Burn is compiled once.
pub(crate) fn run_flex_built_with_all() -> Result<ExitCode> {
    run_parts(&[Backend::Flex], &[ALL_BACKENDS.to_owned()], true)
}

/// Runs the parts in the order in which they can be built, so that results come early.
///
/// All parts but the projects outside are built with one selection of packages and features:
/// another selection compiles Burn again. (With flex alone 177 of 392 units differ from those built
/// with all backends, burn-flex, burn-core and serde among them: building for flex first would cost
/// most of a second build.) But cargo builds only what a part needs, and the tests of reports, data
/// and xtask do not need Burn: they come first, within a minute or two.
fn run_parts(backends: &[Backend], build: &[String], no_setup: bool) -> Result<ExitCode> {
    let with_flex = backends.contains(&Backend::Flex);
    let mut parts = Vec::new();
    if with_flex {
        parts.push(part("without Burn", tests_without_burn(build))?);
        parts.push(part("crates", crate_tests(build))?);
    }
    for &backend in backends {
        let name = format!("backends on {}", backend.name());
        let command = backend_tests(build, backend);
        parts.push(match backend {
            Backend::Flex | Backend::Ndarray => part(&name, command)?,
            Backend::Wgpu => wgpu(&name, command, no_setup)?,
        });
    }
    if with_flex {
        parts.push(part("documentation", documentation_tests(build))?);
        for target in TARGETS {
            parts.push(part(&format!("fuzz {target}"), fuzz(target, SHORT)?)?);
        }
        parts.push(part("consumer", outside("tests/consumer", "run"))?);
        parts.push(part("own optimizer", outside(OWN_OPTIMIZER, "test"))?);
    }
    sum_up(&Summary { parts })
}

fn sum_up(summary: &Summary) -> Result<ExitCode> {
    print(&mut io::stdout(), &format!("\n{summary}\n"))?;
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

/// Inputs of each target of the fuzzer.
const SHORT: u64 = 1_000_000;
/// The same with `--long`.
const LONG: u64 = 50_000_000;

/// The tests that kill processes, with more kills, and the long ones.
fn kills() -> Command {
    let mut command = cargo_test(&[ALL_BACKENDS.to_owned()], Backend::Flex);
    command.args(["--test", "kills", "--", "--nocapture", "--include-ignored"]);
    // Some measure memory, and some times.
    command.args(["--test-threads", "1"]);
    command.env("DOWNHILL_LONG", "1");
    command
}

/// The tests that read texts with changes, with more of them.
fn changed_texts() -> Command {
    let mut command = cargo_test(&[ALL_BACKENDS.to_owned()], Backend::Flex);
    command.args(["--test", "backends", "--", "--nocapture", "mutations::"]);
    command.env("DOWNHILL_LONG", "1");
    command
}

fn wgpu(name: &str, command: Command, no_setup: bool) -> Result<Part> {
    let start = Instant::now();
    let driver = match vulkan::IS_USED {
        true => vulkan::find_or_install(no_setup),
        false => Ok(()),
    };
    let Err(error) = driver else {
        return part(name, command);
    };
    say(&format!("\nxtask: {name}: {error:#}"));
    Ok(Part {
        name: name.to_owned(),
        outcome: Outcome::NotRun("no Vulkan driver".into()),
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: None,
    })
}

fn cargo_test(build: &[String], backend: Backend) -> Command {
    let mut command = cargo("test");
    command
        .args(["--workspace", "--no-fail-fast"])
        .args(build)
        // Burn's default device is the first backend that is built in, wgpu before flex, whether it
        // starts or not; loading an optimizer's state uses it.
        .env("BURN_DEVICE", backend.name());
    command
}

/// The tests of xtask, and the test binaries of crates that do not use Burn.
fn tests_without_burn(build: &[String]) -> Command {
    let mut command = cargo_test(build, Backend::Flex);
    command.args(["--bin", "xtask"]);
    for test in CRATE_TESTS {
        command.args(["--test", test]);
    }
    command
}

/// The test binaries in `tests` of the crates that need no Burn. But for those of the trainer's
/// binary and the programs, all other tests of crates are in their libraries.
const CRATE_TESTS: [&str; 5] = ["coverage", "findings", "kinds", "page", "scipy"];

/// The tests of the trainer's binary.
const BINARY_TESTS: [&str; 2] = ["binary", "kills"];

/// The programs of users of Burn, which choose their devices themselves.
const PROGRAMS_TEST: &str = "programs";

/// The tests in the libraries of the crates, in their examples and in the trainer's binary.
fn crate_tests(build: &[String]) -> Command {
    let mut command = cargo_test(build, Backend::Flex);
    command.args(["--lib", "--bin", "downhill"]);
    for test in BINARY_TESTS.iter().chain([&PROGRAMS_TEST]) {
        command.args(["--test", test]);
    }
    command.arg("--examples");
    command
}

fn documentation_tests(build: &[String]) -> Command {
    let mut command = cargo_test(build, Backend::Flex);
    command.arg("--doc");
    command
}

/// The cases of `tests/` on one backend, which is part of their names; on flex also those that need
/// no backend.
fn backend_tests(build: &[String], backend: Backend) -> Command {
    let mut command = cargo_test(build, backend);
    command.args(["--test", "backends", "--"]);
    match backend {
        Backend::Flex => command.args(["--skip", "ndarray", "--skip", "wgpu"]),
        Backend::Ndarray | Backend::Wgpu => command.arg(backend.name()),
    };
    command
}

/// The case that changes each setting, with its output.
fn mutations() -> Command {
    let mut command = cargo_test(&[], Backend::Flex);
    let case = format!("{}::{}", MUTATIONS[0], MUTATIONS[1]);
    command.args(["--test", "backends", "--", "--nocapture", "--exact", &case]);
    command
}

/// Its module and its name.
const MUTATIONS: [&str; 2] = [
    "optimizer_settings",
    "a_setting_that_is_moved_leaves_its_reference",
];

const OWN_OPTIMIZER: &str = "examples/own-optimizer";

/// A project outside the workspace. It is built separately, because it must work without the
/// features of Burn that the workspace turns on. All are built alike and as quickly as can be,
/// whatever their profiles say, so that they share what they have in common.
fn outside(directory: &str, command: &str) -> Command {
    let mut command = cargo_in(&workspace().join(directory), command);
    command
        .arg("--target-dir")
        .arg(target_directory().join("outside"))
        .args(["--config", "profile.dev.opt-level=0"])
        .args(["--config", "profile.dev.codegen-units=16"]);
    for package in QUICK {
        for quick in ["opt-level=0", "codegen-units=16"] {
            let quick = format!("profile.dev.package.{package}.{quick}");
            command.args(["--config", &quick]);
        }
    }
    command
}

/// The packages for which `examples/own-optimizer` asks for more than their projects.
const QUICK: [&str; 5] = [
    "downhill",
    "downhill-model",
    "gemm",
    "gemm-common",
    "gemm-f32",
];

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
    fn every_part_builds_the_same() {
        let features = ["--features=downhill-tests/wgpu".to_owned()];
        let build = "test --workspace --no-fail-fast --features=downhill-tests/wgpu";
        let line = |command: &Command| arguments(command).join(" ");
        assert_eq!(
            line(&tests_without_burn(&features)),
            format!(
                "{build} --bin xtask --test coverage --test findings --test kinds --test page \
                 --test scipy"
            )
        );
        assert_eq!(
            line(&crate_tests(&features)),
            format!(
                "{build} --lib --bin downhill --test binary --test kills --test programs --examples"
            )
        );
        assert_eq!(
            line(&documentation_tests(&features)),
            format!("{build} --doc")
        );
        assert_eq!(
            line(&backend_tests(&features, Backend::Flex)),
            format!("{build} --test backends -- --skip ndarray --skip wgpu")
        );
        assert_eq!(
            line(&backend_tests(&features, Backend::Wgpu)),
            format!("{build} --test backends -- wgpu")
        );
        assert_eq!(
            line(&mutations()),
            "test --workspace --no-fail-fast --test backends -- --nocapture --exact \
             optimizer_settings::a_setting_that_is_moved_leaves_its_reference"
        );
    }

    /// A test name that does not exist would run nothing and pass.
    #[test]
    fn the_case_that_moves_settings_is_there() {
        let [module, case] = MUTATIONS;
        let file = workspace().join("tests").join(module).with_extension("rs");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("#[test]\nfn {case}()")));
    }

    #[test]
    fn the_consumer_shares_nothing_with_the_workspace() {
        let command = outside("tests/consumer", "run");
        let target = target_directory().join("outside").display().to_string();
        assert_eq!(arguments(&command)[..3], ["run", "--target-dir", &target]);
        let manifest = workspace().join("tests/consumer/Cargo.toml");
        assert!(command.get_args().any(|argument| *argument == *manifest));
        let text = std::fs::read_to_string(manifest).unwrap();
        assert!(
            text.contains("\n[workspace]\n"),
            "it has no workspace of its own"
        );
    }

    #[test]
    fn no_test_binary_of_a_crate_is_forgotten() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut found = Vec::new();
        let mut binaries = Vec::new();
        for member in std::fs::read_dir(crates).unwrap() {
            let member = member.unwrap().path();
            if member.join("src/main.rs").is_file() {
                binaries.push(member.file_name().unwrap().display().to_string());
            }
            let tests = member.join("tests");
            for file in std::fs::read_dir(tests).into_iter().flatten() {
                let path = file.unwrap().path();
                // A directory with a `main.rs` is a binary, too.
                if path.is_dir() && !path.join("main.rs").is_file() {
                    continue;
                }
                found.push(path.file_stem().unwrap().to_string_lossy().into_owned());
            }
        }
        found.sort();
        let mut expected = CRATE_TESTS.to_vec();
        expected.extend(BINARY_TESTS);
        expected.sort_unstable();
        assert_eq!(found, expected);
        // That of the benchmarks has no tests.
        binaries.sort();
        assert_eq!(binaries, ["downhill-bench", "downhill-trainer"]);
    }
}
