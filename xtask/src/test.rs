//! `cargo xtask test`: the tests, on every backend.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::cargo::{cargo, cargo_in, exit_code, line, run as run_command};
use crate::cargo::{target_directory, workspace};
use crate::summary::{Outcome, Part, Summary};
use crate::vulkan::{self, Driver, System};
use crate::{round_trips, say};
use downhill_cli::backend::Backend;

/// Run the tests on every backend, or on those named
///
/// flex also runs the tests of the crates themselves, their examples and documentation included, and
/// a project outside the workspace that uses the optimizers (tests/consumer).
/// wgpu needs a Vulkan driver. Where there is none, on Debian and Ubuntu a software driver is got: as
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

    /// Only move each setting of the optimizers, on flex: print each with the change and the reference
    /// that then is missed most, and by how much; fail where every reference is still met
    #[arg(long, conflicts_with_all = ["backends", "no_setup"])]
    mutate: bool,

    /// Only hold the files that we write for others against those who read them: event files against
    /// TensorBoard, weights against PyTorch (and back), the config's schema against jsonschema;
    /// print the numbers. Their Python packages (tests/round_trips/requirements.txt, some gigabytes
    /// with PyTorch) are got from PyPI into target/round-trips
    #[arg(long, conflicts_with_all = ["backends", "no_setup", "mutate"])]
    long: bool,

    /// For --long: an interpreter of Python 3.11 or later that has the packages, instead
    #[arg(long, value_name = "PATH", requires = "long")]
    python: Option<PathBuf>,
}

/// The features with which all backends are built.
pub(crate) const ALL_BACKENDS: &str = "--features=downhill-tests/ndarray,downhill-tests/wgpu";

/// Runs all parts, then says how they ended.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.mutate {
        let parts = vec![part("mutations on flex".into(), mutations())?];
        return sum_up(&Summary { parts });
    }
    if arguments.long {
        let parts = round_trips::run(arguments.python.as_deref())?;
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

fn run_parts(backends: &[Backend], build: &[String], no_setup: bool) -> Result<ExitCode> {
    let mut summary = Summary::default();
    for &backend in backends {
        let name = format!("backends on {}", backend.name());
        let command = backend_tests(build, backend);
        match backend {
            Backend::Flex => {
                let [crates, documentation] = crate_tests(build);
                summary.parts.push(part("crates".into(), crates)?);
                summary
                    .parts
                    .push(part("documentation".into(), documentation)?);
                summary.parts.push(part(name, command)?);
                summary.parts.push(part("consumer".into(), consumer())?);
            }
            Backend::Ndarray => summary.parts.push(part(name, command)?),
            Backend::Wgpu => summary.parts.push(wgpu(name, command, no_setup)?),
        }
    }
    sum_up(&summary)
}

fn sum_up(summary: &Summary) -> Result<ExitCode> {
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

pub(crate) fn part(name: String, mut command: Command) -> Result<Part> {
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

fn wgpu(name: String, mut command: Command, no_setup: bool) -> Result<Part> {
    let start = Instant::now();
    let system = System::this();
    let driver = match system.needs_vulkan() {
        true => vulkan::find_or_get(&system, no_setup).map(Some),
        false => Ok(None),
    };
    match driver {
        Ok(driver) => {
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

/// All parts but the consumer build the same: the whole workspace with the backends that are tested.
/// Another selection of packages or features would build Burn anew for each part.
fn cargo_test(build: &[String], backend: Backend) -> Command {
    let mut command = cargo("test");
    command
        .args(["--workspace", "--no-fail-fast"])
        .args(build)
        // Burn's default device is the first backend built in, wgpu before flex, whether it starts
        // or not; and loading an optimizer's state goes through it.
        .env("BURN_DEVICE", backend.name());
    command
}

/// The tests of the crates themselves and of their examples, then those in their documentation.
fn crate_tests(build: &[String]) -> [Command; 2] {
    let mut crates = cargo_test(build, Backend::Flex);
    crates.args(["--lib", "--bins", "--examples"]);
    for test in CRATE_TESTS {
        crates.args(["--test", test]);
    }
    let mut documentation = cargo_test(build, Backend::Flex);
    documentation.arg("--doc");
    [crates, documentation]
}

/// The test binaries in `tests` of the crates; all others are those of their libraries.
const CRATE_TESTS: [&str; 5] = ["coverage", "findings", "kinds", "page", "scipy"];

/// The cases of `tests/` on one backend, which is part of their names; flex also takes those that
/// need none.
fn backend_tests(build: &[String], backend: Backend) -> Command {
    let mut command = cargo_test(build, backend);
    command.args(["--test", "backends", "--"]);
    match backend {
        Backend::Flex => command.args(["--skip", "ndarray", "--skip", "wgpu"]),
        Backend::Ndarray | Backend::Wgpu => command.arg(backend.name()),
    };
    command
}

/// The one case that moves each setting, with what it prints.
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

/// The project that uses the optimizers as a stranger would: what the workspace gives its members,
/// features of Burn above all, must not be what makes them work. So it builds beside.
fn consumer() -> Command {
    let mut command = cargo_in(&workspace().join("tests/consumer"), "run");
    let target = target_directory().join("consumer");
    command.arg("--target-dir").arg(target);
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
    fn every_part_builds_the_same() {
        let features = ["--features=downhill-tests/wgpu".to_owned()];
        let build = "test --workspace --no-fail-fast --features=downhill-tests/wgpu";
        let line = |command: &Command| arguments(command).join(" ");
        let [crates, documentation] = crate_tests(&features);
        assert_eq!(
            line(&crates),
            format!(
                "{build} --lib --bins --examples --test coverage --test findings --test kinds \
                 --test page --test scipy"
            )
        );
        assert_eq!(line(&documentation), format!("{build} --doc"));
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

    /// A name that is none runs nothing, and that passes.
    #[test]
    fn the_case_that_moves_settings_is_there() {
        let [module, case] = MUTATIONS;
        let file = workspace().join("tests").join(module).with_extension("rs");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("#[test]\nfn {case}()")));
    }

    #[test]
    fn the_consumer_shares_nothing_with_the_workspace() {
        let command = consumer();
        let target = target_directory().join("consumer").display().to_string();
        assert_eq!(arguments(&command), ["run", "--target-dir", &target]);
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
        for member in std::fs::read_dir(crates).unwrap() {
            let tests = member.unwrap().path().join("tests");
            for file in std::fs::read_dir(tests).into_iter().flatten() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    continue;
                }
                found.push(path.file_stem().unwrap().to_string_lossy().into_owned());
            }
        }
        found.sort();
        assert_eq!(found, CRATE_TESTS);
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
