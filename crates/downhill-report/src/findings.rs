//! The answer in words. Every sentence follows from the numbers; none is written in advance.

use crate::effect::{Direction, effect, verdicts};
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
            .map(|method| match &method.versus_baseline {
                Some(comparison) => difference(&summary, method, comparison, precision),
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

/// A method that is not compared with the baseline, and why it is not.
fn ending_of_other(summary: &Summary, method: &MethodSummary, precision: Precision) -> String {
    let ending = ending(method, precision);
    match summary.baseline() {
        Some(baseline) if method.runs() > 0 => {
            let baseline_name = quoted(&baseline.name);
            if baseline.finished.is_empty() {
                format!("{ending} No run of {baseline_name} finished to compare it with.")
            } else {
                format!("{ending} It shares no seed with {baseline_name} to compare it by.")
            }
        }
        _ => ending,
    }
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
