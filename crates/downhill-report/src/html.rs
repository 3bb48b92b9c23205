//! The report as one HTML file: no script, and nothing is fetched from anywhere.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::colors::style;
use crate::curves::Quantity;
use crate::experiment::{Experiment, Method};
use crate::figures;
use crate::findings::findings;
use crate::limits::limits;
use crate::number_text::{Precision, count, duration, fixed, loss};
use crate::record::Outcome;
use crate::record_lines::RunRecord;
use crate::summary::{Summary, final_evaluation};
use crate::table::{NONE, difference_rows, differences_legend, final_cells, legend};
use crate::target_table;
use crate::training_data::image_counts;

/// An experiment's report as one HTML file.
///
/// The bytes depend on the experiment alone. The page reads without color and without a script, on
/// a phone, in a dark color scheme and on paper.
#[must_use]
pub fn render_html(experiment: &Experiment) -> String {
    let summary = Summary::of(experiment);
    let precision = Precision::of(&summary);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (PreEscaped("<meta charset=\"utf-8\"/>"))
                (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                title { (experiment.name) " – experiment report" }
                style { (PreEscaped(style(true))) (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header {
                    h1 { (experiment.name) }
                    p class="question" { (experiment.question) }
                }
                main {
                    (found(&findings(experiment)))
                    (figure_sections(experiment, &summary, precision))
                    (result_section(&summary, precision))
                    (list("limits", "What these runs do not show", &limits(experiment)))
                    (provenance(experiment))
                }
                footer { p { "Made by downhill " (experiment.versions.downhill) " from the run records." } }
            }
        }
    };
    markup.into_string() + "\n"
}

fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section class=(id) aria-labelledby=(id) {
            h2 id=(id) { (title) }
            (content)
        }
    }
}

fn found(findings: &[String]) -> Markup {
    let content = html! {
        @if let Some((answer, details)) = findings.split_first() {
            p class="answer" { (answer) }
            @if !details.is_empty() { ul { @for detail in details { li { (detail) } } } }
        }
    };
    section("found", "What was found", &content)
}

fn list(id: &str, title: &str, sentences: &[String]) -> Markup {
    section(
        id,
        title,
        &html! { ul { @for sentence in sentences { li { (sentence) } } } },
    )
}

fn figure_sections(experiment: &Experiment, summary: &Summary, precision: Precision) -> Markup {
    if summary.methods.iter().all(|method| method.runs() == 0) {
        return html! {};
    }
    let curves = |quantity| figures::learning_curves(experiment, summary, quantity);
    let differences = figures::differences(summary, precision);
    html! {
        (section("accuracy", "Accuracy while training", &curves(Quantity::Accuracy)))
        (section("loss", "Loss while training", &curves(Quantity::Loss)))
        (section("final", "Final accuracy of every seed", &figures::final_values(summary, precision)))
        @if let Some(differences) = differences {
            (section("differences", "Differences to the baseline", &differences))
        }
    }
}

fn result_section(summary: &Summary, precision: Precision) -> Markup {
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
    let finals = summary
        .methods
        .iter()
        .map(|method| final_cells(method, precision));
    let compared = difference_rows(summary, precision);
    let content = html! {
        (table(&legend(summary), &heads, finals.collect()))
        @if let Some(baseline) = summary.baseline().filter(|_| !compared.is_empty()) {
            h3 { "Differences to “" (baseline.name) "”" }
            (table(
                &differences_legend(summary),
                &["method", "pairs", "test accuracy", "p", "r", "d_z", "gap", "p of the gap"],
                compared,
            ))
        }
        @if let Some(target) = &summary.target {
            @let heads = target_table::heads(target);
            @let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
            h3 { "What the target costs" }
            (table(&target_table::legend(target), &heads, target_table::rows(summary, target)))
        }
    };
    section("results", "Results", &content)
}

/// A table that scrolls inside its box; the first cell of a row names it.
fn table(caption: &str, heads: &[&str], rows: Vec<Vec<String>>) -> Markup {
    let caption_text = caption;
    html! {
        div class="scroll" role="region" aria-label=(format!("Table with the columns {}", heads.join(", ")))
            tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
        p class="note" { (caption_text) }
    }
}

fn provenance(experiment: &Experiment) -> Markup {
    let data = &experiment.data;
    let entries = [
        ("Command", code(&experiment.command)),
        (
            "Backend and device",
            html! { (experiment.backend) ", " (experiment.device) },
        ),
        (
            "Versions",
            html! { "downhill " (experiment.versions.downhill) ", Burn " (experiment.versions.burn) },
        ),
        (
            "Data",
            html! {
                (data.name) ", " (image_counts(experiment)) ", SHA-256 " (code(&data.sha256))
            },
        ),
        ("Seeds", html! { (seeds(experiment)) }),
    ];
    let content = html! {
        dl {
            @for (name, value) in entries { dt { (name) } dd { (value) } }
            @if let Some(seconds) = experiment.training_seconds {
                dt { "Training time, all runs together" } dd { (duration(seconds)) }
            }
        }
        h3 { "What each method changes" }
        ul {
            @for method in &experiment.methods {
                li { (method.name) ": " (changes(method)) }
            }
        }
        details open="open" { summary { "Resolved config" } pre tabindex="0" { (experiment.config_toml) } }
        details { summary { "Every run" } (every_run(experiment)) }
    };
    section("provenance", "How it was made", &content)
}

fn code(text: &str) -> Markup {
    html! { code { (text) } }
}

fn changes(method: &Method) -> Markup {
    html! {
        @if method.changes.is_empty() { "nothing, it is the config as it stands" }
        @for (index, change) in method.changes.iter().enumerate() {
            @if index > 0 { ", " }
            (code(change))
        }
    }
}

/// The seeds of all runs, with ranges: `0 to 7, 12`.
fn seeds(experiment: &Experiment) -> String {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    let seeds: BTreeSet<u64> = runs.map(|run| run.header.seed).collect();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for seed in seeds {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seed) => *last = seed,
            _ => ranges.push((seed, seed)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
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
        rows.collect(),
    )
}

fn outcome(run: &RunRecord) -> String {
    match run.end.outcome {
        Outcome::Diverged { update } => format!("diverged at update {}", count(update)),
        Outcome::Finished if final_evaluation(run).is_none() => "not finite at the end".into(),
        Outcome::Finished => format!("finished, {} updates", count(run.end.updates)),
    }
}
