//! The results as plain text for a terminal.

use crate::number_text::{Precision, count};
use crate::summary::{MethodSummary, Summary};

/// No line is longer, counted in characters.
pub const WIDTH: usize = 100;

const COLUMNS: usize = 8;
const SPACE: &str = "  ";
const NONE: &str = "—";

/// A table of final values with one row per method, at most [`WIDTH`] characters wide.
///
/// Accuracies are in percent, the gap and the differences in points. A long method name goes on in
/// the next line.
#[must_use]
pub fn table(summary: &Summary) -> String {
    let precision = Precision::of(summary);
    let baseline = summary.baseline().name.as_str();
    let mut rows = vec![
        ["", "", "train", "test accuracy", "", "test against", "", ""].map(String::from),
        ["method", "n", "mean ± sd", "mean ± sd [95 %]", "gap", "baseline [95 %]", "updates", "div."]
            .map(String::from),
    ];
    rows.extend(summary.methods.iter().map(|method| cells(method, precision)));

    let widths = widths(&rows);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        push_row(&mut text, row, &widths);
        if index == 1 {
            let ruler = widths.map(|width| "─".repeat(width));
            push_row(&mut text, &ruler, &widths);
        }
    }
    text.push_str(&wrapped(&format!(
        "n: finished runs; div.: diverged runs of all; accuracies in percent, gap (train minus \
         test) and differences in points; differences are paired by seed, the baseline is \
         {baseline}."
    )));
    text
}

fn cells(method: &MethodSummary, precision: Precision) -> [String; COLUMNS] {
    let none = || NONE.to_owned();
    let with_interval = |text: String, interval: Option<String>| match interval {
        Some(interval) => format!("{text} {interval}"),
        None => text,
    };
    let finals = method.finals.as_ref();
    let train = finals.map(|finals| precision.mean_and_deviation(&finals.train_accuracy));
    let test = finals.map(|finals| {
        let test = &finals.test_accuracy;
        let interval = test.interval.map(|interval| precision.interval(interval));
        with_interval(precision.mean_and_deviation(test), interval)
    });
    let difference = method.versus_baseline.as_ref().map(|comparison| {
        let difference = &comparison.test_accuracy.difference;
        let interval = difference.interval;
        let interval = interval.map(|interval| precision.signed_interval(interval));
        with_interval(precision.signed_points(difference.mean), interval)
    });
    [
        method.name.clone(),
        count(method.finished.len()),
        train.unwrap_or_else(none),
        test.unwrap_or_else(none),
        finals.map_or_else(none, |finals| precision.percent(finals.gap.mean)),
        difference.unwrap_or_else(none),
        updates_of(method),
        format!("{}/{}", method.diverged.len(), method.runs()),
    ]
}

/// The number of updates that a method's finished runs made, in words if they differ.
pub(crate) fn updates_of(method: &MethodSummary) -> String {
    match (method.updates.first(), method.updates.last()) {
        (Some(least), Some(most)) if least == most => count(*least),
        (Some(least), Some(most)) => format!("{}–{}", count(*least), count(*most)),
        _ => NONE.into(),
    }
}

/// The first column gets what the others leave, as far as it needs it.
fn widths(rows: &[[String; COLUMNS]]) -> [usize; COLUMNS] {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(length(cell));
        }
    }
    let others: usize = widths[1..].iter().sum::<usize>() + SPACE.len() * (COLUMNS - 1);
    widths[0] = widths[0].min(WIDTH.saturating_sub(others).max(1));
    widths
}

fn push_row(text: &mut String, row: &[String; COLUMNS], widths: &[usize; COLUMNS]) {
    for (index, name) in lines_of(&row[0], widths[0]).iter().enumerate() {
        let mut line = padded_right(name, widths[0]);
        if index == 0 {
            for (cell, width) in row.iter().zip(widths).skip(1) {
                let padding = width - length(cell);
                line = format!("{line}{SPACE}{}{cell}", " ".repeat(padding));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn wrapped(sentence: &str) -> String {
    lines_of(sentence, WIDTH).join("\n") + "\n"
}

/// The text in lines of at most `width` characters, broken between words where that is possible.
fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() || length(last) + 1 + rest.len() > width {
            if !last.is_empty() {
                lines.push(String::new());
            }
            while rest.len() > width {
                let head = rest.drain(..width).collect();
                lines.insert(lines.len() - 1, head);
            }
        } else {
            last.push(' ');
        }
        lines.last_mut().expect("there is always a line").extend(rest);
    }
    lines
}

fn padded_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(length(text))))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::summary::summarise;

    #[test]
    fn a_row_holds_every_number_with_its_interval() {
        let table = table(&summarise(&sample::decay_experiment()).unwrap());
        // Means, sample deviations and t intervals of the sample's finals, by SciPy 1.17.1.
        assert!(table.contains("76.0 ± 0.8 [74.7, 77.3]"), "{table}");
        assert!(table.contains("72.0 ± 1.4 [69.7, 74.3]"), "{table}");
        assert!(table.contains("−4.0 [−5.3, −2.7]"), "{table}");
        assert!(table.contains("0/4"), "{table}");
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_characters() {
        let mut experiment = sample::decay_experiment();
        let long = "everything together, with averylongwordindeedthatfitsnowhere at all";
        experiment.methods[1].name = long.into();
        for run in &mut experiment.methods[1].runs {
            run.header.method = long.into();
        }
        let table = table(&summarise(&experiment).unwrap());
        let longest = table.lines().map(length).max();
        assert!(longest <= Some(WIDTH), "{longest:?}\n{table}");
        let without_spaces: String = table.split_whitespace().collect();
        assert!(without_spaces.contains("averylong"));
    }

    #[test]
    fn words_are_broken_only_where_they_must() {
        assert_eq!(lines_of("ab cd efghijk l", 5), ["ab cd", "efghi", "jk l"]);
        assert_eq!(lines_of("", 5), [""]);
    }
}
