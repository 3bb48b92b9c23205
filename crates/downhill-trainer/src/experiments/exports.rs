//! Output for other programs: JSON, CSV, event files, weights.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;

use downhill_cli::repeat::quoted;
use downhill_cli::train::TrainArguments;
use downhill_report::{Experiment, Report, RunRecord, event_file};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::runs::files::{create_directory, write_whole};
use crate::runs::progress::Progress;
use crate::runs::store::Store;
use crate::runs::threads::start;

/// Name of each event file. TensorBoard recognizes the word in the middle and reads all such files
/// of a directory as one run.
const EVENT_FILE: &str = "events.out.tfevents.0.downhill";

/// Trains; with `--json` finished runs are printed as they end.
pub(crate) fn with_listener<T>(
    progress: Progress,
    out: &mut Output<'_>,
    train: impl FnOnce(&Progress) -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    if !out.is_json() {
        return train(&progress);
    }
    let (sender, receiver) = channel();
    let progress = progress.with_listener(sender);
    thread::scope(|scope| {
        // Ends with the progress, even by a panic.
        start(scope, move || {
            receiver.iter().for_each(|run: RunRecord| out.run(&run));
        })?;
        let end = FinishOnDrop(&progress);
        train(end.0)
    })
}

struct FinishOnDrop<'a>(&'a Progress);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// The last object with `--json` if the user stopped the command.
#[derive(Serialize)]
pub(crate) struct Stopped {
    kind: &'static str,
    runs: usize,
    finished: usize,
}

impl Stopped {
    pub(crate) fn new(runs: usize, finished: usize) -> Self {
        Self {
            kind: "stopped",
            runs,
            finished,
        }
    }
}

/// Writes the runs next to the report, and event files with `--tensorboard`; prints their paths.
pub(crate) fn write(
    arguments: &TrainArguments,
    report: &Report<'_>,
    store: &Store,
    name: &str,
    out: &mut Output<'_>,
) -> Result<(), TrainError> {
    store.write_report(&format!("{name}.csv"), &report.csv())?;
    store.write_report(&format!("{name}.jsonl"), &report.json_lines())?;
    if let Some(directory) = &arguments.output.tensorboard {
        let default = || arguments.runs_dir.join("tensorboard");
        let directory = directory.clone().unwrap_or_else(default);
        write_events(report.experiment(), &directory)?;
        let directory = quoted(&directory.display().to_string());
        out.say(&format!("tensorboard --logdir {directory}\n"));
    }
    if arguments.output.save_weights {
        out.say(&format!(
            "weights: {}, RUN as in {}\n",
            store.weights("RUN").display(),
            store.report(&format!("{name}.jsonl")).display()
        ));
    }
    let page = store.report(&format!("{name}.html"));
    if out.is_json() {
        out.line(&report.json(&page.display().to_string()));
    }
    Ok(())
}

fn write_events(experiment: &Experiment, directory: &Path) -> Result<(), TrainError> {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    for run in runs {
        let directory = events_directory(directory, run);
        create_directory(&directory)?;
        write_whole(&directory.join(EVENT_FILE), &event_file(run))?;
    }
    Ok(())
}

/// Returns `DIR/<experiment>/<method>/<seed>`.
fn events_directory(directory: &Path, run: &RunRecord) -> PathBuf {
    directory
        .join(as_file_name(&run.header.experiment))
        .join(as_file_name(&run.header.method))
        .join(run.header.seed.to_string())
}

/// Bytes of a file name, at most; systems allow 255.
const MAX_FILE_NAME: usize = 200;

/// Returns a name as a file name that is valid on every system: special bytes and leading dots are
/// percent-encoded, and a long name ends early, with a hash. Different names stay different.
fn as_file_name(name: &str) -> String {
    let mut text = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_+=,".contains(&byte);
        if plain || (at > 0 && byte == b'.') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if text.len() > MAX_FILE_NAME {
        let hash = downhill_data::hex(&Sha256::digest(name)[..8]);
        text.truncate(MAX_FILE_NAME - hash.len() - 1);
        text.push_str(&format!("-{hash}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_directory() {
        for (name, expected) in [
            ("weight-decay", "weight-decay"),
            ("rate=0.1,", "rate=0.1,"),
            ("..", "%2E."),
            ("../up", "%2E.%2Fup"),
            ("a b", "a%20b"),
            ("100%", "100%25"),
            ("λ", "%CE%BB"),
        ] {
            assert_eq!(as_file_name(name), expected);
        }
    }

    #[test]
    fn long_names_are_shortened_and_stay_different() {
        let names = ["x".repeat(300), "x".repeat(301), "λ".repeat(100)];
        let files: Vec<String> = names.iter().map(|name| as_file_name(name)).collect();
        assert!(
            files.iter().all(|file| file.len() == MAX_FILE_NAME),
            "{files:?}"
        );
        assert_ne!(files[0], files[1]);
    }
}
