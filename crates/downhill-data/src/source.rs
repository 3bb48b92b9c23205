//! Finding and reading the files of a directory.

use std::fs::{self, File, FileType};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::gzip::Header;
use crate::kind::Kind;
use crate::{DataError, Role, gzip, idx};

/// The files of a role in a directory, in the order of their names; at least one. Their names begin
/// with a prefix, which may be empty; `None` stands for the only one that there is. Some archives
/// put a file into a directory of its own name.
pub(crate) fn find(
    directory: &Path,
    prefix: Option<&str>,
    role: Role,
) -> Result<Vec<PathBuf>, DataError> {
    let files = files(directory)?;
    let mut prefixes: Vec<&str> = files.iter().map(|file| file.prefix.as_str()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let prefix = match (prefix, prefixes.as_slice()) {
        (Some(prefix), _) => prefix,
        (None, ["", ..] | []) => "",
        (None, [only]) => only,
        (None, several) => {
            return Err(DataError::SeveralSets {
                directory: directory.into(),
                prefixes: several.iter().map(|&it| it.to_owned()).collect(),
            });
        }
    };
    let own = |file: &&Named| file.role == role && file.prefix == prefix;
    let (directories, mut found): (Vec<_>, Vec<_>) = (files.iter().filter(own))
        .map(|file| file.path.clone())
        .partition(|path| path.is_dir());
    for directory in &directories {
        let within = self::files(directory)?.into_iter();
        found.extend(within.filter(|file| own(&file)).map(|file| file.path));
    }
    if found.is_empty() {
        // Reading it gives the error.
        found.extend(directories);
    }
    match found.is_empty() {
        true => Err(DataError::Missing {
            directory: directory.into(),
            names: role.file_names().to_vec(),
        }),
        false => Ok(found),
    }
}

/// Splits `DIRECTORY/PREFIX` if it does not exist and the directory has files of that prefix.
pub(crate) fn directory_and_prefix(path: &Path) -> (&Path, Option<&str>) {
    let parts = path
        .parent()
        .zip(path.file_name().and_then(|name| name.to_str()));
    match parts {
        Some((directory, prefix)) if !path.exists() => {
            let files = files(directory).unwrap_or_default();
            match files.iter().any(|file| file.prefix == prefix) {
                true => (directory, Some(prefix)),
                false => (path, None),
            }
        }
        _ => (path, None),
    }
}

/// A file, or a directory, with the name of a file of a set.
struct Named {
    path: PathBuf,
    prefix: String,
    role: Role,
}

/// The files of sets in a directory, in the order of their names.
fn files(directory: &Path) -> Result<Vec<Named>, DataError> {
    let found = metadata(directory)?;
    if !found.is_dir() {
        return Err(wrong_type(directory, "a directory", found.file_type()));
    }
    let entries = fs::read_dir(directory).map_err(|source| DataError::Unreadable {
        path: directory.into(),
        source,
    })?;
    let named = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let (prefix, role) = Role::of(name.to_str()?)?;
        Some(Named {
            path: entry.path(),
            prefix: prefix.to_owned(),
            role,
        })
    };
    let mut named: Vec<Named> = entries.flatten().filter_map(named).collect();
    named.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(named)
}

