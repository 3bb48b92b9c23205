//! Runs as a table for the terminal.

use std::collections::BTreeSet;

use downhill_report::RunRecord;
use downhill_report::record::Outcome;
use downhill_report::statistics::describe;

use super::Found;
use super::calendar::date_and_time;

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

/// Time and directory are those of the last run.
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

/// The mean over the runs and half its 95 % interval, as in a report: a diverged run counts as 0.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_in_a_row_are_a_range() {
        assert_eq!(ranges(&BTreeSet::from([0, 1, 2, 5, 7, 8])), "0-2,5,7-8");
        assert_eq!(ranges(&BTreeSet::from([3])), "3");
    }
}
