//! The command `runs`: the finished runs by their records.

mod calendar;
mod table;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use downhill_report::{RunRecord, run_json};

use calendar::seconds;
use table::table;

use crate::cli::commands::RunsArguments;
use crate::cli::print::print;
use crate::error::TrainError;
use crate::runs::store::Store;

/// Prints the finished runs to `out`: a line per experiment and method, a line per run, or a JSON
/// object per run.
///
/// # Errors
///
/// A directory that cannot be read; after the list, a damaged record.
pub fn list_runs(arguments: &RunsArguments, out: &mut dyn Write) -> Result<(), TrainError> {
    let store = Store::new(&arguments.runs_dir);
    let (runs, unfinished, damaged) = found(&store)?;
    let text = if arguments.json {
        runs.iter().map(|run| json(run) + "\n").collect()
    } else if runs.is_empty() {
        format!("no finished runs in {}\n", arguments.runs_dir.display())
    } else {
        let groups = match arguments.each {
            true => runs.iter().map(|run| vec![run]).collect(),
            false => groups(&runs),
        };
        table(&groups) + &also(&runs, unfinished)
    };
    print(out, &text);
    damaged.map_or(Ok(()), Err)
}

/// A finished run.
struct Found {
    record: RunRecord,
    directory: PathBuf,
    trained: SystemTime,
}

/// Returns the finished runs, the number of unfinished ones, and the first damaged record.
fn found(store: &Store) -> Result<(Vec<Found>, usize, Option<TrainError>), TrainError> {
    let mut runs = Vec::new();
    let mut unfinished = 0;
    let mut damaged = None;
    for directory in store.directories()? {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        match store.finished(&name) {
            Ok(Some(record)) => runs.push(Found {
                record,
                trained: written(&directory.join("record.jsonl")),
                directory: directory.clone(),
            }),
            Ok(None) => unfinished += 1,
            Err(error) => {
                damaged.get_or_insert(error);
            }
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
fn groups(runs: &[Found]) -> Vec<Vec<&Found>> {
    let mut groups: Vec<Vec<&Found>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| is_alike(group[0], run)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

fn is_alike(a: &Found, b: &Found) -> bool {
    let without_seed = |run: &Found| {
        let mut header = run.record.header.clone();
        header.seed = 0;
        header.run.clear();
        header
    };
    let (a, b) = (without_seed(a), without_seed(b));
    a == b
}

/// The numbers of finished and unfinished runs.
fn also(runs: &[Found], unfinished: usize) -> String {
    let mut text = format!("{} finished runs", runs.len());
    if unfinished > 0 {
        text.push_str(&format!(", {unfinished} unfinished"));
    }
    text + "\n"
}

/// A run with `--json`.
fn json(run: &Found) -> String {
    let object = run_json(&run.record);
    let open = object.strip_suffix('}').unwrap_or(&object);
    let directory = serde_json::Value::from(run.directory.display().to_string());
    let trained = seconds(run.trained);
    format!("{open},\"trained\":{trained},\"directory\":{directory}}}")
}
