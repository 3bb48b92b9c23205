//! The answer in words. Every sentence follows from the numbers; none is written in advance.

use crate::limits::limits_of;
use crate::number_text::{Precision, count, counted, listed};
use crate::record_lines::RunRecord;
use crate::statistics::{Interval, PairedDifferences};
use crate::summary::{Comparison, Experiment, Finals, MethodSummary, Summary};

/// What an experiment showed, in whole sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The answer, in one to three sentences.
    pub answer: String,
    /// One or more sentences for each method.
    pub details: Vec<String>,
    /// What these runs do not show.
    pub limits: Vec<String>,
}

/// Puts a summary of the experiment into words.
#[must_use]
pub fn findings(experiment: &Experiment, summary: &Summary) -> Findings {
    let precision = Precision::of(summary);
    let mut details = compared(summary, precision);
    details.extend(memorised(experiment, summary));
    details.extend(summary.methods.iter().filter_map(losses_of_runs));
    Findings {
        answer: answer(summary, precision),
        details,
        limits: limits_of(experiment, summary),
    }
}

/// A method's name in a sentence.
pub(crate) fn quoted(name: &str) -> String {
    format!("“{name}”")
}

/// Whether an interval for a difference lies below zero, above it, or tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
    Unclear,
}

impl Direction {
    /// `None` without an interval.
    fn of(differences: &PairedDifferences) -> Option<Self> {
        let interval = differences.difference.interval?;
        Some(if interval.contains(0.0) {
            Self::Unclear
        } else if interval.upper < 0.0 {
            Self::Down
        } else {
            Self::Up
        })
    }
}

/// The direction of the gap and that of test accuracy.
fn effect(comparison: &Comparison) -> Option<(Direction, Direction)> {
    let gap = Direction::of(&comparison.gap)?;
    Some((gap, Direction::of(&comparison.test_accuracy)?))
}

fn answer(summary: &Summary, precision: Precision) -> String {
    let baseline = summary.baseline();
    let mut sentences = vec![match &baseline.finals {
        Some(finals) => ends_at(baseline, finals, precision),
        None => format!(
            "No run of {} finished, so there is nothing to compare with.",
            quoted(&baseline.name)
        ),
    }];

    let mut groups: Vec<((Direction, Direction), Vec<String>)> = Vec::new();
    for method in summary.others() {
        if let Some(effect) = method.versus_baseline.as_ref().and_then(effect) {
            match groups.iter_mut().find(|(known, _)| *known == effect) {
                Some((_, names)) => names.push(quoted(&method.name)),
                None => groups.push((effect, vec![quoted(&method.name)])),
            }
        }
    }
    let clauses: Vec<String> = groups
        .iter()
        .map(|(effect, names)| format!("{} {}", listed(names), verdict(*effect, names.len())))
        .collect();
    if !clauses.is_empty() {
        sentences.push(format!("Compared with it, {}.", clauses.join("; ")));
    }
    if is_single_run(summary) {
        sentences.push("One run has no interval and shows nothing beyond itself.".into());
    }
    sentences.join(" ")
}

fn ends_at(method: &MethodSummary, finals: &Finals, precision: Precision) -> String {
    let certainty = match finals.test_accuracy.interval {
        Some(interval) => format!(
            "95 % interval {}, n = {}",
            ends(interval, |share| precision.percent(share)),
            finals.test_accuracy.n
        ),
        None => "one run".into(),
    };
    format!(
        "{} ends at {} % training and {} % test accuracy ({certainty}), a gap of {} points.",
        quoted(&method.name),
        precision.percent(finals.train_accuracy.mean),
        precision.percent(finals.test_accuracy.mean),
        precision.percent(finals.gap.mean),
    )
}

fn is_single_run(summary: &Summary) -> bool {
    let finals = summary.methods.iter().filter_map(|method| method.finals);
    finals.map(|finals| finals.gap.n).max() == Some(1)
}

/// What follows the names of methods with the same effect.
fn verdict((gap, test): (Direction, Direction), methods: usize) -> String {
    let verb = |singular: &str| match methods {
        1 => singular.to_owned(),
        _ => singular.trim_end_matches('s').to_owned(),
    };
    let gap_part = match gap {
        Direction::Down => format!("{} the gap", verb("narrows")),
        Direction::Up => format!("{} the gap", verb("widens")),
        Direction::Unclear => format!("{} the gap no differently", verb("leaves")),
    };
    let test_part = match test {
        Direction::Down => format!("{} test accuracy", verb("lowers")),
        Direction::Up => format!("{} test accuracy", verb("raises")),
        Direction::Unclear => "no difference in test accuracy that these runs can show".into(),
    };
    match (gap, test) {
        (Direction::Unclear, Direction::Unclear) => format!(
            "{} no difference that these runs can show, neither in the gap nor in test accuracy",
            verb("makes")
        ),
        (Direction::Unclear, _) => {
            format!("{test_part}, with no difference in the gap that these runs can show")
        }
        (_, Direction::Unclear) => format!("{gap_part}, with {test_part}"),
        (Direction::Down, Direction::Down) => {
            let (pronoun, at) = if methods == 1 { ("it", "") } else { ("they", "") };
            format!(
                "{gap_part} but {test_part}{at}, so at these settings {pronoun} did not generalise \
                 better"
            )
        }
        _ => format!("{gap_part} and {test_part}"),
    }
}

