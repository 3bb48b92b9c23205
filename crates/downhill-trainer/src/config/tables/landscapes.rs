//! `[landscapes]`: functions of two variables that optimizers descend from many starts.

use std::collections::BTreeMap;

use downhill_data::{Purpose, Stream};
use serde::Deserialize;

use crate::config::layers::Layers;
use crate::config::tables::plane::PlaneFunction;
use crate::error::TrainError;

/// `[landscapes]` of a config file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LandscapesConfig {
    /// The largest number of updates of a descent. It ends earlier where it reaches the minimum.
    pub updates: u64,
    /// Number of starts of each seed, drawn from the region of each function, the same for all
    /// methods.
    pub starts: usize,
    /// Number of other starts of each seed, by which each method's learning rate is chosen for each
    /// function.
    #[serde(default)]
    pub tuning_starts: Option<usize>,
    /// The learning rates to choose from. Without them, each method has its own rate, and nothing
    /// is tuned.
    #[serde(default)]
    pub learning_rates: Vec<f64>,
    /// A descent has reached the minimum where the function is at most this much above it.
    pub tolerance: f64,
    /// The functions by name.
    pub functions: BTreeMap<String, LandscapeConfig>,
    /// The names in the order of the file.
    #[serde(skip)]
    order: Vec<String>,
}

/// A function of two variables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LandscapeConfig {
    /// The function of `x` and `y` as a formula, such as `(1 - x)^2 + 100 * (y - x^2)^2`.
    pub function: String,
    /// The least and the greatest `x` of a start.
    pub x: [f64; 2],
    /// The least and the greatest `y` of a start.
    pub y: [f64; 2],
    /// The least value of the function.
    pub minimum: f64,
    /// The places `x`, `y` where the function has its least value, which figures show as plus
    /// signs.
    #[serde(default)]
    pub minima: Vec<[f64; 2]>,
}

const MAX_UPDATES: u64 = 100_000;
const MAX_STARTS: usize = 10_000;
const MAX_RATES: usize = 100;
const MAX_FUNCTIONS: usize = 20;

/// The starts for the results.
const RESULTS: u64 = 0;
/// The starts by which the learning rates are chosen.
const TUNING: u64 = 1;

impl LandscapesConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        for (name, function) in written_functions(experiment) {
            experiment.table_at(&format!("landscapes.functions.{name}"), function)?;
        }
        let Some(mut landscapes) = experiment.read::<Self>("landscapes")? else {
            return Ok(None);
        };
        let refuse = |key: &str, message: &str| {
            let path = format!("landscapes.{key}");
            Err(experiment.blame(&path, &format!("{path} {message}")))
        };
        for (key, value, most) in [
            ("updates", landscapes.updates, MAX_UPDATES),
            ("starts", landscapes.starts as u64, MAX_STARTS as u64),
            (
                "tuning_starts",
                landscapes.tuning_starts.unwrap_or(1) as u64,
                MAX_STARTS as u64,
            ),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(key, &format!("must lie in 1 to {most}, got {value}"));
            }
        }
        let rates = &landscapes.learning_rates;
        if experiment.origin("landscapes.learning_rates").is_some()
            && !(1..=MAX_RATES).contains(&rates.len())
        {
            let message = format!("must be 1 to {MAX_RATES} numbers, got {}", rates.len());
            return refuse("learning_rates", &message);
        }
        if let Some(rate) = rates
            .iter()
            .find(|rate| !(**rate > 0.0 && rate.is_finite()))
        {
            let message = format!("must be finite and greater than 0, got {rate}");
            return refuse("learning_rates", &message);
        }
        if let Some(twice) =
            (rates.iter().enumerate()).find(|(at, rate)| rates[..*at].contains(rate))
        {
            return refuse(
                "learning_rates",
                &format!("must differ, but {} occurs twice", twice.1),
            );
        }
        match (landscapes.tuning_starts, rates.is_empty()) {
            (Some(_), true) => {
                let message = "has no effect without landscapes.learning_rates; remove it";
                return refuse("tuning_starts", message);
            }
            (None, false) => {
                let message = "needs landscapes.tuning_starts, the number of starts by which a \
                               rate is chosen";
                return refuse("learning_rates", message);
            }
            _ => {}
        }
        if !(landscapes.tolerance > 0.0 && landscapes.tolerance.is_finite()) {
            let message = format!(
                "must be finite and greater than 0, got {}",
                landscapes.tolerance
            );
            return refuse("tolerance", &message);
        }
        if !(1..=MAX_FUNCTIONS).contains(&landscapes.functions.len()) {
            let message = format!(
                "must hold 1 to {MAX_FUNCTIONS} functions, got {}",
                landscapes.functions.len()
            );
            return refuse("functions", &message);
        }
        for (name, function) in &landscapes.functions {
            function.check(name, landscapes.tolerance, experiment)?;
        }
        landscapes.order = (written_functions(experiment))
            .map(|(name, _)| name.clone())
            .collect();
        Ok(Some(landscapes))
    }

    /// The functions by name, in the order of the file.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&str, &LandscapeConfig)> {
        let names = self.order.iter();
        names.filter_map(|name| Some((name.as_str(), self.functions.get(name)?)))
    }

    /// Number of descents of one method, tuning included.
    pub(crate) fn descents(&self, seeds: usize) -> usize {
        let tuning = self.learning_rates.len() * self.tuning_starts.unwrap_or(0);
        self.functions.len() * seeds * (self.starts + tuning)
    }
}

