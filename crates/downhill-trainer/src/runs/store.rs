//! The directory of runs and reports. Each run has a directory named by the hash of its header.
//!
//! ```text
//! runs/
//!   trainings/<hash of experiment, method, config, seed, data, backend, code>/
//!     record.jsonl           a finished run
//!     record.jsonl.partial   an unfinished run
//!     checkpoints/           where an unfinished run can be continued, the last two
//!     lock                   locked by the process that trains the run
//!     timing.json            duration and device: the only file that differs if a run is repeated
//!     weights.safetensors    the trained network, if saved
//!   ensembles/<hash of its runs>/
//!     the checkpoints of an ensemble, whose runs continue together
//!   experiments/<experiment>-<backend>-<hash of its runs>.json
//!     what makes an experiment besides its runs, so that `report` shows what `train` showed
//!   experiments/<the same>.again
//!     the runs that an unfinished `--again` has trained
//!   reports/<experiment>-<backend>-<hash of its runs>
//!     .html, .csv and .jsonl of the runs, -<figure>.svg and -<figure>.png
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use downhill::{Checkpoint, Checkpoints};
use downhill_cli::print::print_error;
use downhill_report::{Picture, RunRecord, read_record};

use crate::error::TrainError;
use crate::runs::files::{create_directory, write_if_changed, write_pictures};
use crate::runs::locks::try_lock;
use crate::runs::timings::{Timing, Timings};
use crate::runs::writer::{PARTIAL, RECORD, RecordWriter, SavedRun, WEIGHTS, checksum_of_weights};

/// The checkpoints in the directory of an unfinished run.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

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
        let path = self.directory(run).join(RECORD);
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

    /// Begins the record of a run, or continues it from a checkpoint, unless it is finished with a
    /// record that will do; with `None`, none does.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read or written.
    pub(crate) fn begin(
        &self,
        run: &str,
        will_do: Option<&dyn Fn(&RunRecord) -> bool>,
    ) -> Result<Begun, TrainError> {
        let directory = self.directory(run);
        create_directory(&directory)?;
        let Some(lock) = try_lock(&directory.join("lock"))? else {
            return Ok(Begun::Busy);
        };
        // Only the holder of the lock may read and write.
        let checkpoints = Checkpoints::new(directory.join(CHECKPOINTS));
        if let Some(will_do) = will_do
            && self.finished(run)?.is_some_and(|record| will_do(&record))
        {
            // A process may have been killed after it finished the run.
            checkpoints.clear()?;
            return Ok(Begun::Done);
        }
        let saved = newest(&checkpoints)?.and_then(|saved| SavedRun::of(saved, run));
        let writer = RecordWriter::new(&directory, lock, checkpoints)?;
        Ok(Begun::Run(Box::new(writer), saved.map(Box::new)))
    }

    /// Deletes the checkpoints of a finished run whose process was killed before it could delete
    /// them. What cannot be deleted does no harm.
    pub(crate) fn remove_old_checkpoints(&self, run: &str) {
        let directory = self.directory(run);
        let checkpoints = directory.join(CHECKPOINTS);
        if checkpoints.is_dir()
            && let Ok(Some(_lock)) = try_lock(&directory.join("lock"))
            && self.is_settled(run)
        {
            let _ = Checkpoints::new(checkpoints).clear();
        }
    }

    /// Whether the run has a record, and no training has begun to replace it.
    pub(super) fn is_settled(&self, run: &str) -> bool {
        let directory = self.directory(run);
        directory.join(RECORD).is_file() && !directory.join(PARTIAL).exists()
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

/// Returns the newest checkpoint that can be read, and warns of damaged ones.
pub(super) fn newest(checkpoints: &Checkpoints) -> Result<Option<Checkpoint>, TrainError> {
    let found = checkpoints.newest()?;
    for damaged in &found.damaged {
        print_error(&format!("warning: checkpoint {damaged}; it is not used\n"));
    }
    Ok(found.checkpoint)
}

/// A run that is to be trained.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is finished.
    Done,
    /// Another process is training it.
    Busy,
    /// It can be trained, from its beginning or from a checkpoint.
    Run(Box<RecordWriter>, Option<Box<SavedRun>>),
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