fn compared(summary: &Summary, precision: Precision) -> Vec<String> {
    let baseline = quoted(&summary.baseline().name);
    let sentence = |method: &MethodSummary| match (&method.versus_baseline, &method.finals) {
        (Some(comparison), _) => difference(method, comparison, precision),
        (None, None) => format!("No run of {} finished: it has no final value.", quoted(&method.name)),
        (None, Some(finals)) => format!(
            "{} It shares no finished seed with {baseline}, so the two are not compared.",
            ends_at(method, finals, precision)
        ),
    };
    summary.others().map(sentence).collect()
}

fn difference(method: &MethodSummary, comparison: &Comparison, precision: Precision) -> String {
    let name = quoted(&method.name);
    let Comparison { test_accuracy, gap } = comparison;
    let before_and_after = |pairs: &PairedDifferences| {
        let before = precision.percent(pairs.baseline_mean);
        (before, precision.percent(pairs.method_mean))
    };
    let ((gap_before, gap_after), (test_before, test_after)) =
        (before_and_after(gap), before_and_after(test_accuracy));
    let Some((gap_effect, test_effect)) = effect(comparison) else {
        let seed = gap.by_seed.first().map_or(0, |(seed, _)| *seed);
        return format!(
            "With seed {seed}, {name} ends with a gap of {gap_after} instead of {gap_before} points \
             and with {test_after} instead of {test_before} % test accuracy; one run has no \
             interval and shows nothing beyond itself."
        );
    };

    let n = test_accuracy.difference.n;
    let gap_evidence = evidence(gap, precision);
    let test_evidence = evidence(test_accuracy, precision);
    let gap_clause = match gap_effect {
        Direction::Unclear => format!(
            "makes no difference to the gap between training and test accuracy that these {n} runs \
             can show ({gap_evidence})"
        ),
        Direction::Down | Direction::Up => {
            let verb = if gap_effect == Direction::Down { "narrows" } else { "widens" };
            format!(
                "{verb} the gap between training and test accuracy from {gap_before} to \
                 {gap_after} points ({gap_evidence})"
            )
        }
    };
    let test_clause = match test_effect {
        Direction::Unclear => format!(
            "no difference in test accuracy shows: {test_after} % against {test_before} % \
             ({test_evidence}), which is no difference that these {n} runs can show"
        ),
        Direction::Down | Direction::Up => {
            let verb = if test_effect == Direction::Down { "lowers" } else { "raises" };
            format!(
                "{verb} test accuracy from {test_before} to {test_after} % ({test_evidence})"
            )
        }
    };
    let moral = match (gap_effect, test_effect) {
        (Direction::Down, Direction::Down) => {
            " At these settings it narrows the gap and lowers test accuracy, so it did not \
             generalise better."
        }
        _ => "",
    };
    format!("{name} {gap_clause} and {test_clause}.{moral}")
}

fn evidence(pairs: &PairedDifferences, precision: Precision) -> String {
    let mean = precision.signed_points(pairs.difference.mean);
    let n = pairs.difference.n;
    match pairs.difference.interval {
        Some(interval) => {
            let interval = ends(interval, |points| precision.signed_points(points));
            format!("paired difference {mean} points, 95 % interval {interval}, n = {n}")
        }
        None => format!("difference {mean} points, n = {n}"),
    }
}

fn ends(interval: Interval, text: impl Fn(f64) -> String) -> String {
    format!("{} to {}", text(interval.lower), text(interval.upper))
}

/// Which methods end with every training image classified correctly.
fn memorised(experiment: &Experiment, summary: &Summary) -> Vec<String> {
    let methods = experiment.methods.iter().zip(&summary.methods);
    let sentences = methods.filter_map(|(method, summary)| {
        let finished = summary.finished.len();
        let perfect = summary.finished.values();
        let perfect = perfect.filter(|last| last.train.accuracy >= 1.0).count();
        let runs = match perfect {
            0 => return None,
            1 if finished == 1 => "its one run".into(),
            all if all == finished => format!("all {finished} runs"),
            some => format!("{some} of {finished} runs"),
        };
        let images = |run: &RunRecord| format!("{} ", count(run.header.data.train_images));
        Some(format!(
            "{} reaches 100 % training accuracy in {runs}: it memorised its {}training images.",
            quoted(&method.name),
            method.runs.first().map(images).unwrap_or_default(),
        ))
    });
    sentences.collect()
}

/// The runs of a method that have no final value, and why.
fn losses_of_runs(method: &MethodSummary) -> Option<String> {
    let name = quoted(&method.name);
    let runs = method.runs();
    let mut clauses = Vec::new();
    if !method.diverged.is_empty() {
        let at: Vec<String> = method
            .diverged
            .iter()
            .map(|(seed, update)| format!("seed {seed} at update {}", count(*update)))
            .collect();
        let number = method.diverged.len();
        clauses.push(format!("{number} of {runs} diverged ({})", listed(&at)));
    }
    if !method.unfinished.is_empty() {
        let seeds: Vec<String> = method.unfinished.iter().map(u64::to_string).collect();
        let number = method.unfinished.len();
        clauses.push(format!("{number} of {runs} did not finish (seed {})", listed(&seeds)));
    }
    if clauses.is_empty() {
        return None;
    }
    let finished = counted(method.finished.len(), "run");
    Some(format!(
        "Of the runs of {name}, {}; the figures for it are over the {finished} that finished.",
        clauses.join(" and "),
    ))
}
