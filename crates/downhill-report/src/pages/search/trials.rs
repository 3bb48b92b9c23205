//! The trials of a random search.

use serde::{Deserialize, Serialize};

use crate::pages::about::About;
use crate::text::numbers::{fixed, setting_value};

/// A random search, once for each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReport {
    /// Where the numbers come from.
    pub about: About,
    /// The settings that are searched.
    pub settings: Vec<SearchedSetting>,
    /// One search for each seed.
    pub searches: Vec<Search>,
    /// Published trials.
    pub published: Option<PublishedTrials>,
}

/// A setting that is searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedSetting {
    /// Its path, such as `optimizer.sgd.learning_rate`.
    pub path: String,
    /// What it is, in words, such as `learning rate`.
    pub name: String,
    /// Whether its logarithm is drawn uniformly.
    pub is_log: bool,
}

/// The rounds of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The seed.
    pub seed: u64,
    /// Its rounds, each with the ranges that result from the round before.
    pub rounds: Vec<Round>,
}

/// One round of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// The least and the greatest value of each setting.
    pub ranges: Vec<(f64, f64)>,
    /// The trials in the order in which they were drawn.
    pub trials: Vec<Trial>,
}

/// A training at drawn settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number within the round, counted from 0.
    pub index: usize,
    /// A value for each setting.
    pub values: Vec<f64>,
    /// Final validation accuracy, 0 to 1; `None` if it diverged.
    pub validation: Option<f64>,
    /// Test accuracy of the same network, 0 to 1.
    pub test: Option<f64>,
    /// Validation accuracy by epoch, if it was recorded.
    pub curve: Vec<(f64, f64)>,
}

/// Published trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedTrials {
    /// The publication.
    pub source: String,
    /// A value for each setting, and the validation accuracy, 0 to 1.
    pub trials: Vec<(Vec<f64>, f64)>,
}

/// A trial and its place in the search.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) seed: u64,
    /// Counted from 0.
    pub(super) round: usize,
    pub(super) trial: &'a Trial,
    pub(super) validation: f64,
}

impl SearchReport {
    /// All trials that did not diverge, from the highest validation accuracy to the lowest; of
    /// equal ones the earlier comes first.
    pub(super) fn ranked(&self) -> Vec<Placed<'_>> {
        let mut ranked: Vec<Placed<'_>> = self.searches.iter().flat_map(Search::placed).collect();
        ranked.sort_by(|left, right| right.validation.total_cmp(&left.validation));
        ranked
    }

    /// The best trial of each seed.
    pub(super) fn best_of_each(&self) -> Vec<Placed<'_>> {
        self.searches.iter().filter_map(Search::best).collect()
    }

    pub(super) fn all_trials(&self) -> impl Iterator<Item = &Trial> {
        let rounds = self.searches.iter().flat_map(|search| &search.rounds);
        rounds.flat_map(|round| &round.trials)
    }
}

impl Search {
    pub(super) fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let rounds = self.rounds.iter().enumerate();
        rounds.flat_map(move |(round, of_round)| {
            of_round.trials.iter().filter_map(move |trial| {
                Some(Placed {
                    seed: self.seed,
                    round,
                    trial,
                    validation: trial.validation?,
                })
            })
        })
    }

    pub(super) fn best(&self) -> Option<Placed<'_>> {
        let mut best: Option<Placed<'_>> = None;
        for placed in self.placed() {
            if best.is_none_or(|known| placed.validation > known.validation) {
                best = Some(placed);
            }
        }
        best
    }
}

/// A value with three digits.
pub(super) fn short(value: f64) -> String {
    let rounded = format!("{value:.2e}").parse().unwrap_or(value);
    setting_value(rounded)
}

pub(super) fn percent(share: f64) -> String {
    fixed(100.0 * share, 1)
}
