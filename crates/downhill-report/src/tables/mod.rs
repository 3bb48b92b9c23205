//! The tables of a report, and all of them as plain text for a terminal.

pub(crate) mod averages;
pub(crate) mod differences;
pub(crate) mod final_values;
pub(crate) mod grid;
pub(crate) mod published;
pub(crate) mod target;
pub(crate) mod validation;

use crate::summary::Summary;
use crate::tables::averages::{AVERAGES_HEADS, AVERAGES_NOTE, averages_rows};
use crate::tables::differences::{DIFFERENCE_HEADS, difference_rows, differences_legend};
use crate::tables::final_values::{FINAL_HEADS, final_rows, legend};
use crate::tables::published::{PUBLISHED_HEADS, published_note, published_rows};
use crate::tables::validation::{VALIDATION_HEADS, VALIDATION_NOTE, validation_rows};
use crate::text::columns::{TextTable, wrapped};
use crate::text::numbers::quoted;

/// All tables of an experiment as text.
pub(crate) fn text(summary: &Summary<'_>) -> String {
    let mut text = TextTable::of_numbers(&FINAL_HEADS, final_rows(summary)).to_string();
    text.push_str(&wrapped(&legend(summary)));
    if let Some(baseline) = summary.baseline() {
        let name = quoted(&baseline.name);
        let note = format!("Differences to {name}. {}", differences_legend(summary));
        push_table(
            &mut text,
            &note,
            &DIFFERENCE_HEADS,
            difference_rows(summary),
        );
    }
    if let Some(target) = &summary.target {
        let heads = target::heads(target);
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows = target::rows(summary, target);
        push_table(&mut text, &target::legend(target), &heads, rows);
    }
    let rows = validation_rows(summary);
    push_table(&mut text, VALIDATION_NOTE, &VALIDATION_HEADS, rows);
    // Of a grid they would be many, and its figure has them.
    if summary.experiment.grid.is_none() {
        let rows = averages_rows(summary);
        push_table(&mut text, AVERAGES_NOTE, &AVERAGES_HEADS, rows);
        let rows = published_rows(summary);
        push_table(
            &mut text,
            &published_note(summary.experiment),
            &PUBLISHED_HEADS,
            rows,
        );
    }
    text
}

