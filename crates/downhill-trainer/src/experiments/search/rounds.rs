//! The rounds of a search.

use std::collections::HashMap;
use std::sync::Arc;

use downhill_data::ImagePair;
use downhill_report::RunRecord;

use crate::config::tables::search::{Range, SearchConfig, SearchedRange};
use crate::config::varied::Varied;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::search::draws::{narrowed, ranked, trial};
use crate::experiments::trainings::Trainer;
use crate::plan::Plan;
use crate::plan::method::MethodPlan;
use crate::plan::runs::{RunPlan, run};
use crate::runs::experiment::{ExperimentRecord, RoundRecord, TrialRecord};

/// A round of one seed's search.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Ranges of the settings.
    pub(crate) ranges: Vec<Range>,
    /// The trials, in order.
    pub(crate) trials: Vec<Trial>,
}

/// A training with random settings.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// Values of the settings, in the order of the ranges.
    pub(crate) values: Vec<f64>,
    pub(crate) record: RunRecord,
}

impl Trial {
    /// Validation accuracy at the end; `None` if the trial diverged.
    pub(crate) fn validation(&self) -> Option<f64> {
        validation(&self.record)
    }
}

/// Validation accuracy at the end; `None` if the trial diverged.
pub(crate) fn validation(record: &RunRecord) -> Option<f64> {
    let last = record.evaluations.last()?;
    let is_diverged = record.end.outcome.is_diverged();
    Some(last.validation?.accuracy).filter(|_| !is_diverged)
}

impl Round {
    pub(crate) fn accuracies(&self) -> Vec<Option<f64>> {
        self.trials.iter().map(Trial::validation).collect()
    }
}

/// Searches with each seed of the plan, round by round; `kept` gets each round before it is
/// trained. Returns the rounds of each seed, or `None` if the user stopped the command. Damaged
/// trials are left out and added to `damaged`; the next round is drawn without them.
pub(crate) fn rounds(
    trainer: &Trainer<'_>,
    config: &SearchConfig,
    data: &Arc<ImagePair>,
    kept: &mut ExperimentRecord,
    damaged: &mut Vec<TrainError>,
    out: &mut Output<'_>,
) -> Result<Option<Vec<Vec<Round>>>, TrainError> {
    let plan = trainer.plan;
    let first = first_ranges(config, &searched(plan, config)?.1);
    let mut searches: Vec<Vec<Round>> = vec![Vec::new(); plan.seeds.len()];
    for round in 0..config.rounds {
        let mut drawn = Vec::with_capacity(plan.seeds.len());
        for (&seed, rounds) in plan.seeds.iter().zip(&searches) {
            let ranges = rounds
                .last()
                .map_or_else(|| first.clone(), |last| narrowed_to_best(last, config.best));
            let trials = trials(plan, config, (seed, round), &ranges)?;
            drawn.push((ranges, trials));
        }
        let runs = plan
            .seeds
            .iter()
            .zip(&drawn)
            .flat_map(|(&seed, (_, trials))| {
                let runs = trials.iter();
                runs.map(move |(_, method)| run(plan, method, seed, data))
            });
        let runs: Vec<RunPlan<'_>> = runs.collect();
        keep(trainer, kept, &drawn, &runs)?;
        let Some(complete) = trainer.train(&runs, Arc::clone(data), out)? else {
            return Ok(None);
        };
        damaged.extend(complete.damaged);
        let mut records: HashMap<String, RunRecord> = (complete.records.into_iter())
            .map(|record| (record.header.run.clone(), record))
            .collect();
        let mut names = runs.iter().map(|run| &run.header.run);
        for (rounds, (ranges, trials)) in searches.iter_mut().zip(&drawn) {
            let trials = trials.iter().zip(&mut names);
            let trials = trials.filter_map(|((values, _), run)| {
                Some(Trial {
                    values: values.clone(),
                    record: records.remove(run)?,
                })
            });
            let (ranges, trials) = (ranges.clone(), trials.collect());
            rounds.push(Round { ranges, trials });
        }
    }
    Ok(Some(searches))
}

/// The ranges of a round of one seed with the trials drawn from them.
type Drawn = (Vec<Range>, Vec<(Vec<f64>, MethodPlan)>);

