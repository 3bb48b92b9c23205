//! The images that a config names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use downhill_data::{DataError, ImagePair, load_directory};

/// Loads the images of the option `--data-dir`, a directory or the name of a set, or else those of
/// `data.source`.
///
/// # Errors
///
/// A set that is not there or not valid.
pub(crate) fn load(data_dir: Option<&Path>, source: &str) -> Result<ImagePair, DataError> {
    match data_dir.map(|directory| (directory, directory.to_str())) {
        None => downhill_data::load(source),
        Some((_, Some(name))) => downhill_data::load(name),
        Some((directory, None)) => load_directory(directory),
    }
}

/// The numbers of training images that there are, read when they are first asked for.
#[derive(Debug, Default)]
pub(crate) struct TrainingImages {
    data_dir: Option<PathBuf>,
    /// Whether nothing is trained on images, so that there are no epochs.
    pub(crate) are_unused: bool,
    /// By source.
    numbers: Mutex<BTreeMap<String, usize>>,
}

impl TrainingImages {
    /// Those of the option `--data-dir`, if it is given.
    pub(crate) fn of(data_dir: Option<&Path>) -> Self {
        Self {
            data_dir: data_dir.map(Path::to_path_buf),
            ..Self::default()
        }
    }

    /// Those of an experiment without images.
    pub(crate) fn unused() -> Self {
        Self {
            are_unused: true,
            ..Self::default()
        }
    }

    /// # Errors
    ///
    /// As [`load`].
    pub(crate) fn number(&self, source: &str) -> Result<usize, DataError> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(source) {
            return Ok(*number);
        }
        let number = load(self.data_dir.as_deref(), source)?.train.len();
        numbers.insert(source.to_owned(), number);
        Ok(number)
    }
}
