//! What an experiment found, as one JSON object.

use serde::Serialize;

use crate::experiment::Experiment;
use crate::findings::findings;
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

/// What an experiment found, as one JSON object without line breaks: the path of its report, and of
/// each method means with 95 % intervals over all runs, in which a diverged run counts as an
/// accuracy of 0; then the findings in words.
#[must_use]
pub fn summary_json(experiment: &Experiment, report: &str) -> String {
    let summary = Summary::of(experiment);
    let object = Object {
        kind: "summary",
        experiment: &experiment.name,
        question: &experiment.question,
        command: &experiment.command,
        backend: &experiment.backend,
        report,
        runs: summary.methods.iter().map(MethodSummary::runs).sum(),
        diverged: (summary.methods.iter())
            .map(|method| method.diverged.len())
            .sum(),
        baseline: summary.baseline().map(|method| method.name.as_str()),
        methods: summary.methods.iter().map(method).collect(),
        findings: findings(experiment),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn means_intervals_and_differences_are_those_of_the_table() {
        let text = summary_json(&sample::decay(), "runs/reports/x.html");
        assert!(!text.contains('\n'));
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["report"], "runs/reports/x.html");
        assert_eq!(object["runs"], 8);
        assert_eq!(object["diverged"], 0);
        let decay = &object["methods"][1];
        assert_eq!(decay["method"], "weight-decay");
        let mean = decay["test_accuracy"]["mean"].as_f64().unwrap();
        assert!((mean - 0.72).abs() < 1e-12, "{mean}");
        let difference = &decay["test_accuracy_difference"];
        let mean = difference["mean"].as_f64().unwrap();
        assert!((mean + 0.04).abs() < 1e-12, "{mean}");
        assert_eq!(difference["n"], 4);
        assert!(object["methods"][0]["test_accuracy_difference"].is_null());
        assert!(!object["findings"].as_array().unwrap().is_empty());
    }
}
