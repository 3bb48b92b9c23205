//! A training and a test set, with the identity of the files they came from.

use std::path::{Path, PathBuf};

use crate::identity::sha256_hex;
use crate::idx::{self, Kind};
use crate::source::{self, Budget};
use crate::{DataError, DataIdentity, FileIdentity, ImageSet, Role};

/// How many decompressed bytes [`load_directory`] reads at most, the four files together: 64 MiB.
/// MNIST and the sets of its size take 55 MB.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// Images to train on and images to test on, of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePair {
    /// To train on.
    pub train: ImageSet,
    /// To test on.
    pub test: ImageSet,
    /// Which data this is.
    pub identity: DataIdentity,
}

/// The MNIST that is shipped inside: 60,000 training and 10,000 test images of 28x28.
///
/// # Errors
///
/// None, unless the files were damaged before the crate was compiled.
#[cfg(feature = "embedded")]
pub fn load_mnist() -> Result<ImagePair, DataError> {
    load("mnist".into(), DEFAULT_LIMIT, |role, budget| {
        let bytes: &[u8] = match role {
            Role::TrainImages => include_bytes!("../mnist/train-images-idx3-ubyte.gz"),
            Role::TrainLabels => include_bytes!("../mnist/train-labels-idx1-ubyte.gz"),
            Role::TestImages => include_bytes!("../mnist/t10k-images-idx3-ubyte.gz"),
            Role::TestLabels => include_bytes!("../mnist/t10k-labels-idx1-ubyte.gz"),
        };
        let [_, name, ..] = role.file_names();
        let name = PathBuf::from(name);
        let bytes = source::read_embedded(&name, bytes, budget)?;
        Ok((name, bytes))
    })
}

/// Reads an image set from a directory: the four IDX files, each raw or gzip, under the names of
/// [`Role::file_names`]. Any image size will do, the same for training and test.
///
/// # Errors
///
/// Files that are missing, unreadable, larger than [`DEFAULT_LIMIT`] or not exactly such a set.
pub fn load_directory(directory: &Path) -> Result<ImagePair, DataError> {
    load_directory_within(directory, DEFAULT_LIMIT)
}

/// [`load_directory`] with another limit in bytes.
///
/// # Errors
///
/// As [`load_directory`].
pub fn load_directory_within(directory: &Path, limit: u64) -> Result<ImagePair, DataError> {
    let name = directory.display().to_string();
    load(name, limit, |role, budget| {
        let path = source::find(directory, role)?;
        let bytes = source::read(&path, budget)?;
        Ok((path, bytes))
    })
}

/// A file that was read and checked, its header still in front.
struct LoadedFile {
    path: PathBuf,
    bytes: Vec<u8>,
    identity: FileIdentity,
}

fn load(
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
    let identity = DataIdentity {
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
