//! The answer in words. Every sentence follows from the numbers; none is written in advance.

use crate::experiment::Experiment;
use crate::number_text::{Precision, count, counted, listed, quoted};
use crate::statistics::{PairedDifferences, Statistics};
use crate::summary::{Comparison, MethodSummary, Summary};

/// What the runs of an experiment show, one or more sentences per entry.
///
/// The first entry is the answer in short: where the baseline (or the only method) ends, and what
/// the other methods do to the gap between training and test accuracy and to test accuracy. Then
/// one entry for each method, then diverged runs and differing numbers of updates.
#[must_use]
pub fn findings(experiment: &Experiment) -> Vec<String> {
    let summary = Summary::of(experiment);
    let precision = Precision::of(&summary);
    if summary.methods.iter().all(|method| method.runs() == 0) {
        return vec!["There are no runs yet.".into()];
    }
    let mut found = answer(&summary, precision);
    found.extend(
        summary
            .others()
            .filter_map(|method| match &method.versus_baseline {
                Some(comparison) => Some(difference(&summary, method, comparison, precision)),
                None => ending_of_other(&summary, method, precision),
            }),
    );
    found.extend(
        summary
            .methods
            .iter()
            .filter_map(|method| diverged(method, precision)),
    );
    found.extend(memorised(experiment, &summary));
    found.extend(different_updates(&summary));
    found
}

/// What a difference's interval says about its sign.
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

/// Direction of the gap (unclear where there is none) and of test accuracy.
fn effect(comparison: &Comparison) -> Option<(Direction, Direction)> {
    let gap = comparison.gap.as_ref().and_then(Direction::of);
    let test = Direction::of(&comparison.test_accuracy)?;
    Some((gap.unwrap_or(Direction::Unclear), test))
}

fn answer(summary: &Summary, precision: Precision) -> Vec<String> {
    let mut entries = Vec::new();
    if let Some(verdicts) = verdicts(summary) {
        entries.push(verdicts);
    } else if summary.baseline().is_none() && summary.methods.len() > 1 {
        entries.extend(ranking(summary, precision));
    }
    if let Some(baseline) = summary.baseline() {
        entries.push(ending(baseline, precision));
    }
    entries
}

/// The methods grouped by what they do, in one sentence.
fn verdicts(summary: &Summary) -> Option<String> {
    let baseline = quoted(&summary.baseline()?.name);
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
        .map(|(effect, names)| format!("{} {}", listed(names), verdict(*effect, names.len() == 1)))
        .collect();
    let sentence = format!("Compared with {baseline}, {}.", clauses.join("; "));
    (!clauses.is_empty()).then_some(sentence)
}

/// What follows the names of methods with the same effect.
fn verdict((gap, test): (Direction, Direction), is_one: bool) -> String {
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
        Direction::Down => format!(
            "{} the gap between training and test accuracy",
            verb("narrows")
        ),
        Direction::Up => format!(
            "{} the gap between training and test accuracy",
            verb("widens")
        ),
        Direction::Unclear => String::new(),
    };
    let on_test = match test {
        Direction::Down => format!("{} test accuracy", verb("lowers")),
        Direction::Up => format!("{} test accuracy", verb("raises")),
        Direction::Unclear => String::new(),
    };
    match (gap, test) {
        (Direction::Unclear, Direction::Unclear) => {
            format!("{is} not distinguishable, neither in the gap nor in test accuracy")
        }
        (Direction::Unclear, _) => on_test,
        (_, Direction::Unclear) => {
            format!("{on_gap}, but {their} test accuracy is not distinguishable")
        }
        (Direction::Down, Direction::Down) => format!(
            "{on_gap} and {on_test} (at these settings and this budget {} not help)",
            if is_one { "it does" } else { "they do" }
        ),
        _ => format!("{on_gap} and {on_test}"),
    }
}

