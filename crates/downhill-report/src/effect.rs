//! What the methods do to the gap and to test accuracy, as far as the intervals tell.

use crate::number_text::{listed, quoted};
use crate::statistics::{PairedDifferences, ROUNDING};
use crate::summary::{Comparison, Summary};

/// What a difference's interval says about its sign.
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
        Some(if differences.difference.is_too_uniform() {
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

/// What a method does, compared with the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    /// `None` if the gap has no interval.
    pub(crate) gap: Option<Direction>,
    pub(crate) test: Direction,
}

/// `None` if test accuracy has no interval.
pub(crate) fn effect(comparison: &Comparison) -> Option<Effect> {
    Some(Effect {
        gap: comparison.gap.as_ref().and_then(Direction::of),
        test: Direction::of(&comparison.test_accuracy)?,
    })
}

/// The methods grouped by what they do, in one sentence.
pub(crate) fn verdicts(summary: &Summary) -> Option<String> {
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
    (!clauses.is_empty()).then_some(sentence)
}

/// What follows the names of methods with the same effect.
fn verdict(Effect { gap, test }: Effect, is_one: bool) -> String {
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
        Some(Direction::Down) => format!(
            "{} the gap between training and test accuracy",
            verb("narrows")
        ),
        Some(Direction::Up) => format!(
            "{} the gap between training and test accuracy",
            verb("widens")
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
