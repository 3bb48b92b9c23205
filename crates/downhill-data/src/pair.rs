//! A training and a test set, with the identity of their files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::identity::sha256_hex;
use crate::idx::{self, Kind};
use crate::source::{self, Budget};
use crate::{DataError, FileIdentity, ImageSet, PairIdentity, Role};

/// The largest total size of the four decompressed files that [`load_directory`] reads: 128 MiB.
/// MNIST and sets of its size take 55 MB, those with as many test images as training images 94 MB.
pub const DEFAULT_LIMIT: u64 = 128 << 20;

/// Training and test images of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePair {
    /// Training images.
    pub train: ImageSet,
    /// Test images.
    pub test: ImageSet,
    /// Names and checksums of the files.
    pub identity: PairIdentity,
}

impl ImagePair {
    /// The number of test images that are training images, pixel by pixel.
    pub fn test_images_in_training(&self) -> usize {
        let size = self.train.image_size();
        let train: HashSet<&[u8]> = self.train.pixels().chunks_exact(size).collect();
        let test = self.test.pixels().chunks_exact(size);
        test.filter(|image| train.contains(image)).count()
    }
}

/// Reads the image set in a directory, or returns the embedded MNIST if there is none.
///
/// # Errors
///
/// As [`load_directory`].
#[cfg(feature = "embedded")]
pub fn load(directory: Option<&Path>) -> Result<ImagePair, DataError> {
    directory.map_or_else(load_mnist, load_directory)
}

/// Returns the MNIST embedded in the crate: 60,000 training and 10,000 test images of 28x28 pixels.
///
/// # Errors
///
/// Only if the files were damaged before the crate was compiled.
#[cfg(feature = "embedded")]
pub fn load_mnist() -> Result<ImagePair, DataError> {
    read_set("mnist".into(), DEFAULT_LIMIT, |role, budget| {
        let name = PathBuf::from(&role.file_names()[1]);
        let bytes = source::read_gzip(&name, embedded(role), kind(role), budget)?;
        Ok((name, bytes))
    })
}

#[cfg(feature = "embedded")]
fn embedded(role: Role) -> &'static [u8] {
    match role {
        Role::TrainImages => include_bytes!("../mnist/train-images-idx3-ubyte.gz"),
        Role::TrainLabels => include_bytes!("../mnist/train-labels-idx1-ubyte.gz"),
        Role::TestImages => include_bytes!("../mnist/t10k-images-idx3-ubyte.gz"),
        Role::TestLabels => include_bytes!("../mnist/t10k-labels-idx1-ubyte.gz"),
    }
}

/// Reads an image set from a directory: four IDX files, each raw or gzip, under the names of
/// [`Role::file_names`]. Images may have any size, the same for training and test.
///
/// # Errors
///
/// If a file is missing, unreadable or invalid, the files do not match, or their total size exceeds
/// [`DEFAULT_LIMIT`].
pub fn load_directory(directory: &Path) -> Result<ImagePair, DataError> {
    load_directory_within(directory, DEFAULT_LIMIT)
}

/// Like [`load_directory`], with another limit in bytes.
///
/// # Errors
///
/// As [`load_directory`].
pub fn load_directory_within(directory: &Path, limit: u64) -> Result<ImagePair, DataError> {
    let name = directory.display().to_string();
    read_set(name, limit, |role, budget| {
        let mut found = source::find(directory, role)?.into_iter();
        let path = found.next().expect("at least one file");
        let bytes = source::read(&path, kind(role), budget)?;
        // Which of several files is meant is not known, unless they are the same.
        for other in found {
            let same = source::read(&other, kind(role), &mut Budget::new(limit));
            if !same.is_ok_and(|same| same == bytes) {
                return Err(DataError::Different { file: path, other });
            }
        }
        Ok((path, bytes))
    })
}

/// A validated file, with its header.
struct LoadedFile {
    path: PathBuf,
    bytes: Vec<u8>,
    identity: FileIdentity,
}

fn read_set(
    name: String,
    limit: u64,
    read: impl Fn(Role, &mut Budget) -> Result<(PathBuf, Vec<u8>), DataError>,
) -> Result<ImagePair, DataError> {
    let mut budget = Budget::new(limit);
    let mut load_file = |role| check_file(role, read(role, &mut budget)?);
    let train_images = load_file(Role::TrainImages)?;
    let train_labels = load_file(Role::TrainLabels)?;
    check_counts(&train_images, &train_labels)?;
    let test_images = load_file(Role::TestImages)?;
    let test_labels = load_file(Role::TestLabels)?;
    check_counts(&test_images, &test_labels)?;
    check_sizes(&train_images, &test_images)?;
    let files = [&train_images, &train_labels, &test_images, &test_labels];
    let identity = PairIdentity {
        name,
        sha256: sha256_hex(files.map(|file| &file.bytes[..])),
        files: files.map(|file| file.identity.clone()),
    };
    Ok(ImagePair {
        train: join(train_images, train_labels)?,
        test: join(test_images, test_labels)?,
        identity,
    })
}

