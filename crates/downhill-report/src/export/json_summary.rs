//! What an experiment found, as one JSON object.

use serde::Serialize;

use crate::statistics::Statistics;
use crate::summary::{MethodSummary, Summary};

#[derive(Serialize)]
struct Object<'a> {
    kind: &'static str,
    experiment: &'a str,
    question: &'a str,
    command: &'a str,
    backend: &'a str,
    report: &'a str,
    runs: usize,
    diverged: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a str>,
    methods: Vec<MethodObject<'a>>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct MethodObject<'a> {
    method: &'a str,
    runs: usize,
    diverged: usize,
    train_accuracy: Option<Numbers>,
    test_accuracy: Option<Numbers>,
    /// Over the runs that finished.
    test_loss: Option<Numbers>,
    /// Method minus baseline, paired by seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy_difference: Option<Numbers>,
}

#[derive(Serialize)]
struct Numbers {
    n: usize,
    mean: f64,
    /// Both ends of the 95 % interval; `null` with a single value.
    interval: Option<[f64; 2]>,
}

/// What an experiment found, as one JSON object without line breaks; see [`crate::Report::json`].
pub(crate) fn summary_json(summary: &Summary<'_>, findings: Vec<String>, page: &str) -> String {
    let experiment = summary.experiment;
    let object = Object {
        kind: "summary",
        experiment: &experiment.name,
        question: &experiment.question,
        command: &experiment.command,
        backend: &experiment.backend,
        report: page,
        runs: summary.methods.iter().map(MethodSummary::runs).sum(),
        diverged: (summary.methods.iter())
            .map(|method| method.diverged.len())
            .sum(),
        baseline: summary.baseline().map(|method| method.name.as_str()),
        methods: summary.methods.iter().map(method).collect(),
        findings,
    };
    serde_json::to_string(&object).expect("a summary has string keys only")
}

fn method(method: &MethodSummary) -> MethodObject<'_> {
    let finished = method.finished_only.as_ref();
    let comparison = method.versus_baseline.as_ref();
    MethodObject {
        method: &method.name,
        runs: method.runs(),
        diverged: method.diverged.len(),
        train_accuracy: method.train_accuracy.as_ref().map(numbers),
        test_accuracy: method.test_accuracy.as_ref().map(numbers),
        test_loss: finished.map(|finished| numbers(&finished.test_loss)),
        test_accuracy_difference: comparison
            .map(|comparison| numbers(&comparison.test_accuracy.difference)),
    }
}

fn numbers(statistics: &Statistics) -> Numbers {
    Numbers {
        n: statistics.n,
        mean: statistics.mean,
        interval: (statistics.interval).map(|interval| [interval.lower, interval.upper]),
    }
}
