//! Runs as a table for the terminal.

use std::collections::BTreeMap;

use downhill_report::record::RunHeader;
use downhill_report::statistics::describe;
use downhill_report::{RunRecord, TextTable, seed_ranges};

use crate::code::versions;
use crate::commands::differences::{Apart, apart};
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

/// Where the columns begin that rows of the same experiment and method are told apart by.
const APART: usize = 3;

/// A head, then a line per group of runs that differ only in their seed. The columns `data` and
/// `settings` are there if groups of the same experiment and method differ in them, and the column
/// `code` if a group was made by other code than that of this program.
pub(super) fn table(groups: &[Vec<&Found>]) -> String {
    let apart = told_apart(groups);
    let columns = [
        ("code", groups.iter().map(|group| code(group)).collect()),
        ("data", (apart.iter()).map(|it| it.data.clone()).collect()),
        (
            "settings",
            (apart.iter())
                .map(|it| it.settings.clone())
                .collect::<Vec<_>>(),
        ),
    ];
    let mut head = HEAD.to_vec();
    let mut rows: Vec<Vec<String>> = groups.iter().map(|group| row(group).into()).collect();
    for (name, cells) in columns.into_iter().rev() {
        if cells.iter().all(String::is_empty) {
            continue;
        }
        head.insert(APART, name);
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.insert(APART, cell);
        }
    }
    TextTable::of_words(&head, rows).to_string()
}

/// Whose code made a group, unless it is that of this program.
fn code(group: &[&Found]) -> String {
    let made_by = &group[0].record.header.versions;
    match made_by.is_same_code(&versions()) {
        true => String::new(),
        false if made_by.code.is_empty() => "other".to_owned(),
        false => format!("other, {}", made_by.code),
    }
}

/// What tells each group from others of the same experiment and method.
fn told_apart(groups: &[Vec<&Found>]) -> Vec<Apart> {
    let mut same: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        let header = &group[0].record.header;
        let name = (header.experiment.as_str(), header.method.as_str());
        same.entry(name).or_default().push(at);
    }
    let mut all = vec![Apart::default(); groups.len()];
    for places in same.values() {
        let headers: Vec<&RunHeader> = (places.iter())
            .map(|&at| &groups[at][0].record.header)
            .collect();
        for (&at, apart) in places.iter().zip(apart(&headers)) {
            all[at] = apart;
        }
    }
    all
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
