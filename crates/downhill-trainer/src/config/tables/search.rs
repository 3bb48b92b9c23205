//! `[search]`: settings drawn at random, then from ranges narrowed to the best trials.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use crate::config::layers::{Layers, at};
use crate::error::TrainError;

/// `[search]` of a config file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// Number of trials in each round.
    pub trials: usize,
    /// Number of rounds. From the second on, ranges are those of the best trials of the round
    /// before.
    #[serde(default = "one")]
    pub rounds: usize,
    /// Number of trials with the highest validation accuracy that give the next round's ranges. By
    /// default 10, or all trials if there are fewer.
    #[serde(default = "ten")]
    pub best: usize,
    /// Range of each setting by its path, in which `*` stands for the method's optimizer. The
    /// logarithm of a setting is drawn uniformly, and rounded where it takes whole numbers.
    pub ranges: BTreeMap<String, SearchedRange>,
    /// Trials that others published.
    #[serde(default)]
    pub published: Option<PublishedSearch>,
}

/// A setting's range in the first round.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SearchedRange {
    /// The smallest value, greater than 0.
    pub from: f64,
    /// The largest value.
    pub to: f64,
    /// Name of the setting in the report; the path by default.
    #[serde(default)]
    pub name: Option<String>,
}

/// Published trials.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishedSearch {
    /// The publication.
    pub source: String,
    /// The trials.
    pub trials: Vec<PublishedTrial>,
}

/// A published trial.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishedTrial {
    /// The value of each searched setting, by its path.
    pub values: BTreeMap<String, f64>,
    /// Validation accuracy, from 0 to 1.
    pub validation: f64,
}

impl SearchConfig {
    /// The optional settings as a table `[search]`.
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

/// A range of numbers greater than 0, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest number.
    pub from: f64,
    /// The largest number.
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
        let written = at(&experiment.table, "search.ranges");
        for (setting, range) in written.and_then(Value::as_table).into_iter().flatten() {
            experiment.table_at(&format!("search.ranges.{setting}"), range)?;
        }
        if search.ranges.is_empty() {
            let message = "search.ranges must hold at least one setting, such as \
                           \"optimizer.*.learning_rate\" = { from = 1e-6, to = 1e-2 }";
            return Err(experiment.blame("search.ranges", message));
        }
        for (setting, SearchedRange { from, to, .. }) in &search.ranges {
            if !(*from > 0.0 && from <= to && to.is_finite()) {
                let message = format!(
                    "search.ranges: {setting} must have 0 < from <= to, got from = {from} and \
                     to = {to}"
                );
                return Err(experiment.blame(&format!("search.ranges.{setting}"), &message));
            }
        }
        for trial in (search.published.iter()).flat_map(|published| &published.trials) {
            if !trial.values.keys().eq(search.ranges.keys()) {
                let message = "search.published.trials: each trial must have a value for each \
                               setting of search.ranges";
                return Err(experiment.blame("search.published.trials", message));
            }
            if !(0.0..=1.0).contains(&trial.validation) {
                let message = format!(
                    "search.published.trials: validation must lie in 0 to 1, got {}",
                    trial.validation
                );
                return Err(experiment.blame("search.published.trials", &message));
            }
        }
        Ok(Some(search))
    }
}

impl Range {
    /// The number at a fraction of the range, on a logarithmic scale.
    pub(crate) fn at(&self, fraction: f64) -> f64 {
        let value = (self.from.ln() * (1.0 - fraction) + self.to.ln() * fraction).exp();
        value.clamp(self.from, self.to)
    }
}
