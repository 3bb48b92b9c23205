//! `cargo xtask train`: builds the trainer for the wanted backend and becomes it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{become_command, cargo};
use crate::say;
use crate::vulkan::{self, Driver, System};
use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;

/// Run an experiment: train its methods on its seeds and write records and a report
///
/// Builds the trainer in release mode with the one backend, then hands all arguments to it. The
/// first build takes minutes, with wgpu on few cores many.
///
/// Exit codes: 0 done, 2 usage or config, 3 data, 4 diverged, 5 input/output or no Vulkan driver,
/// 101 the build failed, 130 interrupted.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    train: TrainArguments,
}

/// Checks the arguments, which reading them did, then the driver; then runs cargo.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    become_trainer("train", arguments.train.backend)
}

/// Becomes the trainer, built for a backend, with a subcommand and the arguments behind the same word
/// of ours.
pub(crate) fn become_trainer(subcommand: &str, backend: Backend) -> Result<ExitCode> {
    let (feature, driver) = match backend {
        Backend::Wgpu => wgpu(&System::this())?,
        Backend::Flex | Backend::Ndarray => (backend.name(), None),
    };
    // Behind the program and the subcommand.
    let raw = env::args_os().skip(2);
    let mut command = command(feature, subcommand, raw);
    if let Some(driver) = driver {
        command.envs(driver.environment());
    }
    become_command(&mut command)
}

fn command(
    feature: &str,
    subcommand: &str,
    raw_arguments: impl IntoIterator<Item = OsString>,
) -> Command {
    let mut command = cargo("run");
    command
        .args(["--release", "-p", "downhill-trainer"])
        .args(["--no-default-features", "--features", feature])
        .args(["--", subcommand])
        .args(raw_arguments);
    command
}

/// The feature that suits the device at hand, and the driver.
fn wgpu(system: &System) -> Result<(&'static str, Option<Driver>)> {
    if !system.needs_vulkan() {
        return Ok(("wgpu-tuned", None));
    }
    let Some(driver) = vulkan::find(system) else {
        bail!(
            "the wgpu backend needs a Vulkan driver: {}; install one (Debian, Ubuntu: `apt-get \
             install {}`), or run `cargo xtask test --backend wgpu` once, which gets a software \
             driver, or train on the CPU with `--backend flex`",
            system.vulkan().missing(),
            vulkan::PACKAGES.join(" "),
        );
    };
    if matches!(driver, Driver::System) && system.has_gpu() {
        return Ok(("wgpu-tuned", Some(driver)));
    }
    say("xtask: no GPU found, wgpu will run on a software Vulkan driver, slowly");
    Ok(("wgpu", Some(driver)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::tests::arguments;

    #[test]
    fn arguments_are_handed_on_as_they_came() {
        let raw = [
            "dropout",
            "--set",
            "a.b=1",
            "--seeds",
            "3",
            "--runs-dir=x y",
        ];
        let command = command("ndarray", "train", raw.map(OsString::from));
        let expected = "run --release -p downhill-trainer --no-default-features --features ndarray \
                        -- train dropout --set a.b=1 --seeds 3";
        let mut expected: Vec<_> = expected.split_whitespace().collect();
        expected.push("--runs-dir=x y");
        assert_eq!(arguments(&command), expected);
    }

    #[cfg(unix)]
    #[test]
    fn arguments_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let raw = OsString::from_vec(vec![b'x', 0xff]);
        let command = command("flex", "train", [raw.clone()]);
        assert_eq!(command.get_args().last(), Some(&raw[..]));
    }

    #[test]
    fn without_a_driver_the_error_says_what_to_install() {
        let directory = tempfile::tempdir().unwrap();
        let Err(error) = wgpu(&System::under(directory.path(), &[])) else {
            panic!("found a driver in an empty directory");
        };
        let text = error.to_string();
        for part in [
            "mesa-vulkan-drivers libvulkan1",
            "cargo xtask test",
            "--backend flex",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