/// Highest and lowest mean where there is no baseline to compare with.
fn ranking(summary: &Summary, precision: Precision) -> Option<String> {
    let mean = |method: &MethodSummary| Some(method.test_accuracy?.mean);
    let mut ranked: Vec<(f64, &MethodSummary)> = summary
        .methods
        .iter()
        .filter_map(|method| Some((mean(method)?, method)))
        .collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (highest, lowest) = (ranked.first()?, ranked.last()?);
    Some(format!(
        "Mean test accuracy is highest for {} ({} %) and lowest for {} ({} %); no baseline is \
         named, so no difference is tested.",
        quoted(&highest.1.name),
        precision.percent(highest.0),
        quoted(&lowest.1.name),
        precision.percent(lowest.0),
    ))
}

fn ending_of_other(
    summary: &Summary,
    method: &MethodSummary,
    precision: Precision,
) -> Option<String> {
    let baseline = summary.baseline().filter(|_| method.runs() > 0);
    let why = baseline.map(|baseline| {
        format!(
            " It shares no seed with {}, so the two are not compared.",
            quoted(&baseline.name)
        )
    });
    (method.runs() > 0).then(|| ending(method, precision) + &why.unwrap_or_default())
}

/// Where a method ends.
fn ending(method: &MethodSummary, precision: Precision) -> String {
    let name = quoted(&method.name);
    let (Some(train), Some(test)) = (method.train_accuracy, method.test_accuracy) else {
        return format!("{name} has no runs.");
    };
    let Some(finished) = method.finished_only else {
        let all = counted(method.runs(), "run");
        return format!("{name} has no final value: all of its runs diverged ({all}).");
    };
    let gap = if method.diverged.is_empty() {
        format!(", a gap of {} points", precision.percent(finished.gap.mean))
    } else {
        String::new()
    };
    format!(
        "{name} ends at {} % training and {} % test accuracy ({}){gap}.",
        precision.percent(train.mean),
        precision.percent(test.mean),
        certainty(&test, |share| precision.percent(share)),
    )
}

/// The interval and the number of seeds, or that there is no interval.
fn certainty(statistics: &Statistics, text: impl Fn(f64) -> String) -> String {
    match statistics.interval {
        Some(interval) => format!(
            "95 % interval {} to {}, {}",
            text(interval.lower),
            text(interval.upper),
            counted(statistics.n, "seed")
        ),
        None => "one seed: no interval".into(),
    }
}

/// One method against the baseline.
fn difference(
    summary: &Summary,
    method: &MethodSummary,
    comparison: &Comparison,
    precision: Precision,
) -> String {
    let name = quoted(&method.name);
    let baseline = summary
        .baseline()
        .map_or_else(String::new, |baseline| quoted(&baseline.name));
    let test = &comparison.test_accuracy;
    if method.finished.is_empty() {
        let loss = precision.percent(-test.difference.mean);
        return format!(
            "All {} of {name} diverged: counted as 0 %, that is {loss} points of test accuracy \
             below {baseline}.",
            counted(method.runs(), "run"),
        );
    }
    let paired_gaps = comparison.gap.as_ref().map_or(0, |gap| gap.difference.n);
    let over = if paired_gaps == test.difference.n {
        String::new()
    } else {
        format!(
            " (over the {} that finished in both)",
            counted(paired_gaps, "seed")
        )
    };
    let gap = comparison
        .gap
        .as_ref()
        .map(|gap| gap_clause(gap, precision) + &over);
    let (joint, test_clause) = test_clause(test, &baseline, precision);
    let mut text = match gap {
        Some(gap) => format!("{name} {gap}{joint}{test_clause}."),
        None if Direction::of(test).unwrap_or(Direction::Unclear) == Direction::Unclear => {
            format!("Of {name}, {test_clause}.")
        }
        None => format!("{name} {test_clause}."),
    };
    match effect(comparison) {
        None => text.push_str(" One seed has no interval and says nothing beyond itself."),
        Some((Direction::Down, Direction::Down)) if test.difference.n == paired_gaps => {
            text.push_str(
                " The narrower gap is no gain: training accuracy falls by more than test accuracy \
                 does.",
            );
        }
        _ => {}
    }
    text
}