fn check_file(role: Role, (path, bytes): (PathBuf, Vec<u8>)) -> Result<LoadedFile, DataError> {
    let checked = idx::read(&path, &bytes, kind(role))?;
    let file_name = path.file_name().unwrap_or(path.as_os_str());
    let identity = FileIdentity {
        role,
        name: file_name.display().to_string(),
        dimensions: checked.dimensions,
        sha256: sha256_hex([&bytes[..]]),
    };
    Ok(LoadedFile {
        path,
        bytes,
        identity,
    })
}

fn kind(role: Role) -> Kind {
    match role {
        Role::TrainImages | Role::TestImages => Kind::Images,
        Role::TrainLabels | Role::TestLabels => Kind::Labels,
    }
}

fn check_counts(images: &LoadedFile, labels: &LoadedFile) -> Result<(), DataError> {
    let counts = [images, labels].map(|file| file.identity.dimensions[0]);
    if counts[0] == counts[1] {
        return Ok(());
    }
    Err(DataError::CountMismatch {
        images_file: images.path.clone(),
        labels_file: labels.path.clone(),
        images: counts[0],
        labels: counts[1],
    })
}

fn check_sizes(train: &LoadedFile, test: &LoadedFile) -> Result<(), DataError> {
    let sizes = [train, test].map(|file| {
        let dimensions = &file.identity.dimensions;
        [dimensions[1], dimensions[2]]
    });
    if sizes[0] == sizes[1] {
        return Ok(());
    }
    Err(DataError::SizeMismatch {
        train_file: train.path.clone(),
        test_file: test.path.clone(),
        train: sizes[0],
        test: sizes[1],
    })
}

