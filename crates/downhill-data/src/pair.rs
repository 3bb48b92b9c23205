//! A training and a test set, with the identity of their files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::identity::sha256_hex;
use crate::idx::{self, Kind};
use crate::{DataError, FileIdentity, ImageSet, PairIdentity, Role, folder, source};

/// The largest size of a file, decompressed, that [`load_directory`] reads: 2 GiB.
pub const DEFAULT_LIMIT: u64 = 2 << 30;

/// Training and test images of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePair {
    /// Training images.
    pub train: ImageSet,
    /// Test images.
    pub test: ImageSet,
    /// Names and checksums of the files.
    pub identity: PairIdentity,
    duplicates: OnceLock<Duplicates>,
}

/// Images that occur more than once, pixel by pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Training images that equal an earlier one.
    pub train: usize,
    /// Test images that equal an earlier one.
    pub test: usize,
    /// Test images that equal a training image.
    pub across: usize,
}

impl ImagePair {
    /// Number of classes: one more than the largest label.
    pub fn classes(&self) -> usize {
        self.train.classes()
    }

    /// The labels below [`classes`](Self::classes) that no training image has.
    pub fn unused_labels(&self) -> Vec<usize> {
        let mut used = vec![false; self.classes()];
        for &label in self.train.labels() {
            used[usize::from(label)] = true;
        }
        (0..used.len()).filter(|&label| !used[label]).collect()
    }

    /// Counts the images that occur more than once. They are counted once.
    pub fn duplicates(&self) -> Duplicates {
        *self.duplicates.get_or_init(|| {
            let (mut train, mut test) = (HashSet::new(), HashSet::new());
            Duplicates {
                train: self.train.images().filter(|it| !train.insert(*it)).count(),
                test: self.test.images().filter(|it| !test.insert(*it)).count(),
                across: self.test.images().filter(|it| train.contains(it)).count(),
            }
        })
    }
}

