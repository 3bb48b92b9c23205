//! Files of saved states.

use std::path::{Path, PathBuf};

use burn::tensor::Bytes;
use burn_pack::Writer;

/// An error of saving a state to a file or loading one from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error}", path.display())]
#[non_exhaustive]
pub struct FileError<E> {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub error: E,
}

impl<E> FileError<E> {
    pub(crate) fn new(path: &Path, error: E) -> Self {
        let path = path.to_path_buf();
        Self { path, error }
    }
}

/// Writes a file atomically: it appears under its name when it is complete.
pub(crate) fn write<E>(
    writer: Writer,
    path: &Path,
    unwritable: fn(String) -> E,
) -> Result<(), FileError<E>> {
    let written = writer.auto_extension(false).write_to_file(path);
    written.map_err(|error| FileError::new(path, unwritable(error.to_string())))
}

pub(crate) fn read<E>(path: &Path, unreadable: fn(String) -> E) -> Result<Bytes, FileError<E>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Bytes::from_bytes_vec(bytes)),
        Err(error) => Err(FileError::new(path, unreadable(error.to_string()))),
    }
}
