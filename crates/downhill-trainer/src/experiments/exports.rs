//! Runs for others: what `train` tells by JSON, and the files that it writes for other programs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::{fs, thread};

use downhill_report::record::Outcome;
use downhill_report::{Experiment, RunRecord, event_file, runs_csv, runs_json_lines, summary_json};

use crate::cli::train::TrainArguments;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::plan::runs::RunPlan;
use crate::runs::progress::Progress;
use crate::runs::store::{Store, write_whole};

/// The name of each event file: TensorBoard looks for the word in the middle. A single name, for
/// TensorBoard reads all such files of a directory as one run.
const EVENT_FILE: &str = "events.out.tfevents.0.downhill";

/// Trains with a progress that hands finished runs to the output, where JSON is wanted.
pub(crate) fn telling<T>(
    progress: Progress,
    out: &mut Output<'_>,
    train: impl FnOnce(&Progress) -> T,
) -> T {
    if !out.is_json() {
        return train(&progress);
    }
    let (sender, receiver) = channel();
    let progress = progress.telling(sender);
    thread::scope(|scope| {
        // Ends when the progress does, by a panic, too.
        scope.spawn(move || receiver.iter().for_each(|run: RunRecord| out.run(&run)));
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

/// Tells of the runs that need no training, where JSON is wanted.
pub(crate) fn tell_finished(
    all: &[RunPlan<'_>],
    missing: &[RunPlan<'_>],
    store: &Store,
    out: &mut Output<'_>,
) -> Result<(), TrainError> {
    if !out.is_json() {
        return Ok(());
    }
    let missing: HashSet<&str> = (missing.iter())
        .map(|run| run.header.run.as_str())
        .collect();
    for run in all {
        if !missing.contains(run.header.run.as_str())
            && let Some(record) = store.finished(&run.header.run)?
        {
            out.run(&record);
        }
    }
    Ok(())
}

/// Told as the last object where the user stopped the command.
pub(crate) fn stopped_json(all: usize, missing: usize, finished: usize) -> String {
    let there = all - missing + finished;
    format!("{{\"kind\":\"stopped\",\"runs\":{all},\"finished\":{there}}}")
}

/// Whether each finished run has kept its network.
///
/// # Errors
///
/// Says how many have not, and what to do. A diverged run has none to keep.
pub(crate) fn check_weights(all: &[RunPlan<'_>], store: &Store) -> Result<(), TrainError> {
    let mut without = Vec::new();
    for run in all {
        let header = &run.header;
        let Some(record) = store.finished(&header.run)? else {
            continue;
        };
        if record.end.outcome == Outcome::Finished && !store.weights(&header.run).is_file() {
            without.push(format!("{} seed {}", header.method, header.seed));
        }
    }
    let Some(first) = without.first() else {
        return Ok(());
    };
    Err(TrainError::Config(format!(
        "--save-weights: {} of {} runs ({first}{}) were trained without keeping their weights; add \
         --again, which trains all runs of this command anew and keeps them",
        without.len(),
        all.len(),
        if without.len() > 1 { " and others" } else { "" },
    )))
}

/// Writes the runs beside the report, and event files where they are wanted; tells where.
pub(crate) fn write(
    arguments: &TrainArguments,
    experiment: &Experiment,
    store: &Store,
    name: &str,
    out: &mut Output<'_>,
) -> Result<(), TrainError> {
    store.write_report(&format!("{name}.csv"), &runs_csv(experiment))?;
    store.write_report(&format!("{name}.jsonl"), &runs_json_lines(experiment))?;
    if let Some(directory) = &arguments.output.tensorboard {
        let default = || arguments.runs_dir.join("tensorboard");
        let directory = directory.clone().unwrap_or_else(default);
        write_events(experiment, &directory)?;
        out.say(&format!("tensorboard --logdir {}\n", directory.display()));
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
        out.object(&summary_json(experiment, &page.display().to_string()));
    }
    Ok(())
}

fn write_events(experiment: &Experiment, directory: &Path) -> Result<(), TrainError> {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    for run in runs {
        let directory = events_directory(directory, run);
        fs::create_dir_all(&directory).map_err(TrainError::file("cannot create", &directory))?;
        write_whole(&directory.join(EVENT_FILE), &event_file(run))?;
    }
    Ok(())
}

/// `DIR/<experiment>/<method>/<seed>`.
fn events_directory(directory: &Path, run: &RunRecord) -> PathBuf {
    directory
        .join(as_file_name(&run.header.experiment))
        .join(as_file_name(&run.header.method))
        .join(run.header.seed.to_string())
}

/// A name as that of a file on any system: bytes that might mean something else, and dots at the
/// beginning, are written as in a URL. Different names stay different.
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
}
