//! The results as plain text for a terminal.

pub(crate) mod target;
pub(crate) mod validation;

use crate::experiment::Experiment;
use crate::statistics::{PairedDifferences, Statistics};
use crate::summary::{MethodSummary, Summary};
use crate::tables::target as target_table;
use crate::tables::validation::{
    PUBLISHED_HEADS, VALIDATION_HEADS, VALIDATION_NOTE, published_note, published_rows,
    validation_rows,
};
use crate::text::columns::Grid;
pub(crate) use crate::text::columns::lines_of;
use crate::text::numbers::{Precision, count, loss, p_value, quoted, signed};

/// No line of [`text_table`] is longer, counted in characters.
pub const TABLE_WIDTH: usize = 100;

/// Where [`final_cells`] has the median.
const MEDIAN: usize = 5;
/// Stands for a number that does not exist.
pub(crate) const NONE: &str = "—";
/// Marks a number over the finished runs only.
pub(crate) const FINISHED_ONLY: &str = "*";

/// Final values with one row per method, below them the paired differences to the baseline, what
/// the target costs, test accuracy where validation accuracy was best, and published figures, as
/// far as there are such.
///
/// Accuracies are means in percent with half the width of their 95 % interval, gaps and differences
/// are in points. A long method name goes on in the next line.
#[must_use]
pub fn text_table(experiment: &Experiment) -> String {
    let summary = Summary::of(experiment);
    let precision = Precision::of(&summary);
    let mut text = Grid::new(&FINAL_HEADS, final_rows(&summary, precision)).text();
    text.push_str(&wrapped(&legend(&summary)));

    let compared = difference_rows(&summary, precision);
    if let Some(baseline) = summary.baseline().filter(|_| !compared.is_empty()) {
        let title = format!(
            "Differences to {}. {}",
            quoted(&baseline.name),
            differences_legend(&summary)
        );
        text.push('\n');
        text.push_str(&wrapped(&title));
        text.push_str(&Grid::new(&DIFFERENCE_HEADS, compared).text());
    }
    if let Some(target) = &summary.target {
        let heads = target_table::heads(target);
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        text.push('\n');
        text.push_str(&wrapped(&target_table::legend(target)));
        text.push_str(&Grid::new(&heads, target_table::rows(&summary, target)).text());
    }
    // Of a grid they would be many, and its figure has them.
    if experiment.grid.is_none() {
        let rows = validation_rows(experiment, precision);
        push_table(&mut text, VALIDATION_NOTE, &VALIDATION_HEADS, rows);
        let rows = published_rows(experiment, &summary, precision);
        push_table(
            &mut text,
            &published_note(experiment),
            &PUBLISHED_HEADS,
            rows,
        );
    }
    text
}

/// The rows below what they mean, if there are any.
fn push_table(text: &mut String, note: &str, heads: &[&str], rows: Vec<Vec<String>>) {
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&wrapped(note));
        text.push_str(&Grid::new(heads, rows).text());
    }
}

/// Heads of the columns in a terminal, shorter than those of the page.
const FINAL_HEADS: [&str; 10] = [
    "method",
    "runs",
    "div.",
    "train %",
    "test %",
    "median",
    "gap",
    "train loss",
    "test loss",
    "updates",
];
const DIFFERENCE_HEADS: [&str; 8] = [
    "method",
    "pairs",
    "test accuracy",
    "p",
    "r",
    "d_z",
    "gap",
    "p",
];

/// The page has the interval of a median, too, for which there is no room here.
fn final_rows(summary: &Summary, precision: Precision) -> Vec<Vec<String>> {
    let methods = summary.methods.iter();
    let row = |method: &MethodSummary| {
        let mut cells = final_cells(method, precision);
        if let Some(test) = &method.test_accuracy {
            cells[MEDIAN] = precision.percent(test.median);
        }
        cells
    };
    methods.map(row).collect()
}

/// The cells of the methods that are compared with the baseline.
pub(crate) fn difference_rows(summary: &Summary, precision: Precision) -> Vec<Vec<String>> {
    let others = summary.others();
    let rows = others.filter_map(|method| difference_cells(method, precision));
    rows.collect()
}

/// What the columns of final values mean.
pub(crate) fn legend(summary: &Summary) -> String {
    let mut spread = if summary.has_intervals() {
        "± is half the width of the 95 % interval".to_owned()
    } else {
        "one seed: no interval".to_owned()
    };
    if summary.accuracies().any(|value| value.is_too_uniform()) {
        spread.push_str(", left out where fewer than five seeds all agree");
    }
    let mut legend = format!(
        "Means over the runs; {spread}; median is that of test accuracy. Accuracies in percent; gap \
         is train minus test accuracy in points; loss is the mean cross-entropy in nats."
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
    legend.push('.');
    if let Some(tests) = most_tests(summary) {
        legend.push_str(" p: Wilcoxon's signed-rank test, two-sided");
        if tests > 1 {
            legend.push_str(&format!(
                ", with Holm's correction for the {tests} methods of a column"
            ));
        }
        legend.push_str(
            "; r: matched-pairs rank-biserial correlation, −1 to 1; d_z: mean difference in \
             standard deviations of the differences, both of test accuracy.",
        );
    }
    legend
}

/// How many tests are made at once, if any has more than one pair.
fn most_tests(summary: &Summary) -> Option<usize> {
    let comparisons = summary
        .others()
        .filter_map(|method| method.versus_baseline.as_ref());
    let tested = comparisons.filter(|comparison| comparison.test_accuracy.difference.n > 1);
    tested
        .map(|comparison| comparison.test_accuracy.significance.tests)
        .max()
}

/// The cells of a method's final values on the page.
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
        (method.test_accuracy).map_or_else(none, |test| precision.median_and_interval(&test)),
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
    let none = || NONE.to_owned();
    let test = &comparison.test_accuracy;
    let gap = comparison.gap.as_ref();
    let p = |pairs: &PairedDifferences| {
        let p = pairs.significance.corrected_p;
        if pairs.difference.n > 1 {
            p_value(p)
        } else {
            none()
        }
    };
    let is_tested = test.difference.n > 1;
    Some(vec![
        method.name.clone(),
        count(test.difference.n),
        difference_cell(test, precision),
        p(test),
        if is_tested {
            signed(test.rank_biserial)
        } else {
            none()
        },
        test.cohens_d_z.map_or_else(none, signed),
        gap.map_or_else(none, |gap| difference_cell(gap, precision)),
        gap.map_or_else(none, p),
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

fn wrapped(sentence: &str) -> String {
    lines_of(sentence, TABLE_WIDTH).join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::text::columns::length;

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
    fn a_difference_has_its_test_and_its_sizes() {
        let table = text_table(&sample::decay());
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
        let three = text_table(&sample::curves(4, 8));
        let three = three.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            three.contains("with Holm's correction for the 3 methods of a column"),
            "{three}"
        );
    }

    #[test]
    fn held_out_images_and_published_figures_have_tables_of_their_own() {
        let mut experiment = sample::decay();
        let table = text_table(&experiment);
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
        let table = text_table(&experiment);
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
        let table = text_table(&experiment);
        assert_narrow(&table);
        for expected in [
            "Updates to 70.5 % test accuracy",
            "of 8",
            "not reached",
            "seconds",
        ] {
            assert!(table.contains(expected), "{expected} in {table}");
        }
        let page = crate::render_html(&experiment);
        assert!(page.contains("What the target costs"));
        experiment.target = None;
        assert!(!text_table(&experiment).contains("not reached"));
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
}
