//! `[grid]`: every method at each of several values of a setting.

use std::collections::HashSet;

use downhill_report::{Cell, Grid};
use serde::Deserialize;
use toml::{Table, Value};

use crate::config::layers::Layers;
use crate::config::varied::Varied;
use crate::error::TrainError;

/// The largest number of values.
const MAX_VALUES: usize = 1000;

/// `[grid]` of a config file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct GridConfig {
    /// Path of the setting; `*` stands for the method's optimizer.
    setting: String,
    /// Name of the setting in the report; the path by default.
    #[serde(default)]
    name: Option<String>,
    /// The values: a list, or a range with equal ratios. A value of a list, such as
    /// `model.hidden`, is its only number.
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "a list of numbers such as [0.1, 0.01], or { from = 1.0, to = 1e-4, count = 16 }"
)]
enum Values {
    List(Vec<f64>),
    Lists(Vec<[f64; 1]>),
    Logarithmic(Logarithmic),
}

/// `count` values at equal ratios, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Logarithmic {
    /// The first value.
    from: f64,
    /// The last value.
    to: f64,
    /// Number of values.
    count: usize,
}

impl GridConfig {
    /// Reads `[grid]`; `None` if the experiment has none.
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let written = experiment.table.get("grid");
        let setting = written.and_then(|grid| grid.get("setting"));
        for (path, value) in [("grid", written), ("grid.setting", setting)] {
            if value.is_some_and(Value::is_array) {
                let message = format!(
                    "{path}: a grid varies one setting; vary several with [search], or write a \
                     method for each value of the others"
                );
                return Err(experiment.blame(path, &message));
            }
        }
        let Some(grid) = experiment.read::<Self>("grid")? else {
            return Ok(None);
        };
        let values = grid.values();
        if values.is_empty() || values.len() > MAX_VALUES {
            let message = format!(
                "grid.values must be 1 to {MAX_VALUES} values, got {}",
                values.len()
            );
            return Err(experiment.blame("grid.values", &message));
        }
        if let Values::Logarithmic(Logarithmic { from, to, .. }) = grid.values
            && !(from > 0.0 && to > 0.0 && from.is_finite() && to.is_finite())
        {
            let message = format!(
                "grid.values: from and to must be finite and greater than 0, got {from} and {to}"
            );
            return Err(experiment.blame("grid.values", &message));
        }
        Ok(Some(grid))
    }

    /// The grid as the report names it.
    pub(crate) fn report(&self) -> Grid {
        let name = self.name.clone();
        Grid {
            setting: self.setting.clone(),
            name: name.unwrap_or_else(|| self.setting.clone()),
        }
    }

    /// The method at each value: its name, its place in the grid, and the setting to lay over its
    /// own.
    ///
    /// # Errors
    ///
    /// A setting that the method does not have, and two values of one name.
    pub(crate) fn cells(
        &self,
        family: &str,
        (optimizer, resolved): (&str, &Table),
        experiment: &Layers,
    ) -> Result<Vec<(String, Cell, Table)>, TrainError> {
        let origin = format!("grid.setting (from {})", experiment.place("grid.setting"));
        let varied = Varied::new(&self.setting, optimizer, resolved, &origin)?;
        let mut names = HashSet::new();
        let cell = |value: f64| {
            let value = match self.values {
                Values::Logarithmic(_) => varied.rounded(value),
                _ => value,
            };
            let shown = text(value);
            let name = format!("{family} {shown}");
            if !names.insert(name.clone()) {
                let message = format!("grid.values must differ, but {shown} occurs twice");
                return Err(experiment.blame("grid.values", &message));
            }
            let family = family.to_owned();
            let setting = Varied::with(std::slice::from_ref(&varied), &[value]).swap_remove(0);
            Ok((name, Cell { family, value }, setting))
        };
        self.values().into_iter().map(cell).collect()
    }

    fn values(&self) -> Vec<f64> {
        match &self.values {
            Values::List(values) => values.clone(),
            Values::Lists(values) => values.iter().map(|&[value]| value).collect(),
            Values::Logarithmic(range) => range.values(),
        }
    }
}

impl Logarithmic {
    fn values(self) -> Vec<f64> {
        let Self { from, to, count } = self;
        let steps = count.saturating_sub(1).max(1) as f64;
        let value = |at: usize| match at {
            0 => from,
            at if at + 1 == count => to,
            at => {
                let share = at as f64 / steps;
                // Four digits keep names and configs readable.
                let exact = from.powf(1.0 - share) * to.powf(share);
                format!("{exact:.3e}").parse().unwrap_or(exact)
            }
        };
        (0..count.min(MAX_VALUES + 1)).map(value).collect()
    }
}

/// A value as part of a method's name.
fn text(value: f64) -> String {
    match value.abs() {
        0.001..100_000.0 => value.to_string(),
        _ if value == 0.0 => "0".to_owned(),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(text: &str) -> Result<GridConfig, String> {
        let mut layers = Layers::default();
        layers.lay(&text.parse().unwrap(), "file");
        GridConfig::of(&layers)
            .map(Option::unwrap)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_listed_or_at_equal_ratios() {
        let list = grid("grid = { setting = 'a.b', values = [3, 0.5] }").unwrap();
        assert_eq!(list.values(), [3.0, 0.5]);
        let range = "grid = { setting = 'a', values = { from = 1, to = 1e-4, count = 16 } }";
        let values = grid(range).unwrap().values();
        assert_eq!(values.len(), 16);
        assert_eq!((values[0], values[1], values[15]), (1.0, 0.5412, 1e-4));
        assert!(values.is_sorted_by(|larger, smaller| larger > smaller));
    }

    #[test]
    fn a_star_is_the_methods_optimizer() {
        let grid = grid("grid = { setting = 'optimizer.*.learning_rate', values = [1e-5] }");
        let cells = grid
            .unwrap()
            .cells("fast", ("adam", &Table::new()), &Layers::default());
        let (name, cell, table) = cells.unwrap().remove(0);
        assert_eq!((name.as_str(), cell.value), ("fast 1e-5", 1e-5));
        assert_eq!(
            table,
            "optimizer.adam.learning_rate = 1e-5".parse().unwrap()
        );
    }

    #[test]
    fn a_grid_that_cannot_be_is_refused() {
        let refused = |text: &str| grid(text).unwrap_err();
        let message = refused("grid = { setting = 'a', values = [] }");
        assert_eq!(
            message,
            "grid.values must be 1 to 1000 values, got 0 (from file)"
        );
        let message = refused("grid = { setting = 'a', values = { from = 0, to = 1, count = 3 } }");
        assert!(message.contains("greater than 0, got 0 and 1"), "{message}");
        let message = refused("grid = { setting = 'a', value = [1] }");
        assert!(message.contains("unknown key `grid.value`"), "{message}");
        let message = refused("grid = { setting = 'a', values = 'x' }");
        assert!(message.contains("a list of numbers such as"), "{message}");
    }
}
