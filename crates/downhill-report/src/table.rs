//! The results as plain text for a terminal.

use crate::experiment::Experiment;
use crate::number_text::{Precision, count, loss, quoted};
use crate::statistics::{PairedDifferences, Statistics};
use crate::summary::{MethodSummary, Summary};

/// No line of [`text_table`] is longer, counted in characters.
pub const TABLE_WIDTH: usize = 100;

const SPACE: &str = "  ";
/// Stands for a number that does not exist.
pub(crate) const NONE: &str = "—";
/// Marks a number over the finished runs only.
pub(crate) const FINISHED_ONLY: &str = "*";

/// Final values with one row per method, and below them the paired differences to the baseline.
///
/// Accuracies are means in percent with half the width of their 95 % interval, gaps and differences
/// are in points. A long method name goes on in the next line.
#[must_use]
pub fn text_table(experiment: &Experiment) -> String {
    let summary = Summary::of(experiment);
    let precision = Precision::of(&summary);
    let mut text = Grid::new(
        &[
            "method",
            "runs",
            "div.",
            "train %",
            "test %",
            "gap",
            "train loss",
            "test loss",
            "updates",
        ],
        summary
            .methods
            .iter()
            .map(|method| final_cells(method, precision))
            .collect(),
    )
    .text();
    text.push_str(&wrapped(&legend(&summary)));

    let compared: Vec<_> = summary
        .others()
        .filter_map(|method| difference_cells(method, precision))
        .collect();
    if let Some(baseline) = summary.baseline().filter(|_| !compared.is_empty()) {
        text.push('\n');
        let title = format!(
            "Differences to {}. {}",
            quoted(&baseline.name),
            differences_legend(&summary)
        );
        text.push_str(&wrapped(&title));
        let heads = ["method", "pairs", "test accuracy", "gap"];
        text.push_str(&Grid::new(&heads, compared).text());
    }
    text
}

/// What the columns of final values mean.
pub(crate) fn legend(summary: &Summary) -> String {
    let mut spread = if summary.has_intervals() {
        "± is half the width of the 95 % Student t interval".to_owned()
    } else {
        "one seed: no interval".to_owned()
    };
    if summary.accuracies().any(|value| value.is_too_uniform()) {
        spread.push_str(", left out where fewer than five seeds all agree");
    }
    let mut legend = format!(
        "Means over the runs; {spread}. Accuracies in percent; gap is train minus test accuracy in \
         points; loss is the mean cross-entropy in nats."
    );
    legend.push_str(beyond_accuracies(summary));
    if summary.has_diverged() {
        legend.push_str(
            " Diverged runs count as 0 % accuracy; numbers with * are over the finished runs \
             only.",
        );
    }
    legend
}

/// That some ± reaches beyond 0 to 100 %, if so.
pub(crate) fn beyond_accuracies(summary: &Summary) -> &'static str {
    let is_beyond =
        |accuracy: Statistics| accuracy.shown_interval() != accuracy.accuracy_interval();
    if summary.accuracies().any(is_beyond) {
        " No accuracy lies outside 0 to 100 %, even where ± reaches further."
    } else {
        ""
    }
}

/// What the columns of differences mean.
pub(crate) fn differences_legend(summary: &Summary) -> String {
    let mut legend = String::from(
        "In points, paired by seed, with 95 % intervals where there are two seeds or more",
    );
    if summary.differences().any(|value| value.is_too_uniform()) {
        legend.push_str("; none where fewer than five seeds give the same difference");
    }
    legend + "."
}

/// The cells of a method's final values, the same in the text table and on the page.
pub(crate) fn final_cells(method: &MethodSummary, precision: Precision) -> Vec<String> {
    let none = || NONE.to_owned();
    let mark = if method.diverged.is_empty() {
        ""
    } else {
        FINISHED_ONLY
    };
    let accuracy = |accuracy: Option<_>| {
        accuracy.map_or_else(none, |accuracy| precision.mean_and_half_width(&accuracy))
    };
    let finished = method.finished_only;
    let marked = |text: Option<String>| text.map_or_else(none, |text| text + mark);
    vec![
        method.name.clone(),
        count(method.runs()),
        count(method.diverged.len()),
        accuracy(method.train_accuracy),
        accuracy(method.test_accuracy),
        marked(finished.map(|finished| precision.percent(finished.gap.mean))),
        marked(finished.map(|finished| loss(finished.train_loss.mean))),
        marked(finished.map(|finished| loss(finished.test_loss.mean))),
        updates_of(method),
    ]
}

/// The cells of a method's differences; `None` if it is not compared.
pub(crate) fn difference_cells(
    method: &MethodSummary,
    precision: Precision,
) -> Option<Vec<String>> {
    let comparison = method.versus_baseline.as_ref()?;
    let test = &comparison.test_accuracy;
    let gap = comparison.gap.as_ref();
    Some(vec![
        method.name.clone(),
        count(test.difference.n),
        difference_cell(test, precision),
        gap.map_or_else(|| NONE.into(), |gap| difference_cell(gap, precision)),
    ])
}

fn difference_cell(pairs: &PairedDifferences, precision: Precision) -> String {
    let mean = precision.signed_points(pairs.difference.mean);
    match pairs.difference.shown_interval() {
        Some(interval) => format!("{mean} {}", precision.signed_interval(interval)),
        None => mean,
    }
}

