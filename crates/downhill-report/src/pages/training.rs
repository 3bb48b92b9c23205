//! The report of an experiment: what its page says, and its pictures.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::drawing::figure::{Figure, Picture};
use crate::drawing::marks::Look;
use crate::experiment::{Experiment, Method};
use crate::figures::curves::Quantity;
use crate::figures::grid::Families;
use crate::figures::profiles::Extras;
use crate::figures::{self, grid, profiles};
use crate::findings::findings;
use crate::findings::limits::limits;
use crate::pages::page::{About, Page, Section, code, table};
use crate::record::Outcome;
use crate::record::lines::RunRecord;
use crate::summary::training_data::image_counts;
use crate::summary::{Summary, final_evaluation};
use crate::tables::target as target_table;
use crate::tables::validation::{
    PUBLISHED_HEADS, VALIDATION_HEADS, VALIDATION_NOTE, published_note, published_rows,
    validation_rows,
};
use crate::tables::{NONE, difference_rows, differences_legend, final_cells, legend};
use crate::text::numbers::{Precision, count, fixed, loss};

/// An experiment's report as one HTML file.
///
/// The bytes depend on the experiment alone. The page reads without color and without a script, on
/// a phone, in a dark color scheme and on paper. Where there is a grid, tables and figures go by
/// its values.
#[must_use]
pub fn render_html(experiment: &Experiment) -> String {
    render_html_with(experiment, &Extras::default())
}

/// The same with what is not read from the runs themselves.
#[must_use]
pub fn render_html_with(experiment: &Experiment, extras: &Extras) -> String {
    let summary = Summary::of(experiment);
    let precision = Precision::of(&summary);
    let families = Families::of(experiment, &summary);
    let about = about(experiment);
    let data = html! {
        (experiment.data.name) ", " (image_counts(experiment)) ", SHA-256 " (code(&experiment.data.sha256))
    };
    let page = Page {
        about: &about,
        kind: "experiment report",
        found: findings(experiment),
        sections: sections(experiment, &summary, precision, families.as_ref(), extras),
        made: vec![("Data", data)],
        made_details: html! {
            h3 { "What each method changes" }
            ul { (every_method(experiment, families.as_ref())) }
            @if families.is_none() { details { summary { "Every run" } (every_run(experiment)) } }
        },
        limits: limits(experiment),
        source: "the run records",
    };
    page.html()
}

/// The figures of an experiment's report as pictures of their own.
#[must_use]
pub fn pictures(experiment: &Experiment, extras: &Extras) -> Vec<Picture> {
    let summary = Summary::of(experiment);
    if summary.methods.iter().all(|method| method.runs() == 0) {
        return Vec::new();
    }
    let precision = Precision::of(&summary);
    let families = Families::of(experiment, &summary);
    let parts = parts(experiment, &summary, precision, families.as_ref(), extras);
    let pictures = parts
        .iter()
        .flat_map(|part| &part.figures)
        .map(Figure::picture);
    pictures
        .map(|picture| match picture.name.as_str() {
            "accuracy" => Picture {
                svg: figures::accuracy_figure(experiment),
                ..picture
            },
            "loss" => Picture {
                svg: figures::loss_figure(experiment),
                ..picture
            },
            _ => picture,
        })
        .collect()
}

pub(crate) fn about(experiment: &Experiment) -> About {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    let seeds: BTreeSet<u64> = runs.map(|run| run.header.seed).collect();
    About {
        name: experiment.name.clone(),
        question: experiment.question.clone(),
        command: experiment.command.clone(),
        backend: experiment.backend.clone(),
        device: experiment.device.clone(),
        versions: experiment.versions.clone(),
        data: Some(experiment.data.clone()),
        config_toml: experiment.config_toml.clone(),
        seconds: experiment.training_seconds,
        seeds: seeds.into_iter().collect(),
    }
}

/// A section of figures, of which the first is the main picture.
struct Part {
    id: &'static str,
    title: String,
    figures: Vec<Figure>,
}

impl Part {
    fn new(id: &'static str, title: &str, figures: impl IntoIterator<Item = Figure>) -> Self {
        Self {
            id,
            title: title.into(),
            figures: figures.into_iter().collect(),
        }
    }
}

