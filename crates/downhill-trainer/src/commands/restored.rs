//! Experiments as they were trained, from what `train` keeps of them beside their runs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::path::Path;

use downhill_report::{Experiment, Method, RunRecord, SearchReport};

use crate::error::TrainError;
use crate::experiments::search::report::search_report;
use crate::runs::experiment::by_hash;
use crate::runs::store::Store;
use crate::runs::timings::Timings;

/// The experiments and searches of a runs directory, and the runs that belong to none of them.
pub(super) struct Restored {
    pub(super) experiments: Vec<Experiment>,
    pub(super) searches: Vec<SearchReport>,
    pub(super) others: Vec<RunRecord>,
}

/// Restores the experiments of these runs. Damaged files are left out and added to `damaged`.
///
/// Parts of one experiment, as trained with `--seed` or `--method`, are joined again.
pub(super) fn restored(
    directory: &Path,
    runs: Vec<RunRecord>,
    damaged: &mut Vec<TrainError>,
) -> Restored {
    let store = Store::new(directory);
    let kept = store.experiments(damaged);
    let mut experiments = Vec::new();
    let mut searches = Vec::new();
    let mut used = HashSet::new();
    if !kept.is_empty() {
        let known = by_hash(&runs);
        let timings = store.timings(known.keys().copied());
        let mut parts = Vec::new();
        let (mut of_searches, of_methods): (Vec<_>, Vec<_>) =
            kept.iter().partition(|record| record.search.is_some());
        of_searches.sort_by_key(|record| Reverse(record.runs().count()));
        for record in of_searches {
            // A part of a larger search is not shown twice.
            let is_new = record.runs().any(|run| !used.contains(run));
            if is_new {
                searches.extend(search_report(record, &known, &timings));
            }
            used.extend(record.runs().map(str::to_owned));
        }
        for record in of_methods {
            parts.extend(record.experiment(&known, &timings));
            used.extend(record.runs().map(str::to_owned));
        }
        experiments = joined(parts, &timings);
    }
    let is_other = |run: &RunRecord| !used.contains(&run.header.run);
    Restored {
        experiments,
        searches,
        others: runs.into_iter().filter(is_other).collect(),
    }
}

/// Joins parts of the same experiment. The largest part, and the newest of these, says what is
/// shown and in which order.
fn joined(mut parts: Vec<Experiment>, timings: &Timings) -> Vec<Experiment> {
    let runs = |part: &Experiment| part.methods.iter().map(|it| it.runs.len()).sum::<usize>();
    parts.sort_by_key(|part| Reverse((part.methods.len(), runs(part))));
    let mut whole: Vec<Experiment> = Vec::new();
    for part in parts {
        match whole.iter_mut().find(|whole| is_part_of(&part, whole)) {
            Some(whole) => add(whole, part),
            None => whole.push(part),
        }
    }
    for experiment in &mut whole {
        complete(experiment, timings);
    }
    whole.sort_by(|one, other| one.name.cmp(&other.name));
    whole
}

fn is_part_of(part: &Experiment, whole: &Experiment) -> bool {
    let fits = |method: &Method| {
        let same = whole.methods.iter().find(|other| other.name == method.name);
        let headers = |other: &Method| {
            let first = |method: &Method| method.runs.first().map(|run| run.header.clone());
            first(method).zip(first(other))
        };
        same.is_none_or(|other| {
            other.cell == method.cell
                && headers(other).is_none_or(|(one, other)| {
                    one.config == other.config && one.ensemble == other.ensemble
                })
        })
    };
    part.name == whole.name
        && part.backend == whole.backend
        && part.versions.is_same_code(&whole.versions)
        && part.data.sha256 == whole.data.sha256
        && part.grid == whole.grid
        && part.methods.iter().all(fits)
}

fn add(whole: &mut Experiment, part: Experiment) {
    whole.baseline = whole.baseline.take().or(part.baseline);
    whole.published = whole.published.take().or(part.published);
    for method in part.methods {
        match whole.methods.iter_mut().find(|it| it.name == method.name) {
            Some(same) => {
                let known: HashSet<u64> = same.runs.iter().map(|run| run.header.seed).collect();
                let runs = method.runs.into_iter();
                same.runs
                    .extend(runs.filter(|run| !known.contains(&run.header.seed)));
            }
            None => whole.methods.push(method),
        }
    }
}

/// Leaves out methods without runs, and adds the times of all runs.
fn complete(experiment: &mut Experiment, timings: &Timings) {
    let methods = &mut experiment.methods;
    methods.retain(|method| !method.runs.is_empty());
    for method in methods.iter_mut() {
        method.runs.sort_by_key(|run| run.header.seed);
    }
    let has_runs = |name: &String| methods.iter().any(|method| method.name == *name);
    experiment.baseline = experiment.baseline.take().filter(has_runs);
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    let names: Vec<&str> = runs.map(|run| run.header.run.as_str()).collect();
    experiment.training_seconds = timings.total(names.iter().copied());
    if let Some(target) = &mut experiment.target {
        let seconds = |run: &&str| Some(((*run).to_owned(), timings.seconds(run)?));
        target.run_seconds = names.iter().filter_map(seconds).collect();
    }
}
