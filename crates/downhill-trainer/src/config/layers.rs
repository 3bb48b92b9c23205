//! Layers of settings: file, method, command line. Each overrides those below.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::images::TrainingImages;
use crate::config::lines::Lines;
use crate::config::words::{shown, typed};
use crate::error::TrainError;

/// Whether the table at a path has exactly one key, which names its kind, so that another key
/// replaces the table. That holds for all tables within an optimizer's settings except Muon's
/// `others`, and for schedules, also within another.
fn is_one_of(path: &str) -> bool {
    match path.split('.').collect::<Vec<_>>().as_slice() {
        ["optimizer"] | ["model", "initialization"] => true,
        // Names, each with its number.
        ["optimizer", "formula", "settings" | "state"] => false,
        ["optimizer", _, setting] => *setting != "others",
        ["optimizer", _, "others", _] => true,
        ["schedules", below @ ..] => below.len() % 2 == 1,
        _ => false,
    }
}

/// The origin of a value that is not written anywhere.
pub(crate) const DEFAULT: &str = "default";

/// What was written for numbers, such as `"10 %" = 100`, by the path of the leaf.
pub(crate) type Notes = BTreeMap<String, Vec<String>>;

/// Settings, and the origin of each value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    pub(crate) table: Table,
    /// The origins, by the path of a leaf such as `training.batch`.
    pub(crate) origins: BTreeMap<String, String>,
    /// What was written for lengths of the recipe.
    pub(crate) notes: Notes,
    /// The lines of the config file.
    pub(crate) lines: Arc<Lines>,
    /// The images that lengths in epochs refer to.
    pub(crate) images: Arc<TrainingImages>,
}

impl Layers {
    /// Lays `top` over the settings; its values come from `origin`.
    pub(crate) fn lay(&mut self, top: &Table, origin: &str) {
        lay(&mut self.table, top, "", origin, &mut self.origins);
    }

    /// Lays `bottom` under the settings: adds the values that are missing.
    pub(crate) fn lay_below(&mut self, bottom: &Table, origin: &str) {
        let top = std::mem::take(self);
        self.lines.clone_from(&top.lines);
        self.images.clone_from(&top.images);
        self.lay(bottom, origin);
        self.lay(&top.table, origin);
        self.origins.extend(top.origins);
    }

    /// The origin of the value at a path, or of the first value below, if possible one that is
    /// written, or of the nearest above it.
    pub(crate) fn origin(&self, path: &str) -> Option<&str> {
        self.leaf_and_origin(path).map(|(_, origin)| origin)
    }

    fn leaf_and_origin(&self, path: &str) -> Option<(&str, &str)> {
        let below = || (self.origins.iter()).filter(|(leaf, _)| is_at_or_below(leaf, path));
        let found = (self.origins.get_key_value(path))
            .or_else(|| below().find(|(_, origin)| *origin != DEFAULT))
            .or_else(|| below().next())
            .or_else(|| {
                let above = self.origins.iter().rev();
                let mut above = above.filter(|(leaf, _)| is_at_or_below(path, leaf));
                above.next()
            });
        found.map(|(leaf, origin)| (leaf.as_str(), origin.as_str()))
    }

    /// Reads the value of a key such as `grid`; `None` if it is absent.
    pub(crate) fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, TrainError> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        self.table_at(key, value)?;
        let value = typed(value, key).map_err(|(path, message)| self.blame(&path, &message))?;
        Ok(Some(value))
    }

    /// Refuses a value that is not a table. (serde also reads a table from a list of its values.)
    pub(crate) fn table_at(&self, path: &str, value: &Value) -> Result<(), TrainError> {
        match value.is_table() {
            true => Ok(()),
            false => {
                let message = format!("{path} must be a table, got {}", shown(value));
                Err(self.blame(path, &message))
            }
        }
    }

    /// Returns an error about the value at a path that names its origin.
    pub(crate) fn blame(&self, path: &str, message: &str) -> TrainError {
        TrainError::Config(format!("{message} (from {})", self.place(path)))
    }

    /// The origin of the value at a path, with the line in the file.
    pub(crate) fn place(&self, path: &str) -> String {
        // The elements of a list have the origin of the list. A quoted key may contain a bracket.
        let is_key = self.origins.keys().any(|leaf| is_at_or_below(leaf, path));
        let whole = match is_key {
            true => path,
            false => path.split('[').next().unwrap_or(path),
        };
        let (leaf, origin) = self.leaf_and_origin(whole).unwrap_or((whole, DEFAULT));
        let placed = self.lines.placed(path, origin);
        let placed = placed.or_else(|| self.lines.placed(leaf, origin));
        placed.unwrap_or_else(|| origin.to_owned())
    }

    /// The leaves with their values, in the order of the table.
    pub(crate) fn leaves(&self) -> Vec<(String, Value)> {
        leaves(&self.table)
    }
}

/// The leaves of a table with their values, in its order: `training.batch` and the like.
pub(crate) fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    collect(table, "", &mut leaves);
    leaves
}

fn collect(table: &Table, path: &str, leaves: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = join(path, key);
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, &path, leaves),
            leaf => leaves.push((path, leaf.clone())),
        }
    }
}

