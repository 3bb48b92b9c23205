//! Finding and reading the files of a directory.

use std::fs::{self, File, FileType};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::{DataError, Role, gzip};

/// A limit on the bytes to read, and the bytes left of it.
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) left: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// Charges the bytes to the budget. `None` stands for more bytes than the budget has left.
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

/// Returns the file of a role in a directory, under the first of its names that exists.
pub(crate) fn find(directory: &Path, role: Role) -> Result<PathBuf, DataError> {
    let found = metadata(directory)?;
    if !found.is_dir() {
        return Err(wrong_type(directory, "a directory", found.file_type()));
    }
    let names = role.file_names();
    let paths = names.iter().map(|name| directory.join(name));
    // A broken link counts as existing, so that it gets its own error.
    let mut present = paths.filter(|path| fs::symlink_metadata(path).is_ok());
    present.next().ok_or_else(|| DataError::Missing {
        directory: directory.into(),
        names: names.to_vec(),
    })
}

/// Reads a file, decompressing it if it begins like gzip.
pub(crate) fn read(path: &Path, budget: &mut Budget) -> Result<Vec<u8>, DataError> {
    // Opening a pipe would wait for a writer, so check the type first.
    let found = metadata(path)?;
    if !found.is_file() {
        return Err(wrong_type(path, "a regular file", found.file_type()));
    }
    // Deflate hardly ever enlarges data, so the limit applies to gzip files, too.
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

/// Decompresses a gzip file in memory.
#[cfg(any(test, feature = "embedded"))]
pub(crate) fn read_gzip(
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use super::*;
    use crate::small_set::{self, compress};
    use crate::{load_directory, load_directory_within};

    const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";

    /// Makes a directory with the small set but without its training images.
    fn without_train_images() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        for (role, bytes) in Role::ALL.into_iter().zip(small_set::files()).skip(1) {
            fs::write(directory.path().join(&role.file_names()[0]), bytes).unwrap();
        }
        let path = directory.path().join(TRAIN_IMAGES);
        (directory, path)
    }

    /// Returns the error, which must come quickly: no waiting for a pipe, no expanding of a bomb.
    fn fault(directory: &Path) -> DataError {
        let start = Instant::now();
        let error = load_directory(directory).unwrap_err();
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
        error
    }

    #[test]
    fn a_missing_file_is_named_with_all_its_names() {
        let (directory, _) = without_train_images();
        let error = fault(directory.path());
        assert!(matches!(error, DataError::Missing { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "{}: no file named train-images-idx3-ubyte, train-images-idx3-ubyte.gz, \
                 train-images.idx3-ubyte, train-images.idx3-ubyte.gz; put the four IDX files, raw or \
                 gzip, into this directory, or choose another directory",
                directory.path().display()
            )
        );
    }

    #[test]
    fn a_path_that_is_no_directory_is_refused() {
        let (directory, path) = without_train_images();
        let error = fault(&path);
        assert!(matches!(&error, DataError::Unreadable { path: named, .. } if *named == path));
        let error = fault(&directory.path().join("train-labels-idx1-ubyte"));
        assert!(
            matches!(
                error,
                DataError::WrongFileType {
                    expected: "a directory",
                    found: "a regular file",
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[test]
    fn a_directory_in_place_of_a_file_is_refused() {
        let (directory, path) = without_train_images();
        fs::create_dir(&path).unwrap();
        assert_eq!(
            fault(directory.path()).to_string(),
            format!(
                "{}: expected a regular file, found a directory; choose a directory that contains \
                 the four IDX files",
                path.display()
            )
        );
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_broken_links_are_refused() {
        use std::os::unix::fs::symlink;
        let special = |error: &DataError| {
            matches!(
                error,
                DataError::WrongFileType {
                    found: "a pipe, socket or device",
                    ..
                }
            )
        };
        let unreadable = |error: &DataError| matches!(error, DataError::Unreadable { .. });

        let (directory, path) = without_train_images();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let error = fault(directory.path());
        assert!(special(&error), "{error:?}");

        let links = [
            ("/dev/zero", true),
            (TRAIN_IMAGES, false),
            ("nowhere", false),
        ];
        for (target, is_special) in links {
            fs::remove_file(&path).unwrap();
            symlink(target, &path).unwrap();
            let error = fault(directory.path());
            assert_eq!(special(&error), is_special, "{error:?}");
            assert_eq!(unreadable(&error), !is_special, "{error:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_huge_sparse_file_is_not_read() {
        let (directory, path) = without_train_images();
        File::create(&path).unwrap().set_len(1 << 42).unwrap();
        let error = fault(directory.path());
        assert!(matches!(error, DataError::TooLarge { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "{}: the four files exceed the limit of 67108864 bytes in total; check that this is \
                 the right file",
                path.display()
            )
        );
    }

    #[test]
    fn a_gzip_bomb_is_not_expanded() {
        let (directory, path) = without_train_images();
        // A tenth of 1 GB per member.
        let member = compress(&vec![0; 100_000_000]);
        fs::write(&path, member.repeat(10)).unwrap();
        let error = fault(directory.path());
        assert!(matches!(error, DataError::TooLarge { .. }), "{error:?}");
    }

    #[test]
    fn the_limit_holds_for_the_four_files_together() {
        let files = small_set::files();
        let total = files.concat().len() as u64;
        for packed in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            for (role, bytes) in Role::ALL.into_iter().zip(&files) {
                let name = &role.file_names()[usize::from(packed)];
                let bytes = if packed {
                    compress(bytes)
                } else {
                    bytes.clone()
                };
                fs::write(directory.path().join(name), bytes).unwrap();
            }
            assert!(load_directory_within(directory.path(), total + 64).is_ok());
            for limit in [0, 1, 30, total - 1] {
                let error = load_directory_within(directory.path(), limit).unwrap_err();
                assert!(matches!(error, DataError::TooLarge { .. }), "{error:?}");
            }
            if !packed {
                assert!(load_directory_within(directory.path(), total).is_ok());
            }
        }
    }
}
