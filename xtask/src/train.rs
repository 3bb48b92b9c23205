//! `cargo xtask train`: builds the trainer for the wanted backend and becomes it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{become_command, cargo};
use crate::say::say;
use crate::vulkan::{self, Vulkan};
use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;

/// Run an experiment: train its methods on its seeds and write records and a report
///
/// Builds the trainer in release mode with the one backend, then passes all arguments to it. The
/// first build takes minutes, and much longer with wgpu on few cores.
///
/// Exit codes: 0 done, 2 usage or config, 3 data, 4 diverged, 5 input/output or no Vulkan driver,
/// 101 the build failed, 130 interrupted.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    train: TrainArguments,
}

/// Checks the driver, then runs cargo. The arguments were checked when they were parsed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let train = &arguments.train;
    become_trainer("train", train.backend, train.output.png.then_some("png"))
}

/// Replaces this process by the trainer, built for a backend and with an optional further feature.
/// The trainer gets the subcommand and the arguments that follow the same subcommand here.
pub(crate) fn become_trainer(
    subcommand: &str,
    backend: Backend,
    further: Option<&str>,
) -> Result<ExitCode> {
    let backend = match backend {
        Backend::Wgpu => wgpu_feature()?,
        Backend::Flex | Backend::Ndarray => backend.name(),
    };
    // Skips the program and the subcommand.
    let raw = env::args_os().skip(2);
    let features = match further {
        Some(further) => format!("{backend},{further}"),
        None => backend.to_owned(),
    };
    become_command(&mut command(&features, subcommand, raw))
}

fn command(
    features: &str,
    subcommand: &str,
    raw_arguments: impl IntoIterator<Item = OsString>,
) -> Command {
    let mut command = cargo("run");
    command
        .args(["--release", "-p", "downhill-trainer"])
        .args(["--no-default-features", "--features", features])
        .args(["--", subcommand])
        .args(raw_arguments);
    command
}

/// Returns the feature that suits this machine's device.
///
/// # Errors
///
/// If there is no Vulkan driver.
pub(crate) fn wgpu_feature() -> Result<&'static str> {
    if !vulkan::IS_USED {
        return Ok("wgpu-tuned");
    }
    let vulkan = Vulkan::here();
    if let Some(missing) = vulkan.missing() {
        bail!(
            "the wgpu backend needs a Vulkan driver, but {missing}; install one (Debian, Ubuntu: \
             `sudo apt-get install {}`), or use the CPU with `--backend flex`",
            vulkan::PACKAGES.join(" "),
        );
    }
    if vulkan.has_gpu() {
        return Ok("wgpu-tuned");
    }
    say("xtask: found no GPU; wgpu runs on a software Vulkan driver, which is slow");
    Ok("wgpu")
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
}
