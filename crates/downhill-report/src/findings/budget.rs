//! How long the methods trained: updates and gradients.

use std::collections::BTreeSet;

use crate::summary::{MethodSummary, Summary};
use crate::text::numbers::{count, counted, listed, quoted};

/// The runs of a method that early stopping ended.
pub(super) fn stopped(method: &MethodSummary) -> Option<String> {
    (method.stopped > 0).then(|| {
        format!(
            "Early stopping ended {} of {} of {}, after {} updates.",
            count(method.stopped),
            counted(method.finished.len(), "finished run"),
            quoted(&method.name),
            numbers(&method.updates),
        )
    })
}

/// Which methods made how many updates and computed how many gradients, if they differ. Methods
/// that early stopping ended have a sentence of their own.
pub(super) fn different_budgets(summary: &Summary<'_>) -> Option<String> {
    let whole = || {
        let methods = summary.methods.iter();
        methods.filter(|method| method.stopped == 0 && !method.finished.is_empty())
    };
    let updates = groups(whole().map(|method| (&method.name, &method.updates)));
    let gradients = groups(summary.methods.iter().filter_map(|method| {
        (!method.finished.is_empty()).then_some((&method.name, &method.gradients))
    }));
    let is_counted = |method: &&MethodSummary| method.gradients != method.updates;
    let are_counted = summary.methods.iter().filter(is_counted).count() > 0;
    let updates_differ = updates.len() > 1;
    match (updates_differ, are_counted, gradients.as_slice()) {
        (false, true, [(gradients, _)]) => Some(format!(
            "All methods computed {gradients} gradients in a run."
        )),
        (true, true, [(gradients, _)]) => Some(format!(
            "All methods computed {gradients} gradients in a run, in different numbers of updates \
             ({}).",
            named(&updates)
        )),
        (_, true, [_, _, ..]) => Some(format!(
            "The methods computed different numbers of gradients in a run ({}), which also affects \
             their final values.",
            named(&gradients)
        )),
        (true, ..) => Some(format!(
            "The methods made different numbers of updates ({}), which also affects their final \
             values.",
            named(&updates)
        )),
        _ => None,
    }
}

/// Names by the numbers that they share, in order of appearance.
fn groups<'a>(
    methods: impl Iterator<Item = (&'a String, &'a BTreeSet<u64>)>,
) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, all) in methods {
        let (numbers, name) = (numbers(all), quoted(name));
        match groups.iter_mut().find(|(known, _)| *known == numbers) {
            Some((_, names)) => names.push(name),
            None => groups.push((numbers, vec![name])),
        }
    }
    groups
}

fn named(groups: &[(String, Vec<String>)]) -> String {
    let groups = groups.iter();
    let groups = groups.map(|(numbers, names)| format!("{numbers} for {}", listed(names)));
    groups.collect::<Vec<_>>().join("; ")
}

/// The least and the greatest of several numbers, in words.
fn numbers(all: &BTreeSet<u64>) -> String {
    match (all.first(), all.last()) {
        (Some(least), Some(most)) if least < most => {
            format!("{} to {}", count(*least), count(*most))
        }
        (Some(only), _) => count(*only),
        (None, _) => "no".into(),
    }
}
