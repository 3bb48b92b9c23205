//! What `--again` has trained so far, so that it can be continued.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use crate::error::TrainError;
use crate::runs::files::create_directory;
use crate::runs::store::Store;

/// A file with the runs that were trained again, a line each, until all are. Several processes may
/// share it.
#[derive(Debug)]
pub(crate) struct Again {
    path: PathBuf,
    /// The runs that were in the file at first.
    before: HashSet<String>,
}

impl Again {
    /// Continues the list of this name, or begins it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written.
    pub(crate) fn begin(store: &Store, name: &str) -> Result<Self, TrainError> {
        let directory = store.root().join("experiments");
        create_directory(&directory)?;
        let mut again = Self {
            path: directory.join(format!("{name}.again")),
            before: HashSet::new(),
        };
        match again.read()? {
            Some(runs) => again.before = runs,
            None => again.append("")?,
        }
        Ok(again)
    }

    /// The number of runs that an interrupted command trained.
    pub(crate) fn trained_before(&self) -> usize {
        self.before.len()
    }

    /// Whether a run was trained again, by this process or another. All runs were if another
    /// process has removed the list.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub(crate) fn has(&self, run: &str) -> Result<bool, TrainError> {
        if self.before.contains(run) {
            return Ok(true);
        }
        Ok(self.read()?.is_none_or(|runs| runs.contains(run)))
    }

    /// Adds a run whose new record is complete.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(crate) fn add(&self, run: &str) -> Result<(), TrainError> {
        match self.path.is_file() {
            true => self.append(&format!("{run}\n")),
            false => Ok(()),
        }
    }

    /// Removes the list, since all runs were trained.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub(crate) fn complete(&self) -> Result<(), TrainError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(TrainError::file("cannot remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Option<HashSet<String>>, TrainError> {
        match fs::read_to_string(&self.path) {
            // A line that was cut off names no run.
            Ok(text) => Ok(Some(text.lines().map(str::to_owned).collect())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TrainError::file("cannot read", &self.path)(error)),
        }
    }

    /// Appends a line in one piece.
    fn append(&self, line: &str) -> Result<(), TrainError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(TrainError::file("cannot write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_command_is_continued_and_a_complete_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let begin = || Again::begin(&store, "some").unwrap();
        let first = begin();
        assert_eq!(first.trained_before(), 0);
        assert!(!first.has("a").unwrap());
        first.add("a").unwrap();
        assert!(first.has("a").unwrap());

        let second = begin();
        assert_eq!(second.trained_before(), 1);
        first.add("b").unwrap();
        let seen = ["a", "b", "c"].map(|run| second.has(run).unwrap());
        assert_eq!(seen, [true, true, false]);

        first.complete().unwrap();
        assert!(second.has("c").unwrap());
        second.add("c").unwrap();
        second.complete().unwrap();
        assert_eq!(begin().trained_before(), 0);
    }
}
