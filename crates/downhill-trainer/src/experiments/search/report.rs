//! The report of a search.

use downhill_report::{
    About, PublishedTrials, Round, Search, SearchReport, SearchedSetting, Trial,
};

use crate::config::tables::search::{Range, SearchConfig, SearchedRange};
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, about, write};
use crate::experiments::search::rounds;
use crate::experiments::trainings::Trainer;
use crate::plan::runs::report_name_of;

/// Reports the trials of a search for each seed.
pub(crate) fn report_search(
    trainer: &Trainer<'_>,
    search: &SearchConfig,
    found: &[Vec<rounds::Round>],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let Trainer {
        arguments,
        plan,
        store,
        ..
    } = trainer;
    let trials = || found.iter().flatten().flat_map(|round| &round.trials);
    let runs: Vec<&str> = trials()
        .map(|trial| trial.record.header.run.as_str())
        .collect();
    let timings = store.timings(runs.iter().copied());
    let data = trials()
        .next()
        .map(|trial| trial.record.header.data.clone());
    let setting = |(path, range): (&String, &SearchedRange)| SearchedSetting {
        path: path.clone(),
        name: range.name.clone().unwrap_or_else(|| path.clone()),
        is_log: true,
    };
    let searches = plan.seeds.iter().zip(found).map(|(&seed, rounds)| Search {
        seed,
        rounds: rounds.iter().map(round).collect(),
    });
    let report = SearchReport {
        about: About {
            device: timings.device(),
            data,
            seconds: timings.total(runs.iter().copied()),
            seeds: plan.seeds.clone(),
            ..about(arguments, plan)
        },
        settings: search.ranges.iter().map(setting).collect(),
        searches: searches.collect(),
        published: (search.published.as_ref()).map(|published| PublishedTrials {
            source: published.source.clone(),
            trials: (published.trials.iter())
                .map(|trial| (trial.values.values().copied().collect(), trial.validation))
                .collect(),
        }),
    };
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
    Ok(match diverged {
        0 => Done::Finished,
        runs => Done::Diverged { runs },
    })
}

fn round(round: &rounds::Round) -> Round {
    let trial = |(index, trial): (usize, &rounds::Trial)| {
        let evaluations = &trial.record.evaluations;
        let validation = trial.validation();
        let curve = evaluations.iter().filter_map(|evaluation| {
            Some((evaluation.epoch? as f64, evaluation.validation?.accuracy))
        });
        Trial {
            index,
            values: trial.values.clone(),
            validation,
            test: validation.and_then(|_| Some(evaluations.last()?.test.accuracy)),
            curve: curve.collect(),
        }
    };
    let range = |&Range { from, to }: &Range| (from, to);
    Round {
        ranges: round.ranges.iter().map(range).collect(),
        trials: round.trials.iter().enumerate().map(trial).collect(),
    }
}
