//! The record of a run while it is trained, with its checkpoints.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use downhill::{Checkpoint, Checkpoints};
use downhill_report::RecordEncoder;
use downhill_report::record::Line;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::runs::files::{sync_directory, write_whole};
use crate::runs::timings::Timing;

/// File of the trained network.
pub(super) const WEIGHTS: &str = "weights.safetensors";
/// The same file until the record is complete.
const WEIGHTS_WAITING: &str = "weights.safetensors.partial";
/// The record of an unfinished run.
pub(super) const PARTIAL: &str = "record.jsonl.partial";
/// The record of a finished run.
pub(super) const RECORD: &str = "record.jsonl";

/// Writes the record of a run. Holds the lock of the run until dropped.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    path: PathBuf,
    file: File,
    /// Whether the file is empty.
    is_empty: bool,
    encoder: RecordEncoder,
    _lock: File,
    /// Checksum of the saved network.
    weights: Option<String>,
    checkpoints: Checkpoints,
}

/// A checkpoint of a run, and what stood around it.
#[derive(Debug)]
pub(crate) struct SavedRun {
    pub(crate) checkpoint: Checkpoint,
    /// The text of the record.
    pub(crate) record: Vec<u8>,
    /// The seconds that the run had taken.
    pub(crate) seconds: f64,
    /// The updates that had been made, with those of pre-training.
    pub(crate) number: u64,
}

/// The parts of a checkpoint that are not of the training.
const RECORD_PART: &str = "record";
const ABOUT_PART: &str = "run";

#[derive(Debug, Serialize, Deserialize)]
struct About {
    run: String,
    seconds: f64,
    number: u64,
}

impl SavedRun {
    /// `None` if the checkpoint is not of this run.
    pub(super) fn of(checkpoint: Checkpoint, run: &str) -> Option<Self> {
        let about: About = checkpoint.value(ABOUT_PART).ok()?;
        let record = checkpoint.bytes(RECORD_PART)?.to_vec();
        (about.run == run).then_some(Self {
            checkpoint,
            record,
            seconds: about.seconds,
            number: about.number,
        })
    }
}

impl RecordWriter {
    /// Begins an empty record in the directory of a run.
    pub(super) fn new(
        directory: &Path,
        lock: File,
        checkpoints: Checkpoints,
    ) -> Result<Self, TrainError> {
        let path = directory.join(PARTIAL);
        Ok(Self {
            file: File::create(&path).map_err(TrainError::file("cannot write", &path))?,
            path,
            is_empty: true,
            encoder: RecordEncoder::default(),
            _lock: lock,
            weights: None,
            checkpoints,
        })
    }

    /// Begins the record with these lines, and returns them.
    ///
    /// # Errors
    ///
    /// Lines that are damaged, and a file that cannot be written.
    pub(crate) fn continue_from(&mut self, record: &[u8]) -> Result<Vec<Line>, TrainError> {
        let read = RecordEncoder::continuing(record);
        let (encoder, lines) = read.map_err(|error| {
            let error = std::io::Error::new(ErrorKind::InvalidData, error);
            TrainError::file("cannot continue", &self.path)(error)
        })?;
        self.append(record)?;
        self.encoder = encoder;
        Ok(lines)
    }

    /// Appends a line.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), TrainError> {
        let text = self.encoder.encode(line);
        self.append(text.as_bytes())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        self.is_empty = false;
        (self.file.write_all(bytes)).map_err(TrainError::file("cannot write", &self.path))
    }

    /// Returns the text of the record so far.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub(crate) fn text(&self) -> Result<Vec<u8>, TrainError> {
        fs::read(&self.path).map_err(TrainError::file("cannot read", &self.path))
    }

    /// Saves a checkpoint of this run, with its record so far.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written.
    pub(crate) fn save(
        &self,
        number: u64,
        checkpoint: Checkpoint,
        run: &str,
        seconds: f64,
    ) -> Result<(), TrainError> {
        let about = About {
            run: run.to_owned(),
            seconds,
            number,
        };
        let checkpoint = checkpoint
            .with_value(ABOUT_PART, &about)?
            .with_bytes(RECORD_PART, self.text()?);
        Ok(self.checkpoints.save(number, &checkpoint)?)
    }

    /// Starts the record over, without its checkpoints.
    ///
    /// # Errors
    ///
    /// A file that cannot be written or removed.
    pub(crate) fn restart(&mut self) -> Result<(), TrainError> {
        let failed = TrainError::file("cannot write", &self.path);
        self.file = File::create(&self.path).map_err(failed)?;
        self.is_empty = true;
        self.encoder = RecordEncoder::default();
        Ok(self.checkpoints.clear()?)
    }

    /// Saves the trained network, which appears together with the record.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(crate) fn keep_weights(&mut self, bytes: &[u8]) -> Result<(), TrainError> {
        write_whole(&self.path.with_file_name(WEIGHTS_WAITING), bytes)?;
        self.weights = Some(checksum_of_weights(bytes));
        Ok(())
    }

    /// Completes the record, then deletes its checkpoints. Deletes the network of an earlier
    /// training unless this one has saved its own.
    ///
    /// # Errors
    ///
    /// Files that cannot be written.
    pub(crate) fn finish(self, mut timing: Timing) -> Result<(), TrainError> {
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
        fs::rename(&self.path, self.path.with_file_name(RECORD)).map_err(failed)?;
        sync_directory(&self.path).map_err(failed)?;
        Ok(self.checkpoints.clear()?)
    }
}

/// The file of a run that was begun and left alone would hide that the run is finished.
impl Drop for RecordWriter {
    fn drop(&mut self) {
        if self.is_empty {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The checksum of a file of weights.
pub(super) fn checksum_of_weights(bytes: &[u8]) -> String {
    downhill_data::hex(&Sha256::digest(bytes))
}

/// Deletes a file if it exists.
fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
