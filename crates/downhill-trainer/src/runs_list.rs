//! The command `runs`: what is there, from the records alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use downhill_report::record::Outcome;
use downhill_report::statistics::describe;
use downhill_report::{RunRecord, run_json};

use crate::TrainError;
use crate::command_line::RunsArguments;
use crate::store::Store;

/// Lists the finished runs to `out`: a line per experiment and method, or per run, or an object of
/// JSON per run.
///
/// # Errors
///
/// A directory that cannot be read, and, after the list of the others, a record that is damaged.
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
    // A reader that is gone is no reason to fail.
    let _ = out.write_all(text.as_bytes());
    damaged.map_or(Ok(()), Err)
}

/// A finished run.
struct Found {
    record: RunRecord,
    directory: PathBuf,
    trained: SystemTime,
}

/// The finished runs, the number of others, and the first damaged record.
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

/// Runs that differ in their seed alone, in the order of the first of each.
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

const HEAD: [&str; 7] = [
    "experiment",
    "method",
    "backend",
    "seeds",
    "test %",
    "trained (UTC)",
    "directory",
];

fn table(groups: &[Vec<&Found>]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(groups.iter().map(|group| row(group)));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; HEAD.len()]| {
        let cells = row.iter().zip(widths);
        let padded = cells.map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The last one's time and directory stand for all.
fn row(group: &[&Found]) -> [String; HEAD.len()] {
    let header = &group[0].record.header;
    let seeds: BTreeSet<u64> = group.iter().map(|run| run.record.header.seed).collect();
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
        ranges(&seeds),
        accuracy(group),
        date_and_time(last.trained),
        format!("{}{others}", last.directory.display()),
    ]
}

/// The mean over the runs with half its 95 % interval, as in a report: a diverged run counts as 0.
fn accuracy(group: &[&Found]) -> String {
    let diverged = group.iter().filter(|run| is_diverged(&run.record)).count();
    let values: Vec<f64> = group.iter().map(|run| test_accuracy(&run.record)).collect();
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

fn is_diverged(record: &RunRecord) -> bool {
    record.end.outcome != Outcome::Finished
}

fn test_accuracy(record: &RunRecord) -> f64 {
    match record.evaluations.last() {
        Some(last) if !is_diverged(record) => last.test.accuracy,
        _ => 0.0,
    }
}

/// What the table does not say.
fn also(runs: &[Found], unfinished: usize) -> String {
    let mut text = format!("{} finished runs", runs.len());
    if unfinished > 0 {
        text.push_str(&format!(", {unfinished} begun and not finished"));
    }
    text + "\n"
}

/// As `--json` has it.
fn json(run: &Found) -> String {
    let object = run_json(&run.record);
    let open = object.strip_suffix('}').unwrap_or(&object);
    let directory = serde_json::Value::from(run.directory.display().to_string());
    let trained = seconds(run.trained);
    format!("{open},\"trained\":{trained},\"directory\":{directory}}}")
}

/// `0-7`, `3`, `0-2,5`.
fn ranges(seeds: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &seed in seeds {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == seed => *end = seed,
            _ => ranges.push((seed, seed)),
        }
    }
    let range = |(start, end): &(u64, u64)| match start == end {
        true => start.to_string(),
        false => format!("{start}-{end}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// Since the beginning of 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// `2026-03-01 12:05`, in UTC.
fn date_and_time(time: SystemTime) -> String {
    let seconds = seconds(time);
    let [year, month, day] = date(seconds / 86_400);
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// Year, month and day of a day counted from the beginning of 1970.
fn date(mut day: u64) -> [u64; 3] {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let days = 365 + u64::from(is_leap(year));
        if day < days {
            break;
        }
        day -= days;
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    [year, month, day + 1]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_251_199, "2024-02-29 23:59"),
            (1_798_761_600, "2027-01-01 00:00"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(date_and_time(time), expected);
        }
    }

    #[test]
    fn seeds_in_a_row_are_a_range() {
        assert_eq!(ranges(&BTreeSet::from([0, 1, 2, 5, 7, 8])), "0-2,5,7-8");
        assert_eq!(ranges(&BTreeSet::from([3])), "3");
    }
}