fn join(mut images: LoadedFile, mut labels: LoadedFile) -> Result<ImageSet, DataError> {
    images.bytes.drain(..idx::header_length(Kind::Images));
    labels.bytes.drain(..idx::header_length(Kind::Labels));
    let dimensions = &images.identity.dimensions;
    ImageSet::new(images.bytes, labels.bytes, dimensions[1], dimensions[2])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::small_set::{self, compress, idx};
    use crate::{Purpose, Stream};

    /// Loads a set from its four decompressed files, in the order of [`Role::ALL`].
    fn load_bytes(files: &[Vec<u8>; 4]) -> Result<ImagePair, DataError> {
        read_set("small".into(), 4096, |role, _| {
            Ok((
                PathBuf::from(format!("{role:?}")),
                files[role as usize].clone(),
            ))
        })
    }

    fn load_gzip(files: &[Vec<u8>; 4]) -> Result<ImagePair, DataError> {
        read_set("small".into(), 4096, |role, budget| {
            let name = PathBuf::from(format!("{role:?}"));
            let bytes = source::read_gzip(&name, &files[role as usize][..], kind(role), budget)?;
            Ok((name, bytes))
        })
    }

    fn message(files: &[Vec<u8>; 4]) -> String {
        load_bytes(files).unwrap_err().to_string()
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn the_embedded_files_are_the_canonical_mnist() {
        let mnist = load_mnist().unwrap();
        assert!(mnist.identity.is_canonical_mnist());
        assert_eq!(mnist.identity.name, "mnist");
        assert_eq!(
            mnist.identity.sha256,
            "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"
        );
        let dimensions = mnist
            .identity
            .files
            .each_ref()
            .map(|file| &file.dimensions[..]);
        assert_eq!(
            dimensions,
            [
                &[60_000, 28, 28][..],
                &[60_000],
                &[10_000, 28, 28],
                &[10_000]
            ]
        );
        assert_eq!(mnist.train.labels()[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.test.labels()[..5], [7, 2, 1, 0, 4]);
        for (set, count) in [(&mnist.train, 60_000), (&mnist.test, 10_000)] {
            assert_eq!((set.len(), set.rows(), set.columns()), (count, 28, 28));
        }
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn the_embedded_gzip_files_are_those_of_the_provenance() {
        let provenance = include_str!("../mnist/PROVENANCE.md");
        for role in Role::ALL {
            let [raw_name, name] = [0, 1].map(|at| role.file_names()[at].clone());
            let checksum = sha256_hex([embedded(role)]);
            let rows = provenance.lines();
            let mut rows = rows.filter(|row| row.starts_with(&format!("| {name} ")));
            assert!(rows.next().unwrap().ends_with(&format!("| {checksum} |")));
            let rows = provenance.lines();
            let mut rows = rows.filter(|row| row.starts_with(&format!("| {raw_name} ")));
            let checksum = role.mnist_sha256();
            assert!(rows.next().unwrap().ends_with(&format!("| {checksum} |")));
        }
    }

    #[test]
    fn raw_and_gzip_files_are_the_same_data() {
        let files = small_set::files();
        let raw = tempfile::tempdir().unwrap();
        let gzip = tempfile::tempdir().unwrap();
        for (role, bytes) in Role::ALL.into_iter().zip(&files) {
            let [raw_name, gzip_name] = [0, 3].map(|at| role.file_names()[at].clone());
            fs::write(raw.path().join(raw_name), bytes).unwrap();
            fs::write(gzip.path().join(gzip_name), compress(bytes)).unwrap();
        }
        let raw = load_directory(raw.path()).unwrap();
        let gzip = load_directory(gzip.path()).unwrap();
        assert_eq!((&raw.train, &raw.test), (&gzip.train, &gzip.test));
        assert_eq!(raw.identity.sha256, gzip.identity.sha256);
        assert_eq!(raw.identity.sha256, sha256_hex([&files.concat()[..]]));
        assert!(!raw.identity.is_canonical_mnist());
        for (file, bytes) in raw.identity.files.iter().zip(&files) {
            assert_eq!(file.sha256, sha256_hex([&bytes[..]]));
        }
        assert_eq!(raw.train.labels(), [3, 0, 9]);
        assert_eq!(raw.train.image(1), [6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn test_images_that_are_training_images_are_counted() {
        let mut files = small_set::files();
        files[2][16..].fill(255);
        let count = |files: &[Vec<u8>; 4]| load_bytes(files).unwrap().test_images_in_training();
        assert_eq!(count(&files), 0);
        let first = files[0][16..][..6].to_vec();
        files[2][22..].copy_from_slice(&first);
        assert_eq!(count(&files), 1);
        files[2][16..22].copy_from_slice(&first);
        assert_eq!(count(&files), 2);
    }

    #[test]
    fn as_many_test_images_as_training_images_are_read() {
        let directory = tempfile::tempdir().unwrap();
        for role in Role::ALL {
            let bytes = match kind(role) {
                Kind::Images => idx(&[60_000, 28, 28], &vec![7; 60_000 * 784]),
                Kind::Labels => idx(&[60_000], &vec![3; 60_000]),
            };
            fs::write(directory.path().join(&role.file_names()[0]), bytes).unwrap();
        }
        let pair = load_directory(directory.path()).unwrap();
        assert_eq!(
            (pair.test.len(), pair.test_images_in_training()),
            (60_000, 60_000)
        );
    }

    #[test]
    fn a_file_cut_anywhere_is_named() {
        let whole = small_set::files();
        for role in Role::ALL {
            for length in 0..whole[role as usize].len() {
                let mut files = whole.clone();
                files[role as usize].truncate(length);
                let text = message(&files);
                let expected = format!("{role:?}: the file ends at byte {length}, ");
                assert!(text.starts_with(&expected), "{text}");
            }
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let whole = small_set::files();
        let whole_gzip = whole.each_ref().map(|bytes| compress(bytes));
        let clean = load_bytes(&whole).unwrap();
        let mut stream = Stream::new(1, Purpose::Split, 0);
        for round in 0..20_000 {
            let gzip = round % 2 == 0;
            let mut files = if gzip {
                whole_gzip.clone()
            } else {
                whole.clone()
            };
            for _ in 0..=stream.below(3) {
                let file = &mut files[stream.below(4) as usize];
                let place = stream.below(file.len() as u64) as usize;
                file[place] ^= 1 << stream.below(8);
            }
            // Without a checksum, changed pixels and labels are valid data; changed sizes are not.
            match if gzip {
                load_gzip(&files)
            } else {
                load_bytes(&files)
            } {
                Ok(read) if gzip => assert_eq!(
                    (read.train, read.test),
                    (clean.train.clone(), clean.test.clone())
                ),
                Ok(read) => assert_eq!((read.train.len(), read.test.len()), (3, 2)),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let whole = small_set::files();
        let mut fewer_labels = whole.clone();
        fewer_labels[1] = idx(&[2], &[1, 2]);
        assert_eq!(
            message(&fewer_labels),
            "TrainLabels: byte 4: expected 3 labels for the images of TrainImages, found 2; \
             take both files from the same set"
        );
        let mut other_size = whole.clone();
        other_size[2] = idx(&[2, 3, 2], &[0; 12]);
        assert_eq!(
            message(&other_size),
            "TestImages: byte 8: expected 2x3 pixels as in TrainImages, found 3x2; \
             take all files from the same set"
        );
        let mut swapped = whole;
        swapped.swap(0, 1);
        assert_eq!(
            message(&swapped),
            "TrainImages: byte 3: expected images (3 dimensions), found labels (1 dimension); \
             swap the two files"
        );
    }
}
