//! What the runs of an experiment do not show, as far as their own numbers tell.

use crate::findings::quoted;
use crate::number_text::{count, counted, listed};
use crate::summary::{Experiment, Summary};

/// One sentence or two for each limit that applies to these runs.
pub(crate) fn limits_of(experiment: &Experiment, summary: &Summary) -> Vec<String> {
    let limits = [
        data(experiment),
        mixed_sources(experiment),
        seeds(summary),
        interval(summary),
        comparisons(summary),
        tuning(experiment),
        several_changes(experiment),
        updates(summary),
        survivors(summary),
        Some(
            "The test images were looked at in every evaluation and there is no validation \
             split: choosing a setting, or the moment to stop, from these figures would be choosing \
             on the test set. Final values are those of the last evaluation, not of the best."
                .into(),
        ),
    ];
    limits.into_iter().flatten().collect()
}

fn data(experiment: &Experiment) -> Option<String> {
    let data = &experiment.data;
    Some(format!(
        "One data set ({}), {} training images and {} test images: nothing here says how the \
         methods compare on other data or with another number of images.",
        data.name,
        count(data.train_images),
        count(data.test_images),
    ))
}

/// Runs whose header names other data, versions or another backend than the experiment.
fn mixed_sources(experiment: &Experiment) -> Option<String> {
    let runs = || experiment.methods.iter().flat_map(|method| &method.runs);
    let mut differing = Vec::new();
    if runs().any(|run| run.header.data != experiment.data) {
        differing.push("data".to_owned());
    }
    if runs().any(|run| run.header.versions != experiment.versions) {
        differing.push("versions".to_owned());
    }
    if runs().any(|run| run.header.backend != experiment.backend) {
        differing.push("backends".to_owned());
    }
    (!differing.is_empty()).then(|| {
        format!(
            "Some runs name other {} than this report, so what separates them need not be the \
             method.",
            listed(&differing)
        )
    })
}

fn seeds(summary: &Summary) -> Option<String> {
    let sizes = summary.methods.iter().map(|method| method.finished.len());
    let (least, most) = (sizes.clone().min()?, sizes.max()?);
    let runs = if least == most {
        counted(least, "finished run")
    } else {
        format!("{least} to {} finished runs", count(most))
    };
    let few = match least {
        0..=1 => "without a second run there is no telling a difference from chance",
        2..=9 => "with so few, small differences stay hidden",
        _ => "differences much smaller than the intervals stay hidden",
    };
    Some(format!(
        "There are {runs} per method; {few}. The spread is that between seeds alone, with the same \
         images each time."
    ))
}

fn interval(summary: &Summary) -> Option<String> {
    let mut finals = summary.methods.iter().filter_map(|method| method.finals);
    finals.any(|finals| finals.gap.interval.is_some()).then(|| {
        "The intervals are Student t intervals: they assume that the values are nearly normally \
         distributed, which accuracies close to 100 % and a few runs cannot confirm."
            .into()
    })
}

fn comparisons(summary: &Summary) -> Option<String> {
    let compared = summary.others().filter_map(|method| method.versus_baseline.as_ref());
    let intervals = 2 * compared
        .filter(|comparison| comparison.gap.difference.interval.is_some())
        .count();
    (intervals > 2).then(|| {
        format!(
            "The {intervals} intervals for differences are not corrected for their number: each \
             one alone misses the true difference in 5 % of such experiments."
        )
    })
}

fn tuning(experiment: &Experiment) -> Option<String> {
    (experiment.methods.len() > 1).then(|| {
        "Each method ran at one setting, and the hyperparameters were not tuned equally for each: \
         the runs compare these settings, not the methods at their best."
            .into()
    })
}

fn several_changes(experiment: &Experiment) -> Option<String> {
    let methods = experiment.methods.iter();
    let several = methods.filter(|method| method.changes.len() > 1);
    let named: Vec<String> = several
        .map(|method| format!("{} ({})", quoted(&method.name), method.changes.len()))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "More than one setting differs at once in {}; which of them made the difference does \
             not show.",
            listed(&named)
        )
    })
}

fn updates(summary: &Summary) -> Option<String> {
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
            "The methods did not make the same number of updates: {}. Their final values differ by \
             that, too.",
            named.join("; ")
        )
    })
}

fn survivors(summary: &Summary) -> Option<String> {
    let methods = summary.methods.iter();
    let lossy = methods.filter(|method| method.finished.len() < method.runs());
    let named: Vec<String> = lossy.map(|method| quoted(&method.name)).collect();
    (!named.is_empty()).then(|| {
        format!(
            "The figures for {} leave out the runs that diverged or did not finish, so they are \
             those of the more fortunate runs.",
            listed(&named)
        )
    })
}