fn parts(
    experiment: &Experiment,
    summary: &Summary,
    precision: Precision,
    families: Option<&Families<'_>>,
    extras: &Extras,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let looks = match families {
        Some(families) => {
            let title = format!("Final values by {}", families.grid.name);
            parts.push(Part::new(
                "grid",
                &title,
                [grid::final_values(experiment, families)],
            ));
            parts.push(Part::new(
                "grid-curves",
                "Training accuracy while training",
                grid::multiples(experiment, families),
            ));
            families.looks()
        }
        None => {
            let curves = |quantity| figures::learning_curves(experiment, summary, quantity);
            parts.push(Part::new(
                "accuracy",
                "Accuracy while training",
                [curves(Quantity::Accuracy)],
            ));
            parts.push(Part::new(
                "loss",
                "Loss while training",
                [curves(Quantity::Loss)],
            ));
            parts.push(Part::new(
                "batch-loss",
                "Loss of the batches",
                figures::batch_losses::batch_losses(experiment, summary),
            ));
            parts.push(Part::new(
                "gap",
                "Gap between training and test accuracy",
                figures::gap::gap(experiment, summary),
            ));
            let values = [figures::final_values(summary, precision)];
            let values = values.into_iter().chain(figures::boxes(summary, precision));
            parts.push(Part::new("final", "Final accuracy of every seed", values));
            parts.push(Part::new(
                "differences",
                "Differences to the baseline",
                figures::differences(summary, precision),
            ));
            parts.push(Part::new(
                "pretraining",
                "Pre-training",
                figures::pretraining::pretraining(experiment, summary),
            ));
            parts.push(Part::new(
                "activations",
                "What the hidden units do",
                figures::activations::activations(experiment, summary),
            ));
            let methods = experiment.methods.iter().enumerate();
            methods
                .map(|(index, method)| (method.name.clone(), Look::of(index, summary.baseline)))
                .collect()
        }
    };
    parts.push(Part::new(
        "targets",
        "How long it took to a target",
        profiles::targets(&extras.targets, &looks),
    ));
    parts.push(Part::new(
        "profile",
        "Performance profile",
        profiles::profile(&extras.profile, &looks),
    ));
    parts.retain(|part| !part.figures.is_empty());
    parts
}

/// The main picture, the table, then the rest.
fn sections(
    experiment: &Experiment,
    summary: &Summary,
    precision: Precision,
    families: Option<&Families<'_>>,
    extras: &Extras,
) -> Vec<Section> {
    let results = match families {
        Some(families) => grid_results(summary, families, precision),
        None => results(summary, precision),
    };
    let results = Section::new("results", "Results", results);
    if summary.methods.iter().all(|method| method.runs() == 0) {
        return vec![results];
    }
    let parts = parts(experiment, summary, precision, families, extras);
    let section = |part: &Part| Section::of_figures(part.id, &part.title, &part.figures);
    let mut sections: Vec<Section> = parts.iter().map(section).collect();
    let rows = validation_rows(experiment, precision);
    let mut tables = vec![results];
    if families.is_none() && !rows.is_empty() {
        tables.push(Section::new(
            "validation",
            "Test accuracy at the best validation accuracy",
            table(VALIDATION_NOTE, &VALIDATION_HEADS, &rows),
        ));
    }
    let rows = published_rows(experiment, summary, precision);
    if !rows.is_empty() {
        let rows = table(&published_note(experiment), &PUBLISHED_HEADS, &rows);
        // With a grid they are many, and the figure has them.
        let content = match families {
            Some(_) => html! { details { summary { "Figure by figure" } (rows) } },
            None => rows,
        };
        tables.push(Section::new(
            "published",
            "Published figures beside these",
            content,
        ));
    }
    let after_the_main_picture = sections.len().min(1);
    sections.splice(after_the_main_picture..after_the_main_picture, tables);
    sections
}

fn results(summary: &Summary, precision: Precision) -> Markup {
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
        .map(|method| final_cells(method, precision))
        .collect();
    let compared = difference_rows(summary, precision);
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
            @let heads = target_table::heads(target);
            @let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
            h3 { "What the target costs" }
            (table(&target_table::legend(target), &heads, &target_table::rows(summary, target)))
        }
    }
}

/// Tables with a row for each value of the grid and a column for each family.
fn grid_results(summary: &Summary, families: &Families<'_>, precision: Precision) -> Markup {
    let mut heads = vec![families.grid.name.as_str()];
    heads.extend(&families.names);
    let test = families.table(|cell| grid::accuracy_cell(cell, true, precision));
    let train = families.table(|cell| grid::accuracy_cell(cell, false, precision));
    let losses = families.table(grid::loss_cell);
    let mut note = legend(summary);
    if summary.has_diverged() {
        note.push_str(" × 2 after a number: so many of the runs diverged.");
    }
    html! {
        h3 { "Test accuracy, %" }
        (table("", &heads, &test))
        h3 { "Training accuracy, %" }
        (table("", &heads, &train))
        h3 { "Training loss, nats" }
        (table(&note, &heads, &losses))
    }
}

fn every_method(experiment: &Experiment, families: Option<&Families<'_>>) -> Markup {
    let Some(families) = families else {
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

fn changes(changes: &[String]) -> Markup {
    html! {
        @if changes.is_empty() { "nothing, it is the config as it stands" }
        @for (index, change) in changes.iter().enumerate() {
            @if index > 0 { ", " }
            (code(change))
        }
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
            let last = final_evaluation(run);
            let accuracy =
                |share: Option<f64>| share.map_or_else(none, |share| fixed(100.0 * share, 2));
            cells.push(accuracy(last.map(|last| last.train.accuracy)));
            cells.push(accuracy(last.map(|last| last.test.accuracy)));
            cells.push(last.map_or_else(none, |last| loss(last.train.loss)));
            cells.push(last.map_or_else(none, |last| loss(last.test.loss)));
            cells
        });
    table(
        "The last evaluation of each run; run is the start of its identifying hash.",
        &heads,
        &rows.collect::<Vec<_>>(),
    )
}

fn outcome(run: &RunRecord) -> String {
    match run.end.outcome {
        Outcome::Diverged { update } => format!("diverged at update {}", count(update)),
        Outcome::Finished if final_evaluation(run).is_none() => "not finite at the end".into(),
        Outcome::Finished => format!("finished, {} updates", count(run.end.updates)),
    }
}
