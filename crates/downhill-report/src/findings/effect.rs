//! What the methods do to the gap and to test accuracy, as far as intervals and tests tell.
//!
//! A difference counts if its interval excludes zero and the corrected p of its test is at most the
//! level of significance. If there are too few pairs to reach such a p, the interval alone decides,
//! and the text says so.

use crate::statistics::{PairedDifferences, ROUNDING, SIGNIFICANCE_LEVEL};
use crate::summary::{Comparison, Summary};
use crate::text::numbers::{listed, quoted, range};

/// What a difference's interval and test say about its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
    Unclear,
}

impl Direction {
    /// `None` without an interval.
    pub(crate) fn of(differences: &PairedDifferences) -> Option<Self> {
        let interval = differences.difference.interval?;
        let significance = differences.significance;
        let is_denied = significance.is_reachable() && !significance.is_significant();
        Some(if is_denied || differences.difference.is_too_uniform() {
            Self::Unclear
        } else if interval.upper < -ROUNDING {
            Self::Down
        } else if interval.lower > ROUNDING {
            Self::Up
        } else {
            Self::Unclear
        })
    }
}

/// A note if only the interval or only the test finds a difference.
pub(crate) fn only_witness(differences: &PairedDifferences) -> Option<&'static str> {
    let interval = differences.difference.interval?;
    let significance = differences.significance;
    let leaves_zero_out = interval.upper < -ROUNDING || interval.lower > ROUNDING;
    match (leaves_zero_out, significance.is_significant()) {
        _ if !significance.is_reachable() => None,
        (true, false) => Some("only the interval shows a difference"),
        (false, true) => Some("only the test shows a difference"),
        (true, true) | (false, false) => None,
    }
}

/// What a method does, compared with the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    /// `None` if the gap has no interval.
    pub(crate) gap: Option<Direction>,
    /// Whether it is above zero, before and after.
    pub(crate) is_gap_positive: bool,
    pub(crate) test: Direction,
}

fn is_positive(gap: &PairedDifferences) -> bool {
    gap.baseline_mean >= 0.0 && gap.method_mean >= 0.0
}

/// The verb for a gap that falls or rises. Below zero, where test accuracy is higher than training
/// accuracy, a lower gap is not a narrower one.
fn verb_of(is_down: bool, is_positive: bool) -> &'static str {
    match (is_down, is_positive) {
        (true, true) => "narrows",
        (true, false) => "lowers",
        (false, true) => "widens",
        (false, false) => "raises",
    }
}

/// The same of these differences.
pub(crate) fn gap_verb(gap: &PairedDifferences, direction: Direction) -> &'static str {
    verb_of(direction == Direction::Down, is_positive(gap))
}

/// `None` if test accuracy has no interval.
pub(crate) fn effect(comparison: &Comparison) -> Option<Effect> {
    Some(Effect {
        gap: comparison.gap.as_ref().and_then(Direction::of),
        is_gap_positive: comparison.gap.as_ref().is_none_or(is_positive),
        test: Direction::of(&comparison.test_accuracy)?,
    })
}

/// The methods grouped by what they do, in one sentence.
pub(crate) fn verdicts(summary: &Summary<'_>) -> Option<String> {
    let baseline = quoted(&summary.baseline()?.name);
    let mut groups: Vec<(Effect, Vec<String>)> = Vec::new();
    let mut lost = Vec::new();
    for method in summary.others() {
        if method.versus_baseline.is_some() && method.finished.is_empty() {
            lost.push(quoted(&method.name));
        } else if let Some(effect) = method.versus_baseline.as_ref().and_then(effect) {
            match groups.iter_mut().find(|(known, _)| *known == effect) {
                Some((_, names)) => names.push(quoted(&method.name)),
                None => groups.push((effect, vec![quoted(&method.name)])),
            }
        }
    }
    let mut clauses: Vec<String> = groups
        .iter()
        .map(|(effect, names)| format!("{} {}", listed(names), verdict(*effect, names.len() == 1)))
        .collect();
    if !lost.is_empty() {
        clauses.push(format!("every run of {} diverges", listed(&lost)));
    }
    let sentence = format!("Compared with {baseline}, {}.", clauses.join("; "));
    let untested = untested(summary).map_or_else(String::new, |untested| format!(" {untested}"));
    (!clauses.is_empty()).then_some(sentence + &untested)
}

/// A note that there are too few seeds for a test, naming the methods if it is not all of them.
fn untested(summary: &Summary<'_>) -> Option<String> {
    let several = summary.others().filter_map(|method| {
        let differences = &method.versus_baseline.as_ref()?.test_accuracy;
        let is_told = differences.difference.n > 1 && !method.finished.is_empty();
        is_told.then_some((quoted(&method.name), differences))
    });
    let (tested, untested): (Vec<_>, Vec<_>) =
        several.partition(|(_, differences)| differences.significance.is_reachable());
    let seeds = untested
        .iter()
        .map(|(_, differences)| differences.difference.n);
    let tests = untested.first()?.1.significance.tests;
    let names: Vec<String> = untested.iter().map(|(name, _)| name.clone()).collect();
    let correction = if tests > 1 {
        format!(", corrected for {tests} comparisons,")
    } else {
        String::new()
    };
    let of = if tested.is_empty() {
        String::new()
    } else {
        format!(" for {}", listed(&names))
    };
    let mut intervals = untested.iter();
    let has_interval = intervals.any(|(_, pairs)| pairs.difference.shown_interval().is_some());
    let instead = if has_interval {
        ", so this relies on the intervals alone"
    } else {
        ""
    };
    Some(format!(
        "With {} seeds Wilcoxon's signed-rank test{correction} cannot reach p = \
         {SIGNIFICANCE_LEVEL}{of}{instead}.",
        range(&seeds.collect())?
    ))
}

/// What follows the names of methods with the same effect.
fn verdict(effect: Effect, is_one: bool) -> String {
    let Effect {
        gap,
        is_gap_positive,
        test,
    } = effect;
    let verb = |singular: &'static str| {
        if is_one {
            singular
        } else {
            &singular[..singular.len() - 1]
        }
    };
    let (is, their) = if is_one {
        ("is", "its")
    } else {
        ("are", "their")
    };
    let on_gap = match gap {
        Some(direction @ (Direction::Down | Direction::Up)) => format!(
            "{} the gap between training and test accuracy",
            verb(verb_of(direction == Direction::Down, is_gap_positive))
        ),
        Some(Direction::Unclear) | None => String::new(),
    };
    let on_test = match test {
        Direction::Down => format!("{} test accuracy", verb("lowers")),
        Direction::Up => format!("{} test accuracy", verb("raises")),
        Direction::Unclear => String::new(),
    };
    match (gap, test) {
        (Some(Direction::Unclear), Direction::Unclear) => {
            format!("{is} not distinguishable, neither in the gap nor in test accuracy")
        }
        (None, Direction::Unclear) => format!("{is} not distinguishable in test accuracy"),
        (Some(Direction::Unclear) | None, _) => on_test,
        (_, Direction::Unclear) => {
            format!("{on_gap}, but {their} test accuracy is not distinguishable")
        }
        (Some(Direction::Down), Direction::Down) => format!(
            "{on_gap} and {on_test} (at these settings and this budget {} not help)",
            if is_one { "it does" } else { "they do" }
        ),
        _ => format!("{on_gap} and {on_test}"),
    }
}
