//! The page of an experiment's report.

use maud::{Markup, html};

use crate::experiment::{Experiment, Method};
use crate::pages::about::About;
use crate::pages::page::{Page, Section, changes, code, table};
use crate::pages::training::figures::{Part, parts};
use crate::record::{RunOutcome, RunRecord};
use crate::statistics::Statistics;
use crate::summary::families::Families;
use crate::summary::training_data::image_counts;
use crate::summary::{MethodSummary, Summary};
use crate::tables::averages::{AVERAGES_HEADS, AVERAGES_NOTE, averages_rows};
use crate::tables::differences::{difference_rows, differences_legend};
use crate::tables::final_values::{final_cells, legend};
use crate::tables::published::{PUBLISHED_HEADS, published_note, published_rows};
use crate::tables::validation::{VALIDATION_HEADS, VALIDATION_NOTE, validation_rows};
use crate::tables::{grid, target};
use crate::text::columns::NONE;
use crate::text::numbers::{count, fixed, loss};

/// The report of an experiment as one HTML file, with these findings and limits.
pub(crate) fn html(summary: &Summary<'_>, findings: Vec<String>, limits: Vec<String>) -> String {
    let experiment = summary.experiment;
    let data = html! {
        (experiment.data.name) ", " (image_counts(experiment)) ", SHA-256 " (code(&experiment.data.sha256))
    };
    let page = Page {
        about: &About::of(experiment),
        kind: "experiment report",
        found: findings,
        sections: sections(summary),
        made: vec![("Data", data)],
        made_details: html! {
            h3 { "What each method changes" }
            ul { (every_method(summary)) }
            @if summary.families.is_none() {
                details { summary { "Every run" } (every_run(experiment)) }
            }
        },
        limits,
        source: "the run records",
    };
    page.html()
}

/// The main picture, the table, then the rest.
fn sections(summary: &Summary<'_>) -> Vec<Section> {
    let families = summary.families.as_ref();
    let results = match families {
        Some(families) => grid_results(summary, families),
        None => results(summary),
    };
    let results = Section::new("results", "Results", results);
    if summary.is_empty() {
        return vec![results];
    }
    let parts = parts(summary);
    let section = |part: &Part| Section::of_figures(part.id, &part.title, &part.figures);
    let mut sections: Vec<Section> = parts.iter().map(section).collect();
    let mut tables = vec![results];
    // Of a grid they would be many, and its figure has them.
    if families.is_none() {
        let averages = (
            "averages",
            "Averaged weights",
            AVERAGES_NOTE,
            &AVERAGES_HEADS[..],
            averages_rows(summary),
        );
        let validation = (
            "validation",
            "Test accuracy at the best validation accuracy",
            VALIDATION_NOTE,
            &VALIDATION_HEADS[..],
            validation_rows(summary),
        );
        for (id, title, note, heads, rows) in [averages, validation] {
            if !rows.is_empty() {
                tables.push(Section::new(id, title, table(note, heads, &rows)));
            }
        }
    }
    let rows = published_rows(summary);
    if !rows.is_empty() {
        let rows = table(&published_note(summary.experiment), &PUBLISHED_HEADS, &rows);
        // With a grid they are many, and the figure has them.
        let content = match families {
            Some(_) => html! { details { summary { "Figure by figure" } (rows) } },
            None => rows,
        };
        tables.push(Section::new("published", "Published figures", content));
    }
    let after_the_main_picture = sections.len().min(1);
    sections.splice(after_the_main_picture..after_the_main_picture, tables);
    sections
}

fn results(summary: &Summary<'_>) -> Markup {
    let heads = [
        "method",
        "runs",
        "diverged",
        "train accuracy, %",
        "test accuracy, %",
        "median test accuracy, %",
        "gap, points",
        "train loss",
        "test loss",
        "updates",
    ];
    let methods = summary.methods.iter();
    let finals: Vec<_> = methods
        .map(|method| final_cells(method, summary.precision))
        .collect();
    let compared = difference_rows(summary);
    html! {
        (table(&legend(summary), &heads, &finals))
        @if let Some(baseline) = summary.baseline().filter(|_| !compared.is_empty()) {
            h3 { "Differences to “" (baseline.name) "”" }
            (table(
                &differences_legend(summary),
                &["method", "pairs", "test accuracy", "p", "r", "d_z", "gap", "p of the gap"],
                &compared,
            ))
        }
        @if let Some(target) = &summary.target {
            @let heads = target::heads(target);
            @let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
            h3 { "What the target costs" }
            (table(&target::legend(target), &heads, &target::rows(summary, target)))
        }
    }
}