/// The functions as they are written.
fn written_functions(experiment: &Layers) -> impl Iterator<Item = (&String, &toml::Value)> {
    let landscapes = experiment.table.get("landscapes");
    let functions = landscapes.and_then(|it| it.get("functions")?.as_table());
    functions.into_iter().flatten()
}

impl LandscapeConfig {
    fn check(&self, name: &str, tolerance: f64, experiment: &Layers) -> Result<(), TrainError> {
        let path = format!("landscapes.functions.{name}");
        let refuse = |key: &str, message: &str| {
            let path = format!("{path}.{key}");
            Err(experiment.blame(&path, &format!("{path} {message}")))
        };
        let is_part_of_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        if name.is_empty() || !name.chars().all(is_part_of_name) {
            let message = format!(
                "landscapes.functions: a name must be letters, digits, `-` and `_`, got {name:?}"
            );
            return Err(experiment.blame(&path, &message));
        }
        for (key, [from, to]) in [("x", self.x), ("y", self.y)] {
            if !(from < to && from.is_finite() && to.is_finite()) {
                let message =
                    format!("must be two finite numbers, the lower one first, got [{from}, {to}]");
                return refuse(key, &message);
            }
        }
        if !self.minimum.is_finite() {
            return refuse("minimum", &format!("must be finite, got {}", self.minimum));
        }
        let function = self.function(name, experiment)?;
        for place in &self.minima {
            let value = function.value(*place);
            if (value - self.minimum).abs() > tolerance || value.is_nan() {
                let message = format!(
                    "must be places of the minimum, {}, but the function is {value} at {place:?}",
                    self.minimum
                );
                return refuse("minima", &message);
            }
        }
        Ok(())
    }

    /// The function. An error about it names its place in the experiment.
    pub(crate) fn function(
        &self,
        name: &str,
        experiment: &Layers,
    ) -> Result<PlaneFunction, TrainError> {
        let path = format!("landscapes.functions.{name}.function");
        PlaneFunction::read(&self.function, &path, experiment)
    }

    /// The first starts of a seed for the results.
    pub(crate) fn starts(&self, seed: u64, number: usize) -> Vec<[f64; 2]> {
        self.drawn(seed, RESULTS, number)
    }

    /// The first starts of a seed by which learning rates are chosen.
    pub(crate) fn tuning_starts(&self, seed: u64, number: usize) -> Vec<[f64; 2]> {
        self.drawn(seed, TUNING, number)
    }

    /// Uniformly distributed points of the region. They lie alike in the regions of all functions.
    fn drawn(&self, seed: u64, counter: u64, number: usize) -> Vec<[f64; 2]> {
        let mut numbers = Stream::new(seed, Purpose::Starts, counter);
        let mut between = |[from, to]: [f64; 2]| from + (to - from) * numbers.uniform();
        (0..number)
            .map(|_| [between(self.x), between(self.y)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_lie_in_the_region_and_depend_on_the_seed_and_the_use_alone() {
        let function = LandscapeConfig {
            function: "x + y".into(),
            x: [-2.0, 2.0],
            y: [10.0, 11.0],
            minimum: 0.0,
            minima: Vec::new(),
        };
        let starts = function.starts(3, 1000);
        let inside = |[x, y]: &[f64; 2]| (-2.0..2.0).contains(x) && (10.0..11.0).contains(y);
        assert!(starts.iter().all(inside));
        assert!(starts.iter().any(|[x, _]| *x < -1.9) && starts.iter().any(|[x, _]| *x > 1.9));
        assert_eq!(function.starts(3, 10), starts[..10]);
        let others = [function.starts(4, 10), function.tuning_starts(3, 10)];
        for other in others {
            assert!(other.iter().all(|start| !starts.contains(start)));
        }
    }
}