/// Returns the MNIST embedded in the crate: 60,000 training and 10,000 test images of 28x28 pixels.
///
/// # Errors
///
/// Only if the files were damaged before the crate was compiled.
#[cfg(feature = "embedded")]
pub fn load_mnist() -> Result<ImagePair, DataError> {
    read_set("mnist".into(), |role| {
        let name = PathBuf::from(&role.file_names()[1]);
        let bytes = source::decompress(&name, embedded(role), kind(role), DEFAULT_LIMIT)?;
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
/// [`Role::file_names`] or with dots for dashes, `test` for `t10k`, or a prefix such as
/// `emnist-letters-`; or two folders `train` and `test` of PNG files in a folder for each class,
/// such as `train/3/0001.png`. Of a directory that has the files of several sets,
/// `DIRECTORY/PREFIX` is one.
///
/// Images may have any size and 1 to 4 channels, the same for training and test. Labels lie in 0 to
/// 999.
///
/// # Errors
///
/// If a file is missing, unreadable or invalid, the files do not match, or one exceeds
/// [`DEFAULT_LIMIT`].
pub fn load_directory(directory: &Path) -> Result<ImagePair, DataError> {
    load_directory_within(directory, DEFAULT_LIMIT)
}

/// Like [`load_directory`], with another limit of the size of a file, in bytes.
///
/// # Errors
///
/// As [`load_directory`].
pub fn load_directory_within(directory: &Path, limit: u64) -> Result<ImagePair, DataError> {
    load_as(directory.display().to_string(), directory, limit)
}

/// Reads the set of a directory under a name.
pub(crate) fn load_as(name: String, directory: &Path, limit: u64) -> Result<ImagePair, DataError> {
    if folder::is_set(directory) {
        let files = folder::read(directory, limit)?;
        return read_set(name, |role| Ok(files[role as usize].clone()));
    }
    let (directory, prefix) = source::directory_and_prefix(directory);
    read_set(name, |role| {
        let mut found = source::find(directory, prefix, role)?.into_iter();
        let path = found.next().expect("at least one file");
        let bytes = source::read(&path, kind(role), limit)?;
        // Which of several files is meant is not known, unless they are the same.
        for other in found {
            let same = source::read(&other, kind(role), limit);
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
    read: impl Fn(Role) -> Result<(PathBuf, Vec<u8>), DataError>,
) -> Result<ImagePair, DataError> {
    let load_file = |role| check_file(role, read(role)?);
    let train_images = load_file(Role::TrainImages)?;
    let train_labels = load_file(Role::TrainLabels)?;
    check_counts(&train_images, &train_labels)?;
    let test_images = load_file(Role::TestImages)?;
    let test_labels = load_file(Role::TestLabels)?;
    check_counts(&test_images, &test_labels)?;
    check_sizes(&train_images, &test_images)?;
    let files = [&train_images, &train_labels, &test_images, &test_labels];
    let identity = PairIdentity {
        name: name.clone(),
        sha256: sha256_hex(files.map(|file| &file.bytes[..])),
        files: files.map(|file| file.identity.clone()),
    };
    let train = join(train_images, &train_labels)?;
    let test = join(test_images, &test_labels)?;
    let classes = train.classes().max(test.classes());
    let pair = ImagePair {
        train: train.with_classes(classes),
        test: test.with_classes(classes),
        identity,
        duplicates: OnceLock::new(),
    };
    match pair.classes() {
        1 => Err(DataError::OneClass { name }),
        _ => Ok(pair),
    }
}

fn check_file(role: Role, (path, bytes): (PathBuf, Vec<u8>)) -> Result<LoadedFile, DataError> {
    let checked = idx::read(&path, &bytes, kind(role))?;
    let file_name = path.file_name().unwrap_or(path.as_os_str());
    let identity = FileIdentity {
        role,
        name: file_name.display().to_string(),
        dimensions: checked.dimensions,
        bytes: bytes.len(),
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
    let sizes = [train, test].map(|file| shape(&file.identity.dimensions).0);
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

/// The most channels that an image has.
const MAX_CHANNELS: usize = 4;

/// Channels, rows and columns of the images of a file, and whether the channels come last. They
/// come first if both could be.
fn shape(dimensions: &[usize]) -> ([usize; 3], bool) {
    match *dimensions {
        [_, first, rows, last] if first > MAX_CHANNELS && last <= MAX_CHANNELS => {
            ([last, first, rows], true)
        }
        [_, channels, rows, columns] => ([channels, rows, columns], false),
        [_, rows, columns] => ([1, rows, columns], false),
        _ => ([0; 3], false),
    }
}

fn join(mut images: LoadedFile, labels: &LoadedFile) -> Result<ImageSet, DataError> {
    let (shape, channels_last) = shape(&images.identity.dimensions);
    let header = 4 + 4 * images.identity.dimensions.len();
    let mut pixels = images.bytes.split_off(header);
    if channels_last {
        let [channels, rows, columns] = shape;
        let mut sorted = Vec::with_capacity(pixels.len());
        for image in pixels.chunks_exact(channels * rows * columns) {
            for channel in 0..channels {
                sorted.extend(image.iter().skip(channel).step_by(channels));
            }
        }
        pixels = sorted;
    }
    let labels = idx::read(&labels.path, &labels.bytes, Kind::Labels)?.labels();
    ImageSet::new(pixels, labels, shape)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::small_set::{self, compress, idx};
    use crate::{Purpose, Stream};

    /// Loads a set from its four decompressed files, in the order of [`Role::ALL`].
    fn load_bytes(files: &[Vec<u8>; 4]) -> Result<ImagePair, DataError> {
        read_set("small".into(), |role| {
            Ok((
                PathBuf::from(format!("{role:?}")),
                files[role as usize].clone(),
            ))
        })
    }

    fn load_gzip(files: &[Vec<u8>; 4]) -> Result<ImagePair, DataError> {
        read_set("small".into(), |role| {
            let name = PathBuf::from(format!("{role:?}"));
            let bytes = source::decompress(&name, &files[role as usize][..], kind(role), 4096)?;
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
            assert_eq!((set.len(), set.shape()), (count, [1, 28, 28]));
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
            let [raw_name, gzip_name] = role.file_names();
            fs::write(raw.path().join(raw_name), bytes).unwrap();
            let gzip_name = gzip_name.replace("-idx", ".idx").replace("t10k", "test");
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
    fn images_that_occur_again_are_counted() {
        let mut files = small_set::files();
        files[2][16..].fill(255);
        let count = |files: &[Vec<u8>; 4]| {
            let Duplicates {
                train,
                test,
                across,
            } = load_bytes(files).unwrap().duplicates();
            [train, test, across]
        };
        files[2][22..].copy_from_slice(&[1; 6]);
        assert_eq!(count(&files), [0, 0, 0]);
        let first = files[0][16..][..6].to_vec();
        files[2][22..].copy_from_slice(&first);
        assert_eq!(count(&files), [0, 0, 1]);
        files[2][16..22].copy_from_slice(&first);
        assert_eq!(count(&files), [0, 1, 2]);
        files[0][22..28].copy_from_slice(&first);
        files[0][28..].copy_from_slice(&first);
        assert_eq!(count(&files), [2, 1, 2]);
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
            (pair.test.len(), pair.duplicates().across),
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
    fn labels_may_be_integers_of_any_size_and_the_first_of_several_numbers() {
        let of = |element: u8, dimensions: &[u32], bytes: &[u8]| {
            let mut file = idx(dimensions, bytes);
            file[2] = element;
            file
        };
        // QMNIST: int32, `[labels, 8]`.
        let mut rows = Vec::new();
        for label in [3, 0, 700_i32] {
            rows.extend(label.to_be_bytes());
            rows.extend([255; 28]);
        }
        let mut files = small_set::files();
        for labels in [
            of(0x0c, &[3, 8], &rows),
            of(0x0b, &[3], &[0, 3, 0, 0, 2, 188]),
        ] {
            files[1] = labels;
            let pair = load_bytes(&files).unwrap();
            assert_eq!(
                (pair.train.labels(), pair.classes()),
                (&[3, 0, 700][..], 701)
            );
            assert_eq!(pair.unused_labels().len(), 698);
        }
        files[1] = of(0x09, &[3], &[3, 0, 127]);
        assert_eq!(load_bytes(&files).unwrap().classes(), 128);
        for (labels, found) in [
            (
                of(0x0b, &[3], &[0, 3, 3, 232, 0, 0]),
                "byte 10: expected a label from 0 to 999, found 1000",
            ),
            (
                of(0x09, &[3], &[3, 255, 0]),
                "byte 9: expected a label from 0 to 999, found -1",
            ),
            (
                of(0x0d, &[3], &[0; 12]),
                "byte 2: expected an integer type (0x08, 0x09, 0x0b or 0x0c)",
            ),
        ] {
            files[1] = labels;
            assert!(message(&files).contains(found), "{}", message(&files));
        }
        files = small_set::files();
        files[1] = idx(&[3], &[0; 3]);
        files[3] = idx(&[2], &[0; 2]);
        assert_eq!(
            message(&files),
            "small: all labels are 0; a set needs at least two classes"
        );
    }

    #[test]
    fn channels_come_first_or_last() {
        let [_, labels, _, test_labels] = small_set::files();
        let of = |images: [u32; 4]| {
            let size: u32 = images[1..].iter().product();
            let pixels: Vec<u8> = (0..3 * size).map(|it| it as u8).collect();
            let with = |number: u32| {
                let [_, a, b, c] = images;
                idx(&[number, a, b, c], &pixels[..(number * size) as usize])
            };
            load_bytes(&[with(3), labels.clone(), with(2), test_labels.clone()])
        };
        let first = of([3, 3, 5, 2]).unwrap();
        assert_eq!(
            (first.train.shape(), first.train.image(1)[0]),
            ([3, 5, 2], 30)
        );
        let last = of([3, 5, 2, 3]).unwrap();
        assert_eq!(last.train.shape(), [3, 5, 2]);
        assert_eq!(
            last.train.image(0)[..11],
            [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 1]
        );
        let mut files = small_set::files();
        files[0] = idx(&[3, 3, 2, 3], &[0; 54]);
        let expected = "expected 3 channels of 2x3 pixels as in TrainImages, found 2x3 pixels";
        assert!(message(&files).contains(expected), "{}", message(&files));
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
            "TestImages: byte 8: expected 2x3 pixels as in TrainImages, found 3x2 pixels; \
             take all files from the same set"
        );
        let mut swapped = whole;
        swapped.swap(0, 1);
        assert_eq!(
            message(&swapped),
            "TrainImages: byte 3: expected images (3 or 4 dimensions), found labels (1 or 2 dimensions); \
             swap the two files"
        );
    }
}
