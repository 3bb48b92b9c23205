//! The answer in words. Every sentence follows from the numbers; none is written in advance.

mod averages;
mod budget;
mod effect;
mod grid;
pub(crate) mod limits;
mod target;

use std::collections::BTreeSet;

use crate::findings::averages::averages;
use crate::findings::budget::{different_budgets, stopped};
use crate::findings::effect::{Direction, Effect, effect, gap_verb, only_witness, verdicts};
use crate::findings::grid::grid_findings;
use crate::record::RunRecord;
use crate::statistics::{Interval, PairedDifferences, Statistics};
use crate::summary::{Comparison, MethodSummary, Summary};
use crate::text::numbers::{Precision, count, counted, listed, p_value, quoted, range};

/// What the runs of an experiment show, one or more sentences per entry.
///
/// The first entry is the short answer: how soon a target is reached, if there is one. Otherwise it
/// is where the baseline (or the only method) ends, and what the other methods do to test accuracy
/// and to the gap between training and test accuracy. Then come an entry for each method, diverged
/// runs and differing numbers of updates. With a grid there is an entry for each method of the
/// config file instead of one for each of its values.
pub(crate) fn findings(summary: &Summary<'_>) -> Vec<String> {
    if summary.is_empty() {
        return vec!["There are no runs yet.".into()];
    }
    if let Some(families) = &summary.families {
        let mut found = grid_findings(summary, families);
        found.extend(target::sentence(summary));
        found.extend(worse_than_before(summary));
        return found;
    }
    // Where a target is asked for, it is the question.
    let mut found: Vec<String> = target::sentence(summary).into_iter().collect();
    found.extend(answer(summary));
    let precision = summary.precision;
    found.extend(
        summary
            .others()
            .map(|method| match &method.versus_baseline {
                Some(comparison) => difference(summary, method, comparison),
                None => ending_of_other(summary, method),
            }),
    );
    let methods = summary.methods.iter();
    found.extend((methods.clone()).filter_map(|method| averages(method, precision)));
    found.extend((methods.clone()).filter_map(|method| diverged(method, precision)));
    found.extend(worse_than_before(summary));
    found.extend(memorised(summary));
    found.extend(methods.clone().filter_map(stopped));
    found.extend(different_budgets(summary));
    found
}

fn answer(summary: &Summary<'_>) -> Vec<String> {
    let mut entries = Vec::new();
    if let Some(verdicts) = verdicts(summary) {
        entries.push(verdicts);
    } else if summary.baseline().is_none() && summary.methods.len() > 1 {
        entries.extend(ranking(summary));
    }
    if let Some(baseline) = summary.baseline() {
        entries.push(ending(baseline, summary.precision));
    }
    entries
}

/// The highest and the lowest mean, if there is no baseline. The means are compared as they are
/// shown, so that means which look equal count as a tie.
fn ranking(summary: &Summary<'_>) -> Option<String> {
    let precision = summary.precision;
    let mean = |method: &MethodSummary| Some(method.test_accuracy?.mean);
    let mut ranked: Vec<(f64, &MethodSummary)> = summary
        .methods
        .iter()
        .filter_map(|method| Some((mean(method)?, method)))
        .collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (highest, lowest) = (ranked.first()?, ranked.last()?);
    let (highest, lowest) = (precision.percent(highest.0), precision.percent(lowest.0));
    let with = |accuracy: &str| {
        let methods = ranked.iter();
        let tied = methods.filter(|(mean, _)| precision.percent(*mean) == accuracy);
        let names: Vec<String> = tied.map(|(_, method)| quoted(&method.name)).collect();
        listed(&names)
    };
    let order = if highest == lowest {
        format!("is the same for {} ({highest} %)", with(&highest))
    } else {
        format!(
            "is highest for {} ({highest} %) and lowest for {} ({lowest} %)",
            with(&highest),
            with(&lowest)
        )
    };
    (ranked.len() > 1).then(|| {
        format!(
            "Mean test accuracy {order}; no baseline is named, so no difference is tested \
                 (name one with the key baseline)."
        )
    })
}