/// Adds a round of each seed to what is kept of the search.
fn keep(
    trainer: &Trainer<'_>,
    kept: &mut ExperimentRecord,
    drawn: &[Drawn],
    runs: &[RunPlan<'_>],
) -> Result<(), TrainError> {
    let mut names = runs.iter().map(|run| run.header.run.clone());
    let searches = kept
        .search
        .iter_mut()
        .flat_map(|search| &mut search.searches);
    for (search, (ranges, trials)) in searches.zip(drawn) {
        let trials = trials.iter().zip(&mut names);
        search.rounds.push(RoundRecord {
            ranges: ranges.iter().map(|range| (range.from, range.to)).collect(),
            trials: trials
                .map(|((values, _), run)| TrialRecord {
                    values: values.clone(),
                    run,
                })
                .collect(),
        });
    }
    // The runs of the first round decide all others.
    let first: Vec<&str> = kept.runs_of_first_round().collect();
    trainer.store.keep_experiment(trainer.plan, kept, &first)
}

fn narrowed_to_best(round: &Round, best: usize) -> Vec<Range> {
    let ranked = ranked(&round.accuracies());
    let values = |&at: &usize| &round.trials[at].values[..];
    let best: Vec<&[f64]> = ranked.iter().take(best).map(values).collect();
    narrowed(&round.ranges, &best)
}

/// Refuses what no trial may be: resolves both ends of each range, and the first round's trials of
/// each seed.
pub(crate) fn check(
    plan: &Plan,
    config: &SearchConfig,
    data: &ImagePair,
) -> Result<(), TrainError> {
    let (method, settings) = searched(plan, config)?;
    for ((path, range), setting) in config.ranges.iter().zip(&settings) {
        let origin = origin(plan, &format!("search.ranges.{path}"));
        let Some(Range { from, to }) = setting.bounds(range) else {
            let SearchedRange { from, to, .. } = range;
            return Err(TrainError::Config(format!(
                "{origin}: {path} takes whole numbers, and none lies in {from} to {to}"
            )));
        };
        for end in [from, to] {
            let end = Varied::with(std::slice::from_ref(setting), &[end]);
            let method = method.with(String::new(), &end, &origin)?;
            method.check_data(data)?;
        }
    }
    let ranges = first_ranges(config, &settings);
    for &seed in &plan.seeds {
        for (_, method) in trials(plan, config, (seed, 0), &ranges)? {
            method.check_data(data)?;
        }
    }
    Ok(())
}

fn origin(plan: &Plan, path: &str) -> String {
    format!("search.ranges (from {})", plan.tables.place(path))
}

/// The method of a search, and the settings that vary.
fn searched<'a>(
    plan: &'a Plan,
    config: &SearchConfig,
) -> Result<(&'a MethodPlan, Vec<Varied>), TrainError> {
    let method = plan.methods.first();
    let method = method.ok_or_else(|| {
        TrainError::Config("a search needs a method; choose one with --method".into())
    })?;
    let (optimizer, resolved) = (method.config.optimizer.name(), &method.layers().table);
    let setting = |path: &String| {
        let origin = origin(plan, &format!("search.ranges.{path}"));
        Varied::new(path, optimizer, resolved, &origin)
    };
    let settings = config.ranges.keys().map(setting);
    Ok((method, settings.collect::<Result<_, TrainError>>()?))
}

/// The ranges of the first round, in the order of the settings' paths.
fn first_ranges(config: &SearchConfig, settings: &[Varied]) -> Vec<Range> {
    let ranges = config.ranges.values().zip(settings);
    ranges
        .filter_map(|(range, setting)| setting.bounds(range))
        .collect()
}

/// Returns the trials of a round: their values, and the method with these settings.
fn trials(
    plan: &Plan,
    config: &SearchConfig,
    (seed, round): (u64, usize),
    ranges: &[Range],
) -> Result<Vec<(Vec<f64>, MethodPlan)>, TrainError> {
    let (method, settings) = searched(plan, config)?;
    let origin = origin(plan, "search.ranges");
    let trial = |at: usize| {
        let drawn = trial(seed, round, at, ranges);
        let values = drawn.into_iter().zip(&settings);
        let values: Vec<f64> = values
            .map(|(value, setting)| setting.rounded(value))
            .collect();
        let tables = Varied::with(&settings, &values);
        let name = format!("round {}, trial {at}", round + 1);
        let method = method.with(name, &tables, &origin)?;
        Ok((values, method))
    };
    (0..config.trials).map(trial).collect()
}