fn gap_clause(gap: &PairedDifferences, precision: Precision) -> String {
    let before = precision.percent(gap.baseline_mean);
    let after = precision.percent(gap.method_mean);
    let evidence = certainty(&gap.difference, |points| precision.signed_points(points));
    let change = precision.signed_points(gap.difference.mean);
    match Direction::of(gap) {
        None => format!("ends with a gap of {after} instead of {before} points"),
        Some(Direction::Unclear) => format!(
            "leaves the gap between training and test accuracy not distinguishable \
             ({after} against {before} points; difference {change}, {evidence})"
        ),
        Some(direction) => {
            let verb = if direction == Direction::Down {
                "narrows"
            } else {
                "widens"
            };
            format!(
                "{verb} the gap between training and test accuracy from {before} to {after} points"
            )
        }
    }
}

/// The clause on test accuracy and what joins it to the clause before.
fn test_clause(
    test: &PairedDifferences,
    baseline: &str,
    precision: Precision,
) -> (&'static str, String) {
    let before = precision.percent(test.baseline_mean);
    let after = precision.percent(test.method_mean);
    match Direction::of(test) {
        None => (
            " and ",
            format!("has {after} instead of {before} % test accuracy"),
        ),
        Some(Direction::Unclear) => {
            let evidence = certainty(&test.difference, |points| precision.signed_points(points));
            let change = precision.signed_points(test.difference.mean);
            let clause = format!(
                "test accuracy is not distinguishable from that of {baseline} ({after} against \
                 {before} %; difference {change} points, {evidence})"
            );
            ("; its ", clause)
        }
        Some(direction) => {
            let sign = if direction == Direction::Down {
                -1.0
            } else {
                1.0
            };
            let verb = if direction == Direction::Down {
                "lowers"
            } else {
                "raises"
            };
            let mut difference = test.difference;
            difference.mean *= sign;
            if let Some(interval) = &mut difference.interval
                && direction == Direction::Down
            {
                (interval.lower, interval.upper) = (-interval.upper, -interval.lower);
            }
            let by = precision.percent(difference.mean);
            let evidence = certainty(&difference, |points| precision.percent(points));
            let clause = format!(
                "{verb} test accuracy by {by} points, from {before} to {after} % ({evidence})"
            );
            (", and ", clause)
        }
    }
}

/// Which runs of a method diverged, and how they are counted.
fn diverged(method: &MethodSummary, precision: Precision) -> Option<String> {
    const SHOWN: usize = 6;
    let number = method.diverged.len();
    let mut at: Vec<String> = method
        .diverged
        .iter()
        .take(SHOWN)
        .map(|(seed, update)| format!("seed {seed} at update {}", count(*update)))
        .collect();
    if number > SHOWN {
        at.push(format!("{} more", count(number - SHOWN)));
    }
    let rest = method.finished_only.map(|finished| {
        let test = finished.test_accuracy;
        format!(
            " Without them, over the {} that finished, mean test accuracy is {} %.",
            counted(test.n, "run"),
            precision.percent(test.mean)
        )
    });
    (number > 0).then(|| {
        format!(
            "Of {}, {number} of {} diverged ({}) and count as 0 % accuracy.{}",
            quoted(&method.name),
            counted(method.runs(), "run"),
            listed(&at),
            rest.unwrap_or_default()
        )
    })
}

/// Which methods end with every training image classified correctly in every run.
fn memorised(experiment: &Experiment, summary: &Summary) -> Option<String> {
    let perfect = |method: &&MethodSummary| {
        let mut finals = method.finished.values();
        method.diverged.is_empty()
            && !method.finished.is_empty()
            && finals.all(|last| last.train.accuracy >= 1.0)
    };
    let methods = summary.methods.iter().filter(perfect);
    let names: Vec<String> = methods.map(|method| quoted(&method.name)).collect();
    let verb = if names.len() == 1 {
        "classifies"
    } else {
        "classify"
    };
    (!names.is_empty()).then(|| {
        format!(
            "{} {verb} all {} training images correctly in every run.",
            listed(&names),
            count(experiment.data.train_images)
        )
    })
}