/// A method that is not compared with the baseline, and why it is not.
fn ending_of_other(summary: &Summary<'_>, method: &MethodSummary) -> String {
    let ending = ending(method, summary.precision);
    match summary.baseline() {
        Some(baseline) if method.runs() > 0 => {
            let baseline_name = quoted(&baseline.name);
            if baseline.finished.is_empty() {
                format!("{ending} No run of {baseline_name} finished to compare it with.")
            } else {
                format!(
                    "{ending} It shares no seed with {baseline_name}, so they cannot be compared."
                )
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
        let all = match method.runs() {
            1 => "its only run diverged".to_owned(),
            runs => format!("all of its {} diverged", counted(runs, "run")),
        };
        return format!("{name} has no final value: {all}.");
    };
    let gap = if method.diverged.is_empty() {
        format!(", a gap of {} points", precision.percent(finished.gap.mean))
    } else {
        String::new()
    };
    let verb = match method.keeps_best {
        true => "has, with its best network by validation,",
        false => "ends at",
    };
    format!(
        "{name} {verb} {} % training and {} % test accuracy ({}){gap}.",
        precision.percent(train.mean),
        precision.percent(test.mean),
        certainty_of_accuracy(&test, precision),
    )
}

/// The interval of an accuracy and the number of seeds, or a note that there is no interval.
fn certainty_of_accuracy(accuracy: &Statistics, precision: Precision) -> String {
    if accuracy.is_too_uniform() {
        return format!("the same in {}", too_few(accuracy.n));
    }
    let interval = accuracy.accuracy_interval();
    certainty(interval, "", accuracy.n, |share| precision.percent(share))
}

/// A mean difference in points and its interval, or a note that there is no interval.
fn change(differences: &PairedDifferences, precision: Precision) -> String {
    let difference = &differences.difference;
    let mean = precision.signed_points(difference.mean);
    if difference.is_too_uniform() {
        let seeds = too_few(difference.n);
        return format!("{mean} points, the same difference in {seeds}");
    }
    let p = p_clause(differences);
    let evidence = certainty(difference.interval, &p, difference.n, |points| {
        precision.signed_points(points)
    });
    let dissent = only_witness(differences).map_or_else(String::new, |who| format!("; {who}"));
    format!("difference {mean} points, {evidence}{dissent}")
}

/// The p of a test followed by a comma; empty if there are too few pairs for the test to count.
fn p_clause(differences: &PairedDifferences) -> String {
    let significance = differences.significance;
    if !significance.is_reachable() {
        return String::new();
    }
    let corrected = if significance.tests > 1 {
        "corrected "
    } else {
        ""
    };
    let p = p_value(significance.corrected_p);
    let equals = if p.starts_with(['<', '>']) { "" } else { "= " };
    format!("{corrected}p {equals}{p}, ")
}

/// The interval, the p clause and the number of seeds, or a note that there is no interval.
fn certainty(
    interval: Option<Interval>,
    p: &str,
    seeds: usize,
    text: impl Fn(f64) -> String,
) -> String {
    match interval {
        Some(interval) => format!(
            "95 % interval {} to {}, {p}{}",
            text(interval.lower),
            text(interval.upper),
            counted(seeds, "seed")
        ),
        None => "one seed: no interval".into(),
    }
}

/// A note that all seeds agree but are too few for an interval.
fn too_few(seeds: usize) -> String {
    let all = match seeds {
        2 => "both seeds".to_owned(),
        _ => format!("all {}", counted(seeds, "seed")),
    };
    format!("{all}; too few for an interval")
}

/// One method against the baseline.
fn difference(summary: &Summary<'_>, method: &MethodSummary, comparison: &Comparison) -> String {
    let precision = summary.precision;
    let name = quoted(&method.name);
    let baseline = summary
        .baseline()
        .map_or_else(String::new, |baseline| quoted(&baseline.name));
    let test = &comparison.test_accuracy;
    if method.finished.is_empty() {
        let loss = precision.percent(-test.difference.mean);
        let all = match method.runs() {
            1 => "The only run".to_owned(),
            runs => format!("All {}", counted(runs, "run")),
        };
        return format!(
            "{all} of {name} diverged: counted as 0 %, that is {loss} points of test accuracy \
             below {baseline}.",
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
    let gap = comparison.gap.as_ref().map(|gap| {
        let is_alone = test.significance.is_reachable() && !gap.significance.is_reachable();
        // What is in brackets already goes on.
        (gap_clause(gap, is_alone, precision) + &over).replace(") (", ", ")
    });
    let (joint, test_clause) = test_clause(test, &baseline, precision);
    let mut text = match gap {
        Some(gap) => format!("{name} {gap}{joint}{test_clause}."),
        None if Direction::of(test) == Some(Direction::Unclear) => {
            format!("Of {name}, {test_clause}.")
        }
        None => format!("{name} {test_clause}."),
    };
    match effect(comparison) {
        None => text.push_str(" One seed gives no interval and says nothing about others."),
        Some(Effect {
            gap: Some(Direction::Down),
            test: Direction::Down,
            ..
        }) if test.difference.n == paired_gaps => {
            text.push_str(
                " The lower gap is no improvement: training accuracy falls by more than test \
                 accuracy does.",
            );
        }
        _ => {}
    }
    text
}

/// The effect on the gap. `is_alone` means that its test has too few pairs but that of test
/// accuracy has enough.
fn gap_clause(gap: &PairedDifferences, is_alone: bool, precision: Precision) -> String {
    let before = precision.percent(gap.baseline_mean);
    let after = precision.percent(gap.method_mean);
    let change = change(gap, precision);
    match Direction::of(gap) {
        None => format!("ends with a gap of {after} instead of {before} points"),
        Some(Direction::Unclear) => format!(
            "leaves the gap between training and test accuracy not distinguishable \
             ({after} against {before} points; {change})"
        ),
        Some(direction) => {
            let verb = gap_verb(gap, direction);
            let p = p_clause(gap);
            let p = match p.strip_suffix(", ") {
                Some(p) => format!(" ({p})"),
                None if is_alone => " (by its interval alone)".into(),
                None => String::new(),
            };
            format!(
                "{verb} the gap between training and test accuracy from {before} to {after} \
                 points{p}"
            )
        }
    }
}

/// The clause on test accuracy and the conjunction before it.
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
            let change = change(test, precision);
            let clause = format!(
                "test accuracy is not distinguishable from that of {baseline} ({after} against \
                 {before} %; {change})"
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
            let Statistics { interval, n, .. } = difference;
            let p = p_clause(test);
            let evidence = certainty(interval, &p, n, |points| precision.percent(points));
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
        let them = if number == 1 { "it" } else { "them" };
        format!(
            " Without {them}, over the {} that finished, mean test accuracy is {} %.",
            counted(finished.test_accuracy.n, "run"),
            precision.percent(finished.test_accuracy.mean)
        )
    });
    let runs = match (number, method.runs()) {
        (1, 1) => "the only run".to_owned(),
        (_, runs) => format!("{} of {}", count(number), counted(runs, "run")),
    };
    let count = if number == 1 { "counts" } else { "count" };
    (number > 0).then(|| {
        format!(
            "Of {}, {runs} diverged ({}) and {count} as 0 % accuracy.{}",
            quoted(&method.name),
            listed(&at),
            rest.unwrap_or_default()
        )
    })
}

/// Which methods have runs that end with a higher training loss than they began with.
fn worse_than_before(summary: &Summary<'_>) -> Option<String> {
    const SHOWN: usize = 6;
    let is_worse = |run: &&RunRecord| {
        let (first, last) = (run.evaluations.first(), run.evaluations.last());
        let (Some(first), Some(last)) = (first, last) else {
            return false;
        };
        !run.end.outcome.is_diverged()
            && first.updates < last.updates
            && last.train.loss > first.train.loss
    };
    let worse = summary.pairs().filter_map(|(method, about)| {
        let number = method.runs.iter().filter(is_worse).count();
        (number > 0).then(|| {
            let of = counted(method.runs.len(), "run");
            format!("{} ({} of {of})", quoted(&about.name), count(number))
        })
    });
    let mut named: Vec<String> = worse.collect();
    let more = named.len().saturating_sub(SHOWN);
    named.truncate(SHOWN);
    if more > 0 {
        named.push(format!("{} more", count(more)));
    }
    (!named.is_empty()).then(|| {
        format!(
            "Runs of {} finished with a higher training loss than at their first evaluation: they \
             did not train.",
            listed(&named)
        )
    })
}

/// Which methods end with every training image classified correctly in every run, one sentence for
/// each number of training images.
fn memorised(summary: &Summary<'_>) -> Vec<String> {
    let perfect = |method: &MethodSummary| {
        let mut finals = method.finished.values();
        method.diverged.is_empty()
            && !method.finished.is_empty()
            && finals.all(|last| last.train.accuracy >= 1.0)
    };
    let mut groups: Vec<(BTreeSet<usize>, Vec<String>)> = Vec::new();
    for (runs, method) in summary.pairs() {
        if perfect(method) {
            let images = runs.runs.iter().map(|run| run.header.data.train_images);
            let images = images.collect();
            match groups.iter_mut().find(|(known, _)| *known == images) {
                Some((_, names)) => names.push(quoted(&method.name)),
                None => groups.push((images, vec![quoted(&method.name)])),
            }
        }
    }
    let sentence = |(images, names): &(BTreeSet<usize>, Vec<String>)| {
        let verb = match names.len() {
            1 => "classifies",
            _ => "classify",
        };
        let number = range(images).unwrap_or_default();
        let names = listed(names);
        format!("{names} {verb} all {number} training images correctly in every run.")
    };
    groups.iter().map(sentence).collect()
}