/// The number of updates that a method's finished runs made.
fn updates_of(method: &MethodSummary) -> String {
    match (method.updates.first(), method.updates.last()) {
        (Some(least), Some(most)) if least == most => count(*least),
        (Some(least), Some(most)) => format!("{}–{}", count(*least), count(*most)),
        _ => NONE.into(),
    }
}

/// Rows of cells; the first column is names, aligned to the left, the others to the right.
struct Grid {
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Grid {
    /// The first column gets what the others leave, as far as it needs it.
    fn new(heads: &[&str], cells: Vec<Vec<String>>) -> Self {
        let mut rows = vec![heads.iter().map(ToString::to_string).collect::<Vec<_>>()];
        rows.extend(cells);
        let column = |at: usize| rows.iter().map(move |row| length(&row[at]));
        let mut widths: Vec<usize> = (0..heads.len())
            .map(|at| column(at).max().unwrap_or(0))
            .collect();
        let others: usize = widths[1..].iter().map(|width| width + SPACE.len()).sum();
        widths[0] = widths[0].min(TABLE_WIDTH.saturating_sub(others).max(1));
        Self { rows, widths }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            self.push_row(&mut text, row);
            if index == 0 {
                let rule = self
                    .widths
                    .iter()
                    .map(|width| "─".repeat(*width))
                    .collect::<Vec<_>>();
                self.push_row(&mut text, &rule);
            }
        }
        text
    }

    fn push_row(&self, text: &mut String, row: &[String]) {
        for (index, name) in lines_of(&row[0], self.widths[0]).iter().enumerate() {
            let mut line = padded(name, self.widths[0]);
            if index == 0 {
                for (cell, width) in row.iter().zip(&self.widths).skip(1) {
                    let padding = " ".repeat(width - length(cell));
                    line = format!("{line}{SPACE}{padding}{cell}");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
}

fn wrapped(sentence: &str) -> String {
    lines_of(sentence, TABLE_WIDTH).join("\n") + "\n"
}

/// The text in lines of at most `width` characters, broken between words where that is possible.
pub(crate) fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if length(&line) == width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(length(text))))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn assert_narrow(table: &str) {
        let longest = table.lines().map(length).max();
        assert!(longest <= Some(TABLE_WIDTH), "{longest:?}\n{table}");
    }

    #[test]
    fn a_row_holds_every_number_with_its_interval() {
        let table = text_table(&sample::decay());
        // Means and t intervals of the sample's finals, by SciPy 1.17.1.
        assert!(table.contains("76.0 ± 1.3"), "{table}");
        assert!(table.contains("72.0 ± 2.3"), "{table}");
        assert!(table.contains("−4.0 [−5.3, −2.7]"), "{table}");
        assert!(table.contains("601"), "{table}");
        assert_narrow(&table);
    }

    #[test]
    fn one_seed_has_no_interval() {
        let mut experiment = sample::decay();
        experiment
            .methods
            .iter_mut()
            .for_each(|method| method.runs.truncate(1));
        let table = text_table(&experiment);
        assert!(
            table.contains("one seed: no interval") && !table.contains('±'),
            "{table}"
        );
        assert!(table.contains("−4.00"), "{table}");
        assert!(
            table.contains("with 95 % intervals where there are two seeds or\nmore.\n"),
            "{table}"
        );
    }

    #[test]
    fn few_equal_values_and_impossible_accuracies_are_explained() {
        let methods = vec![
            sample::method("none", 601, &[(1.0, 0.32), (1.0, 0.42)]),
            sample::method("other", 601, &[(1.0, 0.36), (1.0, 0.46)]),
        ];
        let table = text_table(&sample::experiment(Some("none"), methods));
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!table.contains("± 0.0") && !table.contains('['), "{table}");
        for expected in [
            "100.0 37.0 ± 63.5",
            "left out where fewer than five seeds all agree",
            "No accuracy lies outside 0 to 100 %",
            "none where fewer than five seeds give the same difference.",
        ] {
            assert!(table.contains(expected), "{expected} in {table}");
        }
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_characters() {
        let long = "everything together, with averylongwordindeed".to_owned() + &"é".repeat(120);
        for (methods, seeds) in [(1, 1), (4, 8), (8, 100)] {
            let mut experiment = sample::curves(methods, seeds);
            experiment.methods[0].name.clone_from(&long);
            experiment.baseline = Some(long.clone());
            let table = text_table(&experiment);
            assert_narrow(&table);
            let without_spaces: String = table.split_whitespace().collect();
            assert!(without_spaces.contains("everything"));
        }
    }

    #[test]
    fn diverged_runs_are_counted_and_marked() {
        let table = text_table(&sample::curves(4, 8));
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            table.contains("count as 0 % accuracy; numbers with * are over"),
            "{table}"
        );
        assert!(table.contains('*'));
        assert!(!text_table(&sample::curves(3, 8)).contains('*'));
    }

    #[test]
    fn words_are_broken_only_where_they_must() {
        assert_eq!(lines_of("ab cd efghijk l", 5), ["ab cd", "efghi", "jk l"]);
        assert_eq!(lines_of("", 5), [""]);
    }
}
