//! `cargo xtask data`: describes the data that a training would use.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::cargo::{become_command, cargo, target_directory};
use crate::say::say;

/// Describe the shipped MNIST, or another image set, and check it
///
/// Lists the files with their sizes and checksums, says whether they are those of the canonical
/// MNIST, and counts the images per label and those that occur more than once.
///
/// Exit codes: 0 described, 2 usage, 3 bad data, 5 input/output, 101 the build failed.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The name of a set, such as `fashion-mnist`, or a directory of four IDX files (raw or gzip)
    /// or of PNG files in `train/CLASS` and `test/CLASS` [default: the MNIST shipped inside]
    #[arg(value_name = "NAME")]
    source: Option<PathBuf>,

    /// The same as NAME
    #[arg(long, value_name = "DIR", env = "DOWNHILL_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

/// Builds the description and becomes it.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let example = target_directory().join("release/examples");
    let name = format!("describe{}", std::env::consts::EXE_SUFFIX);
    if !example.join(name).is_file() {
        say("xtask: building the reader, once, in a minute or two");
    }
    become_command(&mut command(arguments))
}

fn command(arguments: &Arguments) -> Command {
    let mut command = cargo("run");
    command.args([
        "--release",
        "-q",
        "-p",
        "downhill-data",
        "--example",
        "describe",
    ]);
    if let Some(directory) = arguments.source.as_ref().or(arguments.data_dir.as_ref()) {
        command.arg("--").arg(directory);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::tests::arguments;

    #[test]
    fn the_directory_is_handed_on() {
        let mut given = Arguments {
            source: None,
            data_dir: None,
        };
        let plain = [
            "run",
            "--release",
            "-q",
            "-p",
            "downhill-data",
            "--example",
            "describe",
        ];
        assert_eq!(arguments(&command(&given)), plain);
        given.data_dir = Some("some where".into());
        assert_eq!(arguments(&command(&given))[7..], ["--", "some where"]);
        given.source = Some("kmnist".into());
        assert_eq!(arguments(&command(&given))[7..], ["--", "kmnist"]);
    }
}
