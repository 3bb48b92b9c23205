//! The directory of runs and reports. Each run has a directory named by the hash of its header.
//!
//! ```text
//! runs/
//!   trainings/<hash of experiment, method, config, seed, data, backend, code>/
//!     record.jsonl           a finished run
//!     record.jsonl.partial   an unfinished run
//!     lock                   locked by the process that trains the run
//!     timing.json            duration and device: the only file that differs if a run is repeated
//!     weights.safetensors    the trained network, if saved
//!   experiments/<experiment>-<backend>-<hash of its runs>.json
//!     what makes an experiment besides its runs, so that `report` shows what `train` showed
//!   reports/<experiment>-<backend>-<hash of its runs>
//!     .html, .csv and .jsonl of the runs, -<figure>.svg and -<figure>.png
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use downhill_cli::print::print_error;
use downhill_report::record::Line;
use downhill_report::{Picture, RecordEncoder, RunRecord, read_record};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::runs::files::{write_if_changed, write_pictures, write_whole};
use crate::runs::timings::{Timing, Timings};

/// File of the trained network.
const WEIGHTS: &str = "weights.safetensors";
/// The same file until the record is complete.
const WEIGHTS_WAITING: &str = "weights.safetensors.partial";

/// The directory of all runs and reports.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    png: bool,
}

impl Store {
    /// Opens a directory, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        let root = root.to_path_buf();
        Self { root, png: false }
    }

    /// The same, where the pictures of a report are written as PNG, too, if asked for.
    pub(crate) fn with_png(self, png: bool) -> Self {
        Self { png, ..self }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn directory(&self, run: &str) -> PathBuf {
        self.root.join("trainings").join(run)
    }

    /// Reads the record of a run; `None` if the run is not finished.
    ///
    /// # Errors
    ///
    /// A record that cannot be read or is damaged.
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

    /// Path of the trained network of a run, whether or not it was saved.
    pub fn weights(&self, run: &str) -> PathBuf {
        self.directory(run).join(WEIGHTS)
    }

    /// Lists the directories of all runs, finished or not, by name.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read. One that does not exist holds no run.
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

    /// Reads how long these runs took. Runs without a readable `timing.json` are left out.
    pub fn timings<'r>(&self, runs: impl IntoIterator<Item = &'r str>) -> Timings {
        Timings::of(runs.into_iter().map(|run| (run, self.timing(run))))
    }

    fn timing(&self, run: &str) -> Option<Timing> {
        let text = fs::read_to_string(self.directory(run).join("timing.json")).ok()?;
        Timing::decoded(&text)
    }

    /// Begins the record of a run, overwriting that of an interrupted one. `None` if another
    /// process has finished the run in the meantime and it is not to be trained `again`.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written, or a run that another process is training.
    pub fn begin(&self, run: &str, again: bool) -> Result<Option<RecordWriter>, TrainError> {
        let directory = self.directory(run);
        fs::create_dir_all(&directory).map_err(TrainError::file("cannot create", &directory))?;
        let path = directory.join("lock");
        let failed = |error| TrainError::file("cannot lock", &path)(error);
        let lock = File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TrainError::Locked(directory)),
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                static WARNED: Once = Once::new();
                WARNED.call_once(|| {
                    print_error(&format!(
                        "warning: {} cannot be locked ({error}); let no other process use this \
                         runs directory at the same time\n",
                        path.display()
                    ));
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only the holder of the lock may read and write.
        if !again && self.finished(run)?.is_some() {
            return Ok(None);
        }
        let path = directory.join("record.jsonl.partial");
        let file = File::create(&path).map_err(TrainError::file("cannot write", &path))?;
        Ok(Some(RecordWriter {
            path,
            file,
            encoder: RecordEncoder::default(),
            lock,
            weights: None,
        }))
    }

    /// Writes the pictures of a report, which come after all its other files. Returns a sentence
    /// for each PNG that was left out because it is too large.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be written.
    pub(crate) fn write_pictures(
        &self,
        name: &str,
        pictures: &[Picture],
    ) -> Result<Vec<String>, TrainError> {
        write_pictures(&self.report(&format!("{name}.html")), pictures, self.png)
    }

    /// Writes a file of a report.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be written.
    pub fn write_report(&self, file: &str, text: &str) -> Result<(), TrainError> {
        write_if_changed(&self.report(file), text.as_bytes())
    }

    /// Path of a file of a report.
    pub fn report(&self, file: &str) -> PathBuf {
        self.root.join("reports").join(file)
    }
}

fn damaged(path: &Path, what: &str) -> TrainError {
    let error = std::io::Error::new(ErrorKind::InvalidData, what);
    TrainError::file("cannot use", path)(error)
}

/// Writes the record of a run. Holds the lock of the run until dropped.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    file: File,
    encoder: RecordEncoder,
    lock: File,
    /// Checksum of the saved network.
    weights: Option<String>,
}

impl RecordWriter {
    /// Appends a line.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&mut self, line: &Line) -> Result<(), TrainError> {
        let text = self.encoder.encode(line);
        (self.file.write_all(text.as_bytes())).map_err(TrainError::file("cannot write", &self.path))
    }

    /// Saves the trained network, which appears together with the record.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn keep_weights(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        write_whole(&self.path.with_file_name(WEIGHTS_WAITING), bytes)?;
        self.weights = Some(checksum_of_weights(bytes));
        Ok(())
    }

    /// Completes the record. Deletes the network of an earlier training unless this one has saved
    /// its own.
    ///
    /// # Errors
    ///
    /// Files that cannot be written.
    pub fn finish(self, mut timing: Timing) -> Result<(), TrainError> {
        let failed = |error| TrainError::file("cannot write", &self.path)(error);
        self.file.sync_all().map_err(failed)?;
        timing.weights.clone_from(&self.weights);
        let text = timing.encoded();
        write_whole(&self.path.with_file_name("timing.json"), text.as_bytes())?;
        let weights = self.path.with_file_name(WEIGHTS);
        let waiting = self.path.with_file_name(WEIGHTS_WAITING);
        if self.weights.is_some() {
            fs::rename(&waiting, &weights).map_err(failed)?;
        } else {
            for path in [&weights, &waiting] {
                remove(path).map_err(failed)?;
            }
        }
        fs::rename(&self.path, self.path.with_file_name("record.jsonl")).map_err(failed)?;
        match self.lock.unlock() {
            Err(error) if !has_no_locks(&error) => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

/// The checksum of a file of weights.
pub(crate) fn checksum_of_weights(bytes: &[u8]) -> String {
    downhill_data::hex(&Sha256::digest(bytes))
}

/// Checks a file of weights against the timing next to it, if that is of a run with saved weights.
///
/// # Errors
///
/// Weights that are not those of the run.
pub(crate) fn check_weights(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let timing = fs::read_to_string(path.with_file_name("timing.json"));
    let timing = timing.ok().and_then(|text| Timing::decoded(&text));
    match timing.and_then(|timing| timing.weights) {
        Some(saved) if path.ends_with(WEIGHTS) && saved != checksum_of_weights(bytes) => Err(
            "it is damaged, or of another run: its checksum is not that in timing.json; train the \
             run again with --save-weights --again"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Whether a file system has no locks.
fn has_no_locks(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    let is_no_lock = (error.raw_os_error())
        .is_some_and(|code| [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP].contains(&code));
    #[cfg(not(unix))]
    let is_no_lock = false;
    is_no_lock || error.kind() == ErrorKind::Unsupported
}

/// Deletes a file if it exists.
fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
