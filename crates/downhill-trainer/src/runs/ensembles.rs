//! Checkpoints of ensembles. Their runs continue together, because the last digits of a run may
//! depend on the number of members.

use std::collections::{HashMap, HashSet};
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
pub(crate) struct EnsembleCheckpoints(PathBuf);

impl EnsembleCheckpoints {
    /// Those of an ensemble of these runs.
    pub(crate) fn of(store: &Store, runs: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        runs.iter().for_each(|run| hasher.update(run));
        let name = downhill_data::hex(&hasher.finalize()[..16]);
        Self(directory(store).join(name))
    }

    fn files(&self) -> Checkpoints {
        Checkpoints::new(&self.0)
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
        Ok(self.files().save(updates, &checkpoint)?)
    }

    /// Returns the newest one that can be read; `None` if there is none.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read.
    pub(crate) fn newest(&self) -> Result<Option<SavedEnsemble>, TrainError> {
        Ok(newest(&self.files())?.and_then(SavedEnsemble::of))
    }

    /// Whether there are any.
    pub(crate) fn exist(&self) -> bool {
        self.0.is_dir()
    }

    /// Deletes them.
    ///
    /// # Errors
    ///
    /// A file that cannot be deleted.
    pub(crate) fn clear(&self) -> Result<(), TrainError> {
        Ok(self.files().clear()?)
    }
}

/// The runs of the ensembles that have checkpoints. The name of a directory tells its runs apart,
/// so that each is read once.
#[derive(Debug, Default)]
pub(crate) struct KnownEnsembles(HashMap<PathBuf, Vec<String>>);

impl KnownEnsembles {
    /// Returns the runs of each ensemble that has a checkpoint now.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read.
    pub(crate) fn list(&mut self, store: &Store) -> Result<Vec<&[String]>, TrainError> {
        let directories = directories(store);
        for directory in &directories {
            if !self.0.contains_key(directory) {
                // Who continues it is warned of what is damaged.
                let newest = Checkpoints::new(directory).newest()?.checkpoint;
                let saved = newest.and_then(SavedEnsemble::of);
                (self.0).extend(saved.map(|saved| (directory.clone(), saved.runs)));
            }
        }
        let known = directories.iter().filter_map(|it| self.0.get(it));
        Ok(known.map(Vec::as_slice).collect())
    }
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
