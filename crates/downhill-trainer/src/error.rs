//! Errors that end a command, and their exit codes.

use std::io;
use std::path::{Path, PathBuf};

use downhill::{CheckpointError, FailedStep, FileError};
use downhill_data::DataError;
use downhill_report::InvalidExperiment;
use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// An invalid config or argument. The message names the place and the remedy.
    #[error("{0}")]
    Config(String),
    /// Invalid image files.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Runs that cannot be reported together.
    #[error("cannot report these runs: {0}")]
    Runs(#[from] InvalidExperiment),
    /// A backend that does not start on this machine.
    #[error("{0}")]
    Backend(String),
    /// A file or directory that cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// The failed action, e.g. `cannot write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Records that cannot be used. All else was done.
    #[error(
        "{}\nthe other runs are used. Move damaged files aside and repeat the command: `train` \
         trains these runs again and keeps the others",
        lines(.0)
    )]
    Damaged(Vec<Self>),
    /// A file of weights that does not hold the network.
    #[error("cannot use the weights in {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// Backpropagated and numerical gradients disagree.
    #[error("backpropagated and numerical gradients disagree beyond the tolerance; see the report")]
    WrongGradient,
    /// A checkpoint that does not fit the run.
    #[error("cannot continue from the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint that cannot be read or written.
    #[error("checkpoint {0}")]
    CheckpointFile(#[from] FileError<CheckpointError>),
}

fn lines(errors: &[TrainError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl<M> From<FailedStep<M>> for TrainError {
    fn from(failed: FailedStep<M>) -> Self {
        Self::Config(failed.error.to_string())
    }
}

impl TrainError {
    /// The exit code: 2 usage or config, 3 data, 4 wrong gradients, 5 input, output or backend.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Data(_) | Self::Runs(_) | Self::Weights { .. } => 3,
            Self::WrongGradient => 4,
            Self::Backend(_)
            | Self::File { .. }
            | Self::Damaged(_)
            | Self::Checkpoint(_)
            | Self::CheckpointFile(_) => 5,
        }
    }

    /// An error that names damaged records, if there are any.
    pub(crate) fn of_damaged(records: Vec<Self>) -> Result<(), Self> {
        match records.is_empty() {
            true => Ok(()),
            false => Err(Self::Damaged(records)),
        }
    }

    /// Output that could not be printed.
    pub fn output(source: io::Error) -> Self {
        Self::file("cannot write", Path::new("standard output"))(source)
    }

    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