/// Returns a table with a value at a dotted path: `a.b` and 1 give `{ a = { b = 1 } }`.
pub(crate) fn nested(path: &str, value: Value) -> Table {
    let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
    let table = Table::from_iter([(key.trim().to_owned(), value)]);
    match above {
        "" => table,
        above => nested(above, Value::Table(table)),
    }
}

/// The value at a path such as `model.dropout`.
pub(crate) fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = table.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.get(key))
}

/// Returns `path.key`, or `key` at the top.
pub(crate) fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn lay(
    under: &mut Table,
    top: &Table,
    path: &str,
    origin: &str,
    origins: &mut BTreeMap<String, String>,
) {
    for (key, value) in top {
        let path = join(path, key);
        let other_kind = |there: &Table, new: &Table| {
            // Settings and state belong to their formula.
            is_one_of(&path) && !new.keys().all(|kind| there.contains_key(kind))
                || path == "optimizer.formula" && new.contains_key("update")
                // No schedules, as `gradients = []` means no changes.
                || path == "schedules" && new.is_empty()
        };
        match (under.get_mut(key), value) {
            (Some(Value::Table(there)), Value::Table(new)) if !other_kind(there, new) => {
                lay(there, new, &path, origin, origins);
            }
            (_, value) => {
                origins.retain(|leaf, _| !is_at_or_below(leaf, &path));
                under.insert(key.clone(), value.clone());
                let mut new = Vec::new();
                match value {
                    Value::Table(table) if !table.is_empty() => collect(table, &path, &mut new),
                    leaf => new.push((path, leaf.clone())),
                }
                origins.extend(new.into_iter().map(|(leaf, _)| (leaf, origin.to_owned())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(texts: &[(&str, &str)]) -> Layers {
        let mut layers = Layers::default();
        for (origin, text) in texts {
            layers.lay(&text.parse().unwrap(), origin);
        }
        layers
    }

    #[test]
    fn the_later_layer_wins_and_is_the_origin() {
        let layers = layers(&[
            ("default", "training = { batch = 1, updates = 2 }"),
            ("file", "training.batch = 3"),
        ]);
        assert_eq!(
            layers.table,
            "training = { batch = 3, updates = 2 }".parse().unwrap()
        );
        assert_eq!(layers.origin("training.batch"), Some("file"));
        assert_eq!(layers.origin("training.updates"), Some("default"));
    }

    #[test]
    fn another_optimizer_replaces_the_one_below() {
        let layers = layers(&[
            ("default", "optimizer.sgd.learning_rate = 0.1"),
            ("file", "optimizer.adam.learning_rate = 0.2"),
            ("set", "optimizer.adam.beta_1 = 0.8"),
        ]);
        let expected = "optimizer.adam = { learning_rate = 0.2, beta_1 = 0.8 }";
        assert_eq!(layers.table, expected.parse().unwrap());
        assert_eq!(layers.origins.len(), 2);
    }

    #[test]
    fn another_kind_of_decay_replaces_the_one_below() {
        let layers = layers(&[
            ("default", "optimizer.muon.weight_decay.l2 = 0.1"),
            ("file", "optimizer.muon.weight_decay.decoupled = 0.2"),
            ("file", "optimizer.muon.others.beta_1 = 0.5"),
            ("set", "optimizer.muon.others.beta_2 = 0.6"),
        ]);
        let expected = "optimizer.muon = { weight_decay = { decoupled = 0.2 }, \
                        others = { beta_1 = 0.5, beta_2 = 0.6 } }";
        assert_eq!(layers.table, expected.parse().unwrap());
    }

    #[test]
    fn another_formula_replaces_the_one_below_with_its_settings() {
        let layers = layers(&[
            (
                "file",
                "optimizer.formula = { learning_rate = 1, settings = { a = 1, b = 2 }, \
                 update = 'old' }",
            ),
            ("set", "optimizer.formula.settings.a = 3"),
        ]);
        let expected = "optimizer.formula = { learning_rate = 1, settings = { a = 3, b = 2 }, \
                        update = 'old' }";
        assert_eq!(layers.table, expected.parse().unwrap());
        let mut layers = layers;
        let new = "optimizer.formula = { learning_rate = 2, update = 'new' }";
        layers.lay(&new.parse().unwrap(), "method");
        assert_eq!(layers.table, new.parse().unwrap());
    }

    #[test]
    fn no_schedules_replace_those_below() {
        let layers = layers(&[
            ("file", "schedules.beta_1.cosine.steps = 9"),
            ("method", "schedules = {}"),
        ]);
        assert_eq!(layers.table, "schedules = {}".parse().unwrap());
        assert_eq!(layers.origin("schedules"), Some("method"));
    }

    #[test]
    fn a_table_replaces_a_word_and_a_word_a_table() {
        let layers = layers(&[
            ("default", "model.initialization = 'he'"),
            ("file", "model.initialization.std = 0.1"),
        ]);
        assert_eq!(layers.origin("model.initialization"), Some("file"));
        let mut layers = layers;
        layers.lay(&"model.initialization = 'xavier'".parse().unwrap(), "set");
        assert_eq!(layers.origins.len(), 1);
        assert_eq!(layers.origin("model.initialization.std"), Some("set"));
    }
}
