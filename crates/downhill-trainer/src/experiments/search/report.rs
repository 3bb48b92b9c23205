//! The report of a search.

use downhill_report::{
    PublishedTrials, Round, RunRecord, Search, SearchReport, SearchedSetting, Trial,
};

use crate::config::tables::search::{SearchConfig, SearchedRange};
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, write};
use crate::experiments::search::rounds;
use crate::experiments::trainings::Trainer;
use crate::plan::Plan;
use crate::plan::runs::report_name_of;
use crate::runs::experiment::{
    ByHash, ExperimentRecord, RoundRecord, SearchRecord, SeedRecord, by_hash,
};
use crate::runs::timings::Timings;

/// Returns what makes a search, without its rounds.
pub(crate) fn record(plan: &Plan, search: &SearchConfig) -> SearchRecord {
    let setting = |(path, range): (&String, &SearchedRange)| SearchedSetting {
        path: path.clone(),
        name: range.name.clone().unwrap_or_else(|| path.clone()),
        is_log: true,
    };
    let seeds = plan.seeds.iter().map(|&seed| SeedRecord {
        seed,
        rounds: Vec::new(),
    });
    SearchRecord {
        settings: search.ranges.iter().map(setting).collect(),
        searches: seeds.collect(),
        published: (search.published.as_ref()).map(|published| PublishedTrials {
            source: published.source.clone(),
            trials: (published.trials.iter())
                .map(|trial| (trial.values.values().copied().collect(), trial.validation))
                .collect(),
        }),
    }
}

/// Returns the report of a search with those of its trials that are known; `None` if there is none.
pub(crate) fn search_report(
    kept: &ExperimentRecord,
    known: &ByHash<'_>,
    timings: &Timings,
) -> Option<SearchReport> {
    let search = kept.search.as_ref()?;
    let searches = search.searches.iter().map(|seed| Search {
        seed: seed.seed,
        rounds: (seed.rounds.iter())
            .map(|found| round(found, known))
            .collect(),
    });
    Some(SearchReport {
        about: kept.about(known, timings)?,
        settings: search.settings.clone(),
        searches: searches.collect(),
        published: search.published.clone(),
    })
}

/// Reports the trials of a search for each seed.
pub(crate) fn report_search(
    trainer: &Trainer<'_>,
    kept: &ExperimentRecord,
    found: &[Vec<rounds::Round>],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let Trainer { plan, store, .. } = trainer;
    let trials = || found.iter().flatten().flat_map(|round| &round.trials);
    let known = by_hash(trials().map(|trial| &trial.record));
    let runs: Vec<&str> = kept.runs().collect();
    let report = search_report(kept, &known, &store.timings(runs.iter().copied()));
    let report = report.expect("a search has at least one trial");
    let files = ReportFiles {
        name: report_name_of(plan, &runs),
        csv: report.csv(),
        page: report.html(),
        pictures: report.pictures(),
        findings: report.findings(),
    };
    out.say("\n");
    write(&files, store, out)?;
    let diverged = trials()
        .filter(|trial| trial.validation().is_none())
        .count();
    Ok(Done::with_diverged(diverged, plan.may_diverge))
}

fn round(round: &RoundRecord, known: &ByHash<'_>) -> Round {
    let trials = round
        .trials
        .iter()
        .enumerate()
        .filter_map(|(index, trial)| {
            let record: &RunRecord = known.get(trial.run.as_str())?;
            let evaluations = &record.evaluations;
            let validation = rounds::validation(record);
            let curve = evaluations.iter().filter_map(|evaluation| {
                Some((evaluation.epoch? as f64, evaluation.validation?.accuracy))
            });
            Some(Trial {
                index,
                values: trial.values.clone(),
                validation,
                test: validation.and_then(|_| Some(evaluations.last()?.test.accuracy)),
                curve: curve.collect(),
            })
        });
    Round {
        ranges: round.ranges.clone(),
        trials: trials.collect(),
    }
}