/// The rows below a note that explains them, if there are any.
fn push_table(text: &mut String, note: &str, heads: &[&str], rows: Vec<Vec<String>>) {
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&wrapped(note));
        text.push_str(&TextTable::of_numbers(heads, rows).to_string());
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::experiment::Experiment;
    use crate::text::columns::TABLE_WIDTH;
    use crate::{Report, sample};

    fn text_of(experiment: &Experiment) -> String {
        text(&Summary::of(experiment))
    }

    fn assert_narrow(table: &str) {
        let longest = table.lines().map(UnicodeWidthStr::width).max();
        assert!(longest <= Some(TABLE_WIDTH), "{longest:?}\n{table}");
    }

    #[test]
    fn a_row_holds_every_number_with_its_interval() {
        let table = text_of(&sample::decay());
        // Means and t intervals of the sample's finals, by SciPy 1.17.1.
        assert!(table.contains("76.0 ± 1.3"), "{table}");
        assert!(table.contains("72.0 ± 2.3"), "{table}");
        assert!(table.contains("−4.0 [−5.3, −2.7]"), "{table}");
        assert!(table.contains("601"), "{table}");
        assert_narrow(&table);
    }

    #[test]
    fn a_difference_has_its_test_and_its_sizes() {
        let table = text_of(&sample::decay());
        let row = table
            .lines()
            .filter(|line| line.starts_with("weight-decay"));
        let row: Vec<_> = row.flat_map(str::split_whitespace).collect();
        // Four differences of one sign: p is 2 of 2^4. d_z: NumPy, -0.04 / 0.008165.
        let expected = ["[−5.3,", "−2.7]", "0.125", "−1.00", "−4.90"];
        assert!(row.windows(5).any(|cells| cells == expected), "{table}");
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            table.contains("p: Wilcoxon's signed-rank test, two-sided; r:"),
            "{table}"
        );
        let three = text_of(&sample::curves(4, 8));
        let three = three.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            three.contains("with Holm's correction for the 3 methods of a column"),
            "{three}"
        );
    }

    #[test]
    fn held_out_images_and_published_figures_have_tables_of_their_own() {
        let mut experiment = sample::decay();
        let table = text_of(&experiment);
        assert!(!table.contains("held-out") && !table.contains("Published"));
        for run in &mut experiment.methods[1].runs {
            for evaluation in &mut run.evaluations {
                evaluation.validation = Some(evaluation.test);
            }
        }
        experiment.published = Some(crate::experiment::Published {
            source: "the book".into(),
            figures: vec![crate::experiment::PublishedFigure {
                method: "none".into(),
                train_accuracy: None,
                test_accuracy: Some(0.75),
                losses: vec![],
            }],
        });
        let table = text_of(&experiment);
        assert_narrow(&table);
        let line = |with: &str| {
            let line = table.lines().find(|line| line.contains(with));
            line.unwrap_or_else(|| panic!("{with} in {table}"))
        };
        // The sample's test accuracies, now of held-out images, too.
        let validated = line("601     72.0 ± 2.3          72.0 ± 2.3");
        assert!(
            validated.starts_with("weight-decay     4          72.0 ± 2.3"),
            "{validated}"
        );
        assert!(line("75.0  76.0 ± 1.3     4").ends_with("+1.0"), "{table}");
    }

    #[test]
    fn a_target_has_its_costs_and_its_misses() {
        let mut experiment = sample::curves(4, 8);
        let runs = experiment.methods.iter().flat_map(|method| &method.runs);
        let run_seconds = runs.map(|run| (run.header.run.clone(), 30.0)).collect();
        experiment.target = Some(crate::AccuracyTarget {
            accuracy: 0.705,
            on: crate::TargetImages::Test,
            run_seconds,
        });
        let table = text_of(&experiment);
        assert_narrow(&table);
        for expected in [
            "Updates to 70.5 % test accuracy",
            "of 8",
            "not reached",
            "seconds",
        ] {
            assert!(table.contains(expected), "{expected} in {table}");
        }
        let page = Report::of(&experiment).unwrap().html();
        assert!(page.contains("What the target costs"));
        experiment.target = None;
        assert!(!text_of(&experiment).contains("not reached"));
    }

    #[test]
    fn one_seed_has_no_interval() {
        let mut experiment = sample::decay();
        experiment
            .methods
            .iter_mut()
            .for_each(|method| method.runs.truncate(1));
        let table = text_of(&experiment);
        assert!(
            table.contains("one seed: no interval") && !table.contains('±'),
            "{table}"
        );
        assert!(table.contains("−4.00"), "{table}");
        assert!(
            table.contains("with 95 % intervals from two seeds on."),
            "{table}"
        );
    }

    #[test]
    fn few_equal_values_and_impossible_accuracies_are_explained() {
        let methods = vec![
            sample::method("none", 601, &[(1.0, 0.32), (1.0, 0.42)]),
            sample::method("other", 601, &[(1.0, 0.36), (1.0, 0.46)]),
        ];
        let table = text_of(&sample::experiment(Some("none"), methods));
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!table.contains("± 0.0") && !table.contains('['), "{table}");
        for expected in [
            "100.0 37.0 ± 63.5",
            "left out if fewer than five seeds all agree",
            "Accuracies lie between 0 and 100 %",
            "none if fewer than five seeds all give the same difference.",
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
            let table = text_of(&experiment);
            assert_narrow(&table);
            let without_spaces: String = table.split_whitespace().collect();
            assert!(without_spaces.contains("everything"));
        }
    }

    #[test]
    fn diverged_runs_are_counted_and_marked() {
        let table = text_of(&sample::curves(4, 8));
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            table.contains("count as 0 % accuracy; numbers with * are over"),
            "{table}"
        );
        assert!(table.contains('*'));
        assert!(!text_of(&sample::curves(3, 8)).contains('*'));
    }
}
