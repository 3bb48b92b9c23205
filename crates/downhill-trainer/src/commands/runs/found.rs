//! The finished runs of a store.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use downhill_report::RunRecord;

use crate::error::TrainError;
use crate::runs::store::{CHECKPOINTS, Store};

/// A finished run.
pub(super) struct Found {
    pub(super) record: RunRecord,
    pub(super) directory: PathBuf,
    pub(super) trained: SystemTime,
}

/// Numbers of unfinished runs.
#[derive(Clone, Copy, Default)]
pub(super) struct Unfinished {
    pub(super) runs: usize,
    /// Those of them that have a checkpoint.
    pub(super) saved: usize,
}

/// Returns the finished runs, the numbers of unfinished ones, and the damaged records.
pub(super) fn found(
    store: &Store,
) -> Result<(Vec<Found>, Unfinished, Vec<TrainError>), TrainError> {
    let mut runs = Vec::new();
    let mut unfinished = Unfinished::default();
    let mut damaged = Vec::new();
    for directory in store.directories()? {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        match store.finished(&name) {
            Ok(Some(record)) => runs.push(Found {
                record,
                trained: written(&directory.join("record.jsonl")),
                directory: directory.clone(),
            }),
            Ok(None) => {
                unfinished.runs += 1;
                unfinished.saved += usize::from(directory.join(CHECKPOINTS).is_dir());
            }
            Err(error) => damaged.push(error),
        }
    }
    let key = |run: &Found| {
        let header = &run.record.header;
        (header.experiment.clone(), run.trained, header.seed)
    };
    runs.sort_by_cached_key(key);
    Ok((runs, unfinished, damaged))
}

fn written(path: &Path) -> SystemTime {
    let time = fs::metadata(path).and_then(|about| about.modified());
    time.unwrap_or(UNIX_EPOCH)
}

/// Groups runs that differ only in their seed, in the order of their first runs.
pub(super) fn groups(runs: &[Found]) -> Vec<Vec<&Found>> {
    let mut groups: Vec<Vec<&Found>> = Vec::new();
    let mut places = HashMap::new();
    for run in runs {
        let place = places.entry(without_seed(run)).or_insert(groups.len());
        match groups.get_mut(*place) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

/// The first line of a record but for its seed, as text.
fn without_seed(run: &Found) -> String {
    let mut header = run.record.header.clone();
    header.seed = 0;
    header.run.clear();
    header.versions.commit = None;
    serde_json::to_string(&header).expect("a header is plain data")
}