/// Reads a file, decompressing it if it begins like gzip. A file that is longer than its header
/// announces is not read.
pub(crate) fn read(path: &Path, kind: Kind, limit: u64) -> Result<Vec<u8>, DataError> {
    let too_large = || DataError::TooLarge {
        file: path.into(),
        limit,
    };
    // Opening a pipe would wait for a writer, so check the type first.
    let found = metadata(path)?;
    if !found.is_file() {
        return Err(wrong_type(path, "a regular file", found.file_type()));
    }
    // Deflate hardly ever enlarges data, so the limit applies to gzip files, too.
    if found.len() > limit {
        return Err(too_large());
    }
    let unreadable = |source| DataError::Unreadable {
        path: path.into(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut first_bytes = Vec::with_capacity(kind.longest_header());
    Read::by_ref(&mut file)
        .take(kind.longest_header() as u64)
        .read_to_end(&mut first_bytes)
        .and_then(|_| file.rewind())
        .map_err(unreadable)?;
    let bytes = if gzip::is_gzip(&first_bytes) {
        let reader = BufReader::with_capacity(1 << 16, file);
        decompressed(path, reader, kind, limit)?
    } else {
        let expected = idx::announced(path, &first_bytes, kind)?;
        if expected < found.len() {
            return Err(DataError::Trailing {
                file: path.into(),
                expected,
                found: found.len(),
            });
        }
        let mut bytes = Vec::with_capacity(found.len() as usize);
        let mut limited = file.take(limit.saturating_add(1));
        limited.read_to_end(&mut bytes).map_err(unreadable)?;
        Some(bytes)
    };
    bytes
        .filter(|bytes| bytes.len() as u64 <= limit)
        .ok_or_else(too_large)
}

fn decompressed(
    file: &Path,
    reader: impl BufRead,
    kind: Kind,
    limit: u64,
) -> Result<Option<Vec<u8>>, DataError> {
    let announced = |bytes: &[u8]| idx::announced(file, bytes, kind);
    let header = Header {
        length: kind.longest_header(),
        announced: &announced,
    };
    gzip::decompress(file, reader, limit, Some(&header))
}

/// Decompresses the gzip file of an IDX file, up to `limit` bytes. `name` is only used in errors.
///
/// # Errors
///
/// A file that is damaged, is not of this `kind`, or exceeds the limit.
pub fn decompress(name: &Path, bytes: &[u8], kind: Kind, limit: u64) -> Result<Vec<u8>, DataError> {
    let read = decompressed(name, bytes, kind, limit)?;
    read.ok_or_else(|| DataError::TooLarge {
        file: name.into(),
        limit,
    })
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
                "{}: no file named train-images-idx3-ubyte, train-images-idx3-ubyte.gz; put the four \
                 IDX files, raw or gzip, into this directory, or choose another directory",
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
                "{}: the file exceeds the limit of 2147483648 bytes; check that this is the right file",
                path.display()
            )
        );
    }

    #[test]
    fn a_gzip_bomb_is_not_expanded() {
        let (directory, path) = without_train_images();
        // A tenth of 1 GB per member.
        let zeros = compress(&vec![0; 100_000_000]).repeat(10);
        let header = small_set::idx(&[3, 2, 3], &[]);
        let sized = [compress(&header), zeros.clone()].concat();
        let too_large = small_set::idx(&[1, 65_536, 65_536], &[]);
        let too_large = [compress(&too_large), zeros.clone()].concat();
        for (bytes, expected) in [
            (zeros, "byte 2: expected element type"),
            (sized, "found at least 65536 more bytes"),
            (too_large, "exceeds the limit"),
        ] {
            fs::write(&path, bytes).unwrap();
            let start = Instant::now();
            let error = fault(directory.path()).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(start.elapsed() < Duration::from_millis(100));
        }
    }

    #[test]
    fn what_is_nearly_idx_is_named() {
        let (directory, path) = without_train_images();
        let [images, ..] = small_set::files();
        let little: Vec<u8> = (images[..16].chunks(4))
            .flat_map(|number| number.iter().rev().copied())
            .collect();
        for (bytes, expected) in [
            (compress(&compress(&images)), "gzip within gzip"),
            (little, "little-endian"),
            (b"PK\x03\x04".to_vec(), "a zip archive"),
            (b"<!DOCTYPE html>".to_vec(), "a web page"),
            (b"version https://git-lfs".to_vec(), "Git LFS"),
            (b"GIF8".to_vec(), "this is not an IDX file, replace it"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = fault(directory.path()).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_in_a_directory_of_its_name_is_found() {
        for (name, within) in [("train-images.idx3-ubyte", false), (TRAIN_IMAGES, true)] {
            let (directory, path) = without_train_images();
            let [images, ..] = small_set::files();
            fs::create_dir(&path).unwrap();
            let file = match within {
                true => path.join(name),
                false => directory.path().join(name),
            };
            fs::write(file, images).unwrap();
            assert_eq!(load_directory(directory.path()).unwrap().train.len(), 3);
        }
    }

    #[test]
    fn two_files_of_a_role_must_be_the_same() {
        let (directory, path) = without_train_images();
        let [mut images, ..] = small_set::files();
        fs::write(&path, &images).unwrap();
        let other = directory.path().join("train-images-idx3-ubyte.gz");
        fs::write(&other, compress(&images)).unwrap();
        assert!(load_directory(directory.path()).is_ok());
        images[17] ^= 1;
        fs::write(&other, compress(&images)).unwrap();
        let error = fault(directory.path()).to_string();
        assert!(
            error.contains("are different, and only one of them"),
            "{error}"
        );
        assert!(error.contains(&other.display().to_string()), "{error}");
    }

    #[test]
    fn test_files_may_be_named_test() {
        let directory = tempfile::tempdir().unwrap();
        for (role, bytes) in Role::ALL.into_iter().zip(small_set::files()) {
            let name = role.file_names()[0].replace("t10k", "test");
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        assert_eq!(load_directory(directory.path()).unwrap().test.len(), 2);
    }

    #[test]
    fn the_limit_holds_for_each_file() {
        let files = small_set::files();
        let largest = files.iter().map(Vec::len).max().unwrap() as u64;
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
            assert!(load_directory_within(directory.path(), largest + 64).is_ok());
            for limit in [0, 1, 30, largest - 1] {
                let error = load_directory_within(directory.path(), limit).unwrap_err();
                assert!(matches!(error, DataError::TooLarge { .. }), "{error:?}");
            }
            if !packed {
                assert!(load_directory_within(directory.path(), largest).is_ok());
            }
        }
    }
}
