//! Random search: settings drawn at random, then from ranges narrowed to the best of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use crate::config::layers::Layers;
use crate::error::TrainError;

/// `[search]` of a config file.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// Trials of each round.
    pub trials: usize,
    /// Rounds; the ranges of each after the first come from the best trials of the one before.
    #[serde(default = "one")]
    pub rounds: usize,
    /// So many trials with the highest validation accuracy give the next round's ranges; if it is not
    /// written and there are fewer trials, all of them.
    #[serde(default = "ten")]
    pub best: usize,
    /// What is searched: the ranges of settings by their path, in which a `*` is the method's
    /// optimizer. Their logarithm is drawn evenly.
    pub ranges: BTreeMap<String, SearchedRange>,
    /// What others found.
    #[serde(default)]
    pub published: Option<PublishedSearch>,
}

/// A setting's range in the first round.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchedRange {
    /// The least, greater than 0.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// What the setting is, in words; its path otherwise.
    #[serde(default)]
    pub name: Option<String>,
}

/// Trials of others.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedSearch {
    /// Who, where.
    pub source: String,
    /// Their trials.
    pub trials: Vec<PublishedTrial>,
}

/// A trial of somebody else.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedTrial {
    /// A value for each setting that is searched, by its path.
    pub values: BTreeMap<String, f64>,
    /// Validation accuracy, 0 to 1.
    pub validation: f64,
}

impl SearchConfig {
    /// The table `[search]` of those settings that need not be written.
    pub(crate) fn with_defaults(&self) -> Table {
        let number = |number: usize| Value::Integer(number as i64);
        let settings = [("rounds", self.rounds), ("best", self.best)];
        let settings = settings.map(|(key, value)| (key.to_owned(), number(value)));
        Table::from_iter([("search".to_owned(), Table::from_iter(settings).into())])
    }
}

fn one() -> usize {
    1
}

fn ten() -> usize {
    10
}

/// Numbers greater than 0, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub from: f64,
    /// The greatest.
    pub to: f64,
}

const MAX_TRIALS: usize = 100_000;
const MAX_ROUNDS: usize = 100;

impl SearchConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let Some(mut search) = experiment.read::<Self>("search")? else {
            return Ok(None);
        };
        if experiment.origin("search.best").is_none() {
            search.best = search.best.min(search.trials.max(1));
        }
        for (key, value, most) in [
            ("trials", search.trials, MAX_TRIALS),
            ("rounds", search.rounds, MAX_ROUNDS),
            ("best", search.best, search.trials.min(MAX_TRIALS)),
        ] {
            if !(1..=most).contains(&value) {
                let path = format!("search.{key}");
                let message = format!("{path} must lie in 1 to {most}, got {value}");
                return Err(experiment.blame(&path, &message));
            }
        }
        if search.ranges.is_empty() {
            let message = "search.ranges must hold at least one setting, such as \
                           \"optimizer.*.learning_rate\" = { from = 1e-6, to = 1e-2 }";
            return Err(experiment.blame("search.ranges", message));
        }
        for (setting, SearchedRange { from, to, .. }) in &search.ranges {
            if !(*from > 0.0 && from <= to && to.is_finite()) {
                let message = format!(
                    "search.ranges: {setting} must go from a number greater than 0 to one that is \
                     no less, got {from} and {to}"
                );
                return Err(experiment.blame("search.ranges", &message));
            }
        }
        for trial in (search.published.iter()).flat_map(|published| &published.trials) {
            if !trial.values.keys().eq(search.ranges.keys()) {
                let message = "search.published.trials: each must have a value for each setting of \
                               search.ranges";
                return Err(experiment.blame("search.published.trials", message));
            }
        }
        Ok(Some(search))
    }

    /// The ranges of the first round, in the order of the settings' paths.
    pub(crate) fn first_ranges(&self) -> Vec<Range> {
        let range = |range: &SearchedRange| Range {
            from: range.from,
            to: range.to,
        };
        self.ranges.values().map(range).collect()
    }
}

impl Range {
    /// The number at a share of the range, by its logarithm.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let value = (self.from.ln() * (1.0 - share) + self.to.ln() * share).exp();
        value.clamp(self.from, self.to)
    }
}
