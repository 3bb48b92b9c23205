//! Checkpoints of ensembles. Their runs continue together, because the last digits of a run may
//! depend on the number of members.

use std::collections::HashSet;
use std::path::PathBuf;

use downhill::{Checkpoint, Checkpoints};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::runs::store::{Store, newest};

/// A checkpoint of an ensemble.
#[derive(Debug)]
pub(crate) struct SavedEnsemble {
    pub(crate) checkpoint: Checkpoint,
    /// The runs of the members.
    pub(crate) runs: Vec<String>,
    /// Whether each had ended.
    pub(crate) ended: Vec<bool>,
    /// The seconds that the ensemble had taken.
    pub(crate) seconds: f64,
    /// The updates that had been made.
    pub(crate) updates: u64,
}

/// The part of a checkpoint that is not of the training, besides the records.
const ABOUT: &str = "ensemble";

#[derive(Serialize, Deserialize)]
struct About {
    runs: Vec<String>,
    seconds: f64,
    updates: u64,
}

fn record_part(member: usize) -> String {
    format!("record {member}")
}

impl SavedEnsemble {
    fn of(checkpoint: Checkpoint) -> Option<Self> {
        let about: About = checkpoint.value(ABOUT).ok()?;
        let members = 0..about.runs.len();
        let ended = members.map(|member| checkpoint.bytes(&record_part(member)).is_none());
        Some(Self {
            ended: ended.collect(),
            checkpoint,
            runs: about.runs,
            seconds: about.seconds,
            updates: about.updates,
        })
    }

    /// The text of the record of a member; `None` if it had ended.
    pub(crate) fn record(&self, member: usize) -> Option<&[u8]> {
        self.checkpoint.bytes(&record_part(member))
    }
}

/// The checkpoints of one ensemble.
#[derive(Debug)]
pub(crate) struct EnsembleCheckpoints(Checkpoints);

impl EnsembleCheckpoints {
    /// Those of an ensemble of these runs.
    pub(crate) fn of(store: &Store, runs: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        runs.iter().for_each(|run| hasher.update(run));
        let name = downhill_data::hex(&hasher.finalize()[..16]);
        Self(Checkpoints::new(directory(store).join(name)))
    }

    /// Saves a checkpoint with the run of each member, and with its record unless it has ended.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(crate) fn save(
        &self,
        updates: u64,
        checkpoint: Checkpoint,
        members: Vec<(String, Option<Vec<u8>>)>,
        seconds: f64,
    ) -> Result<(), TrainError> {
        let mut checkpoint = checkpoint;
        let mut runs = Vec::with_capacity(members.len());
        for (member, (run, record)) in members.into_iter().enumerate() {
            runs.push(run);
            if let Some(record) = record {
                checkpoint = checkpoint.with_bytes(&record_part(member), record);
            }
        }
        let about = About {
            runs,
            seconds,
            updates,
        };
        let checkpoint = checkpoint.with_value(ABOUT, &about)?;
        Ok(self.0.save(updates, &checkpoint)?)
    }

    /// Deletes them.
    ///
    /// # Errors
    ///
    /// A file that cannot be deleted.
    pub(crate) fn clear(&self) -> Result<(), TrainError> {
        Ok(self.0.clear()?)
    }
}

/// Returns the ensembles that were interrupted.
///
/// # Errors
///
/// A directory that cannot be read.
pub(crate) fn interrupted(store: &Store) -> Result<Vec<SavedEnsemble>, TrainError> {
    let mut saved = Vec::new();
    for directory in directories(store) {
        saved.extend(newest(&Checkpoints::new(directory))?.and_then(SavedEnsemble::of));
    }
    Ok(saved)
}

/// Deletes the checkpoints of ensembles whose runs are all among these finished ones. A killed
/// process leaves them. What cannot be read or deleted does no harm.
pub(crate) fn remove_finished(store: &Store, finished: &HashSet<&str>) {
    for directory in directories(store) {
        let checkpoints = Checkpoints::new(directory);
        let newest = checkpoints.newest().ok().and_then(|found| found.checkpoint);
        let is_done = |run: &String| finished.contains(run.as_str()) && store.is_settled(run);
        if let Some(saved) = newest.and_then(SavedEnsemble::of)
            && saved.runs.iter().all(is_done)
        {
            let _ = checkpoints.clear();
        }
    }
}

fn directories(store: &Store) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory(store)).into_iter().flatten();
    let mut directories: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    directories.sort();
    directories
}

fn directory(store: &Store) -> PathBuf {
    store.root().join("ensembles")
}