/// Tables with a row for each value of the grid and a column for each family.
fn grid_results(summary: &Summary<'_>, families: &Families) -> Markup {
    let precision = summary.precision;
    let mut heads = vec![families.grid.name.as_str()];
    heads.extend(families.names.iter().map(String::as_str));
    let accuracies = |of: fn(&MethodSummary) -> Option<Statistics>| {
        grid::rows(summary, families, |method| {
            grid::accuracy_cell(method, of(method), precision)
        })
    };
    let test = accuracies(|method| method.test_accuracy);
    let train = accuracies(|method| method.train_accuracy);
    let validation = accuracies(|method| Some(method.validation?.best));
    let test_there = accuracies(|method| Some(method.validation?.test));
    let is_validated = (summary.methods.iter()).any(|method| method.validation.is_some());
    let losses = grid::rows(summary, families, grid::loss_cell);
    let mut note = legend(summary);
    if summary.has_diverged() {
        note.push_str(" (× 2) after a number: 2 of the runs diverged.");
    }
    html! {
        h3 { "Test accuracy, %" }
        (table("", &heads, &test))
        h3 { "Training accuracy, %" }
        (table("", &heads, &train))
        h3 { "Training loss, nats" }
        (table(&note, &heads, &losses))
        @if is_validated {
            h3 { "Best validation accuracy, %" }
            (table("", &heads, &validation))
            h3 { "Test accuracy there, %" }
            (table(VALIDATION_NOTE, &heads, &test_there))
        }
    }
}

fn every_method(summary: &Summary<'_>) -> Markup {
    let experiment = summary.experiment;
    let Some(families) = &summary.families else {
        return html! {
            @for method in &experiment.methods { li { (method.name) ": " (changes(&method.changes)) } }
        };
    };
    let own = |family: &str| {
        let of_family = |method: &&Method| {
            method
                .cell
                .as_ref()
                .is_some_and(|cell| cell.family == family)
        };
        let mut methods = experiment.methods.iter().filter(of_family);
        let first = methods.next().map_or(&[][..], |method| &method.changes);
        // What changes from value to value is the grid.
        let rest: Vec<&Method> = methods.collect();
        let is_shared =
            |change: &&String| rest.iter().all(|method| method.changes.contains(change));
        first.iter().filter(is_shared).cloned().collect::<Vec<_>>()
    };
    html! {
        @for family in &families.names {
            li { (family) ": " (changes(&own(family))) }
        }
        li { "each at " (grid::range_of(families)) " of " (code(&families.grid.setting)) }
    }
}

/// One row per run, so that each number can be traced to its record.
fn every_run(experiment: &Experiment) -> Markup {
    let heads = [
        "method",
        "seed",
        "run",
        "outcome",
        "train accuracy, %",
        "test accuracy, %",
        "train loss",
        "test loss",
    ];
    let rows = experiment
        .methods
        .iter()
        .flat_map(|method| &method.runs)
        .map(|run| {
            let mut cells = vec![
                run.header.method.clone(),
                run.header.seed.to_string(),
                run.header.run.clone(),
                outcome(run),
            ];
            let none = || NONE.to_owned();
            let last = run.final_evaluation();
            let accuracy =
                |share: Option<f64>| share.map_or_else(none, |share| fixed(100.0 * share, 2));
            cells.push(accuracy(last.map(|last| last.train.accuracy)));
            cells.push(accuracy(last.map(|last| last.test.accuracy)));
            cells.push(last.map_or_else(none, |last| loss(last.train.loss)));
            cells.push(last.map_or_else(none, |last| loss(last.test.loss)));
            cells
        });
    table(
        "The evaluation that each run counts with: its last, or that of the network that it kept. The \
         hash is the name of the run's directory.",
        &heads,
        &rows.collect::<Vec<_>>(),
    )
}

fn outcome(run: &RunRecord) -> String {
    match run.end.outcome {
        RunOutcome::Diverged { update } => format!("diverged at update {}", count(update)),
        RunOutcome::Finished if run.final_evaluation().is_none() => "not finite at the end".into(),
        RunOutcome::Finished => {
            let kept = run
                .end
                .kept
                .map(|kept| format!(", network of update {}", count(kept)));
            let updates = count(run.end.updates);
            format!("finished, {updates} updates{}", kept.unwrap_or_default())
        }
    }
}
