//! What can stop a command, and the exit code that says so.

use std::io;
use std::path::{Path, PathBuf};

use downhill::FailedStep;
use downhill_data::DataError;
use thiserror::Error;

/// Why a command stopped before its end.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A config or an argument that cannot be used; the message names place and remedy.
    #[error("{0}")]
    Config(String),
    /// Image files that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The backend does not start on this machine.
    #[error("{0}")]
    Backend(String),
    /// A file or directory of ours that cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried, e.g. `cannot write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of weights that does not hold the network asked for.
    #[error("cannot use the weights in {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Backpropagation and differences do not agree.
    #[error(
        "a gradient differs by more than its limit from that by differences; the report says which"
    )]
    WrongGradient,
    /// Another process trains the same run.
    #[error("the run in {} is being trained by another process; wait for it, or use another --runs-dir", .0.display())]
    Locked(PathBuf),
}

impl<M> From<FailedStep<M>> for TrainError {
    fn from(failed: FailedStep<M>) -> Self {
        Self::Config(failed.error.to_string())
    }
}

impl TrainError {
    /// The process's exit code: 2 usage or config, 3 data, 4 wrong gradients, 5 input, output or backend.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Data(_) | Self::Weights { .. } => 3,
            Self::WrongGradient => 4,
            Self::Backend(_) | Self::File { .. } | Self::Locked(_) => 5,
        }
    }

    pub(crate) fn picture(path: &Path) -> impl FnOnce(downhill_report::PngError) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File {
            action: "cannot draw",
            path,
            source: io::Error::other(error),
        }
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
