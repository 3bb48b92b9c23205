//! Finding and reading the files of a directory.

use std::fs::{self, File, FileType};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::{DataError, Role, gzip};

/// How many bytes may still be read, of how many in all.
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) left: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// What was read, charged to the budget, or the error where it was too much.
    fn charge(&mut self, file: &Path, read: Option<Vec<u8>>) -> Result<Vec<u8>, DataError> {
        let bytes = read.ok_or_else(|| self.exceeded(file))?;
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| self.exceeded(file))?;
        Ok(bytes)
    }

    fn exceeded(&self, file: &Path) -> DataError {
        DataError::TooLarge {
            file: file.into(),
            limit: self.limit,
        }
    }
}

/// The file of a role in a directory, under the first of its names that is there.
pub(crate) fn find(directory: &Path, role: Role) -> Result<PathBuf, DataError> {
    let found = metadata(directory)?;
    if !found.is_dir() {
        return Err(wrong_type(directory, "a directory", found.file_type()));
    }
    let names = role.file_names();
    let paths = names.iter().map(|name| directory.join(name));
    // A link that leads nowhere is there: it deserves its own error.
    let mut present = paths.filter(|path| fs::symlink_metadata(path).is_ok());
    present.next().ok_or_else(|| DataError::Missing {
        directory: directory.into(),
        names: names.to_vec(),
    })
}

/// Reads a file, decompressed where it begins like gzip.
pub(crate) fn read(path: &Path, budget: &mut Budget) -> Result<Vec<u8>, DataError> {
    // Opening a pipe would wait for a writer: look before.
    let found = metadata(path)?;
    if !found.is_file() {
        return Err(wrong_type(path, "a regular file", found.file_type()));
    }
    // Deflate never makes much less of a file than it was, so the limit serves for gzip too.
    if found.len() > budget.left {
        return Err(budget.exceeded(path));
    }
    let unreadable = |source| DataError::Unreadable {
        path: path.into(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut first_bytes = Vec::with_capacity(2);
    Read::by_ref(&mut file)
        .take(2)
        .read_to_end(&mut first_bytes)
        .and_then(|_| file.rewind())
        .map_err(unreadable)?;
    let bytes = if gzip::is_gzip(&first_bytes) {
        gzip::decompress(path, BufReader::with_capacity(1 << 16, file), budget.left)?
    } else {
        let mut bytes = Vec::new();
        let mut limited = file.take(budget.left.saturating_add(1));
        limited.read_to_end(&mut bytes).map_err(unreadable)?;
        Some(bytes)
    };
    budget.charge(path, bytes)
}

/// Decompresses a gzip file that is in memory.
#[cfg(feature = "embedded")]
pub(crate) fn read_embedded(
    name: &Path,
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<Vec<u8>, DataError> {
    let bytes = gzip::decompress(name, bytes, budget.left)?;
    budget.charge(name, bytes)
}

fn metadata(path: &Path) -> Result<fs::Metadata, DataError> {
    fs::metadata(path).map_err(|source: io::Error| DataError::Unreadable {
        path: path.into(),
        source,
    })
}

fn wrong_type(path: &Path, expected: &'static str, found: FileType) -> DataError {
    let found = if found.is_dir() {
        "a directory"
    } else if found.is_file() {
        "a regular file"
    } else {
        "a pipe, socket or device"
    };
    DataError::WrongFileType {
        path: path.into(),
        expected,
        found,
    }
}