/// Which methods made how many updates, if they differ.
fn different_updates(summary: &Summary) -> Option<String> {
    let mut groups: Vec<(u64, Vec<String>)> = Vec::new();
    for method in &summary.methods {
        for updates in &method.updates {
            match groups.iter_mut().find(|(known, _)| known == updates) {
                Some((_, names)) => names.push(quoted(&method.name)),
                None => groups.push((*updates, vec![quoted(&method.name)])),
            }
        }
    }
    let named: Vec<String> = groups
        .iter()
        .map(|(updates, names)| format!("{} for {}", count(*updates), listed(names)))
        .collect();
    (named.len() > 1).then(|| {
        format!(
            "The methods did not make the same number of updates ({}), so their final values \
             differ by that, too.",
            named.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Method;
    use crate::record::Outcome;
    use crate::sample::{self, decay, experiment, method, run};

    fn diverged_method(name: &str, seeds: u64) -> Method {
        let outcome = || Outcome::Diverged { update: 20 };
        let runs = (0..seeds).map(|seed| run(name, seed, &[(1, 0.1, 0.1)], outcome()));
        let runs = runs.collect();
        Method {
            runs,
            ..method(name, 601, &[])
        }
    }

    #[test]
    fn a_narrower_gap_with_lower_test_accuracy_is_called_no_help() {
        let found = findings(&decay());
        assert_eq!(
            found,
            [
                "Compared with “none”, “weight-decay” narrows the gap between training and test \
                 accuracy and lowers test accuracy (at these settings and this budget it does not \
                 help).",
                "“none” ends at 100.0 % training and 76.0 % test accuracy (95 % interval 74.7 to \
                 77.3, 4 seeds), a gap of 24.0 points.",
                "“weight-decay” narrows the gap between training and test accuracy from 24.0 to \
                 17.8 points, and lowers test accuracy by 4.0 points, from 76.0 to 72.0 % (95 % \
                 interval 2.7 to 5.3, 4 seeds). The narrower gap is no gain: training accuracy \
                 falls by more than test accuracy does.",
                "“none” classifies all 300 training images correctly in every run.",
            ]
        );
    }

    #[test]
    fn an_interval_with_zero_is_not_distinguishable() {
        let none = [(0.9, 0.76), (0.9, 0.75), (0.9, 0.77)];
        let same = [(0.9, 0.75), (0.9, 0.76), (0.9, 0.77)];
        let found = findings(&experiment(
            Some("none"),
            vec![method("none", 601, &none), method("other", 601, &same)],
        ));
        assert_eq!(
            found[0],
            "Compared with “none”, “other” is not distinguishable, neither in the gap nor in test \
             accuracy."
        );
        assert!(found[2].contains(
            "; its test accuracy is not distinguishable from that of “none” (76.0 against 76.0 %; \
             difference 0.0 points, 95 % interval −2.5 to +2.5, 3 seeds)."
        ));
    }

    #[test]
    fn higher_test_accuracy_is_said_as_plainly() {
        let none = [(0.9, 0.70), (0.9, 0.71), (0.9, 0.72)];
        let better = [(0.9, 0.80), (0.9, 0.81), (0.9, 0.82)];
        let methods = vec![method("none", 601, &none), method("other", 601, &better)];
        let found = findings(&experiment(Some("none"), methods));
        assert_eq!(
            found[0],
            "Compared with “none”, “other” narrows the gap between training and test accuracy and \
             raises test accuracy."
        );
        assert!(found[2].contains("and raises test accuracy by 10.0 points"));
        assert!(!found.join(" ").contains("no gain"));
    }

    #[test]
    fn different_numbers_of_updates_are_named() {
        let finals = [(0.9, 0.70), (0.9, 0.71)];
        let methods = vec![method("a", 601, &finals), method("b", 1201, &finals)];
        assert_eq!(
            findings(&experiment(Some("a"), methods)).last().unwrap(),
            "The methods did not make the same number of updates (601 for “a”; 1,201 for “b”), so \
             their final values differ by that, too."
        );
    }

    #[test]
    fn diverged_runs_count_as_worst_and_are_named() {
        let mut experiment = decay();
        let outcome = Outcome::Diverged { update: 1_234 };
        experiment.methods[1].runs[2] = run("weight-decay", 2, &[(1, 0.1, 0.1)], outcome);
        let found = findings(&experiment).join("\n");
        assert!(
            found.contains(
                "Of “weight-decay”, 1 of 4 runs diverged (seed 2 at update 1,234) and count as 0 % \
                 accuracy. Without them, over the 3 runs that finished, mean test accuracy is 71.7 %."
            ),
            "{found}"
        );
        assert!(
            found.contains("(over the 3 seeds that finished in both)"),
            "{found}"
        );
        assert!(found.contains("difference −22.3 points"), "{found}");
    }

    #[test]
    fn a_method_of_which_every_run_diverged_is_not_hidden() {
        let none = [(1.0, 0.76), (1.0, 0.75)];
        let methods = vec![method("none", 601, &none), diverged_method("wild", 2)];
        let found = findings(&experiment(Some("none"), methods)).join("\n");
        assert!(
            found.contains(
                "All 2 runs of “wild” diverged: counted as 0 %, that is 75.5 points of test \
                 accuracy below “none”."
            ),
            "{found}"
        );
    }

    #[test]
    fn everything_diverged_is_said_without_a_comparison_of_zeros() {
        let methods = vec![diverged_method("calm", 3), diverged_method("wild", 3)];
        let found = findings(&experiment(Some("calm"), methods)).join("\n");
        assert!(found.contains("“calm” has no final value: all of its runs diverged (3 runs)."));
        assert!(!found.contains("distinguishable"), "{found}");
        assert!(!found.contains("below"), "{found}");
        let one = findings(&experiment(None, vec![diverged_method("wild", 1)]));
        assert_eq!(
            one[0],
            "“wild” has no final value: all of its runs diverged (1 run)."
        );
    }

    #[test]
    fn one_seed_has_no_interval() {
        let mut experiment = decay();
        experiment
            .methods
            .iter_mut()
            .for_each(|method| method.runs.truncate(1));
        let found = findings(&experiment);
        assert_eq!(
            found[0],
            "“none” ends at 100.00 % training and 76.00 % test accuracy (one seed: no interval), a \
             gap of 24.00 points."
        );
        assert_eq!(
            found[1],
            "“weight-decay” ends with a gap of 18.00 instead of 24.00 points and has 72.00 instead \
             of 76.00 % test accuracy. One seed has no interval and says nothing beyond itself."
        );
    }

    #[test]
    fn one_method_or_no_baseline_is_reported_without_differences() {
        let mut experiment = decay();
        experiment.baseline = None;
        let found = findings(&experiment);
        assert_eq!(
            found[0],
            "Mean test accuracy is highest for “none” (76.0 %) and lowest for “weight-decay” \
             (72.0 %); no baseline is named, so no difference is tested."
        );
        assert!(
            found[2].starts_with("“weight-decay” ends at 89.8 % training"),
            "{found:?}"
        );
        experiment.methods.truncate(1);
        assert!(findings(&experiment)[0].starts_with("“none” ends at 100.0 % training"));
        experiment.methods[0].runs.clear();
        assert_eq!(findings(&experiment), ["There are no runs yet."]);
        experiment.methods.clear();
        assert_eq!(findings(&experiment), ["There are no runs yet."]);
    }

    #[test]
    fn methods_without_a_shared_seed_are_not_compared() {
        let mut experiment = sample::decay();
        for run in &mut experiment.methods[1].runs {
            run.header.seed += 100;
        }
        let found = findings(&experiment).join("\n");
        assert!(found.contains("It shares no seed with “none”, so the two are not compared."));
    }
}
