//! Where runs and reports are kept: one directory per run, named by all that its record says first.
//!
//! ```text
//! runs/
//!   trainings/<hash of experiment, method, config, seed, data, backend, versions>/
//!     record.jsonl           a finished run
//!     record.jsonl.partial   one being trained, or given up
//!     lock                   held by the process that trains it
//!     timing.json            how long it took and on what: the only part that differs on repeat
//!     weights.safetensors    its trained network, where that was asked for
//!   reports/<experiment>-<backend>-<hash of its runs>.html, figures beside it as .svg, and its runs
//!     as .csv and .jsonl
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use downhill_report::record::Line;
use downhill_report::{Picture, RunRecord, encode, read_record};

use crate::error::TrainError;
use crate::runs::files::{write_if_changed, write_page, write_whole};
use crate::runs::timings::{Timing, Timings};

/// The trained network of a run.
const WEIGHTS: &str = "weights.safetensors";
/// The same until the record is complete.
const WEIGHTS_WAITING: &str = "weights.safetensors.partial";

/// The directory of all runs and reports.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// In this directory, which need not be there yet.
    pub fn new(root: &Path) -> Self {
        let root = root.to_path_buf();
        Self { root }
    }

    fn directory(&self, run: &str) -> PathBuf {
        self.root.join("trainings").join(run)
    }

    /// The record of a finished run, if there is one.
    ///
    /// # Errors
    ///
    /// A record that cannot be read, or whose lines are not what was written.
    pub fn finished(&self, run: &str) -> Result<Option<RunRecord>, TrainError> {
        let path = self.directory(run).join("record.jsonl");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TrainError::file("cannot read", &path)(error)),
        };
        match read_record(&text) {
            Ok(record) if record.header.run == run => Ok(Some(record)),
            Ok(_) => Err(damaged(&path, "it is the record of another run")),
            Err(error) => Err(damaged(&path, &error.to_string())),
        }
    }

    /// Where the trained network of a run is, if it was kept.
    pub fn weights(&self, run: &str) -> PathBuf {
        self.directory(run).join(WEIGHTS)
    }

    /// The directories of all runs, finished or not, in the order of their names.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read; one that is not there holds no run.
    pub fn directories(&self) -> Result<Vec<PathBuf>, TrainError> {
        let path = self.root.join("trainings");
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(TrainError::file("cannot read", &path))?,
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut directories: Vec<_> = paths.filter(|path| path.is_dir()).collect();
        directories.sort();
        Ok(directories)
    }

    /// How long these runs took; runs without a readable `timing.json` are left out.
    pub fn timings<'r>(&self, runs: impl IntoIterator<Item = &'r str>) -> Timings {
        Timings::of(runs.into_iter().map(|run| (run, self.timing(run))))
    }

    fn timing(&self, run: &str) -> Option<Timing> {
        let text = fs::read_to_string(self.directory(run).join("timing.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Begins the record of a run; what an interrupted one left is overwritten. Nothing, where
    /// another process has finished it meanwhile, unless it is to be trained `again`.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written, or a run that another process is at.
    pub fn begin(&self, run: &str, again: bool) -> Result<Option<RecordWriter>, TrainError> {
        let directory = self.directory(run);
        fs::create_dir_all(&directory).map_err(TrainError::file("cannot create", &directory))?;
        let path = directory.join("lock");
        let failed = |error| TrainError::file("cannot lock", &path)(error);
        let lock = File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TrainError::Locked(directory)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only who holds the lock may look and write.
        if !again && self.finished(run)?.is_some() {
            return Ok(None);
        }
        let path = directory.join("record.jsonl.partial");
        let file = File::create(&path).map_err(TrainError::file("cannot write", &path))?;
        Ok(Some(RecordWriter {
            path,
            file,
            lock,
            has_weights: false,
        }))
    }

    /// Writes the page of a report and its pictures. Returns the page's path.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be written.
    pub(crate) fn write_page(
        &self,
        name: &str,
        html: &str,
        pictures: &[Picture],
    ) -> Result<PathBuf, TrainError> {
        let page = self.report(&format!("{name}.html"));
        write_page(&page, html, pictures)?;
        Ok(page)
    }

    /// Writes another file of a report.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be written.
    pub fn write_report(&self, file: &str, text: &str) -> Result<(), TrainError> {
        write_if_changed(&self.report(file), text.as_bytes())
    }

    /// Where this file of a report is, or will be.
    pub fn report(&self, file: &str) -> PathBuf {
        self.root.join("reports").join(file)
    }
}

fn damaged(path: &Path, what: &str) -> TrainError {
    let message = format!("{what}; delete the file, or train again with --again");
    let error = std::io::Error::new(ErrorKind::InvalidData, message);
    TrainError::file("cannot use", path)(error)
}

/// The record of a run in the making. Its lock is held until it is dropped.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    file: File,
    lock: File,
    has_weights: bool,
}

impl RecordWriter {
    /// Adds a line.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&mut self, line: &Line) -> Result<(), TrainError> {
        (self.file.write_all(encode(line).as_bytes()))
            .map_err(TrainError::file("cannot write", &self.path))
    }

    /// Keeps the trained network, to appear with the record.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn keep_weights(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        write_whole(&self.path.with_file_name(WEIGHTS_WAITING), bytes)?;
        self.has_weights = true;
        Ok(())
    }

    /// Makes it the record of a finished run. A network that an earlier training left, and this one
    /// did not keep, goes.
    ///
    /// # Errors
    ///
    /// Files that cannot be written.
    pub fn finish(self, timing: &Timing) -> Result<(), TrainError> {
        let failed = |error| TrainError::file("cannot write", &self.path)(error);
        self.file.sync_all().map_err(failed)?;
        let text = serde_json::to_string(timing).map_err(|error| failed(error.into()))?;
        write_whole(&self.path.with_file_name("timing.json"), text.as_bytes())?;
        let weights = self.path.with_file_name(WEIGHTS);
        let waiting = self.path.with_file_name(WEIGHTS_WAITING);
        if self.has_weights {
            fs::rename(&waiting, &weights).map_err(failed)?;
        } else {
            for path in [&weights, &waiting] {
                remove(path).map_err(failed)?;
            }
        }
        fs::rename(&self.path, self.path.with_file_name("record.jsonl")).map_err(failed)?;
        self.lock.unlock().map_err(failed)
    }
}

/// Deletes a file that may be absent.
fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
