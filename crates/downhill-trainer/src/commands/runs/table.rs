//! Runs as a table for the terminal.

use downhill_report::statistics::describe;
use downhill_report::{RunRecord, TextTable, seed_ranges};

use crate::commands::runs::calendar::date_and_time;
use crate::commands::runs::found::Found;

const HEAD: [&str; 7] = [
    "experiment",
    "method",
    "backend",
    "seeds",
    "test %",
    "trained (UTC)",
    "directory",
];

/// A head, then a line per group of runs that differ only in their seed.
pub(super) fn table(groups: &[Vec<&Found>]) -> String {
    let rows = groups.iter().map(|group| row(group).into());
    TextTable::of_words(&HEAD, rows.collect()).to_string()
}

/// Time and directory are those of the last run.
fn row(group: &[&Found]) -> [String; HEAD.len()] {
    let header = &group[0].record.header;
    let seeds = group.iter().map(|run| run.record.header.seed);
    let last = group.iter().max_by_key(|run| run.trained);
    let last = last.unwrap_or(&group[0]);
    let others = match group.len() {
        1 => String::new(),
        runs => format!(" and {} more", runs - 1),
    };
    [
        header.experiment.clone(),
        header.method.clone(),
        header.backend.clone(),
        seed_ranges(seeds),
        accuracy(group),
        date_and_time(last.trained),
        format!("{}{others}", last.directory.display()),
    ]
}

/// The mean over the runs and half its 95 % interval, as in a report: a diverged run counts as 0.
fn accuracy(group: &[&Found]) -> String {
    let records = || group.iter().map(|run| &run.record);
    let diverged = records().filter(|run| run.end.outcome.is_diverged());
    let diverged = diverged.count();
    let values: Vec<f64> = records().map(RunRecord::test_accuracy).collect();
    let mut text = describe(&values).map_or_else(String::new, |statistics| {
        let mean = format!("{:.2}", 100.0 * statistics.mean);
        match statistics.half_width() {
            Some(half) => format!("{mean} ± {:.2}", 100.0 * half),
            None => mean,
        }
    });
    if diverged > 0 {
        text.push_str(&format!(" ({diverged} diverged)"));
    }
    text
}
