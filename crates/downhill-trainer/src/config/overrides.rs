//! The settings of `--set`, to lay over the others.

use toml::{Table, Value};

use crate::config::calls::is_call;
use crate::config::keys::{TRAINING_KEYS, check_experiment};
use crate::config::layers::nested;
use crate::config::recipe::{is_length, read_calls, spell_out};
use crate::error::TrainError;

/// The settings of `--set`.
pub(crate) struct Overrides {
    /// Each with its origin, such as `--set training.batch=50`.
    pub(crate) tables: Vec<(String, Table)>,
}

impl Overrides {
    pub(crate) fn parse(texts: &[String]) -> Result<Self, TrainError> {
        let parse = |text: &String| {
            let origin = format!("--set {text}");
            let mut table = parse_override(text)?;
            check_experiment(&table, &|_| origin.clone())?;
            read_calls(&mut table, &|_| origin.clone())?;
            spell_out(&mut table);
            Ok((origin, table))
        };
        let tables = texts.iter().map(parse).collect::<Result<_, TrainError>>()?;
        Ok(Self { tables })
    }

    /// The settings that concern a method, in the order given: those for all methods and those
    /// under `methods.NAME`; and whether they name the method.
    pub(crate) fn for_method(&self, name: &str) -> impl Iterator<Item = (&str, Table, bool)> {
        self.tables.iter().map(move |(origin, table)| {
            let own = table.get("methods").and_then(|methods| methods.get(name));
            match own.and_then(Value::as_table) {
                Some(own) => (origin.as_str(), own.clone(), true),
                None => (origin.as_str(), without_experiment_keys(table), false),
            }
        })
    }
}

/// Gives the only leaf of a table this value.
fn set_leaf(table: &mut Table, value: &Value) {
    match table.iter_mut().next() {
        Some((_, Value::Table(inner))) => set_leaf(inner, value),
        Some((_, leaf)) => *leaf = value.clone(),
        None => {}
    }
}

/// Parses `a.b=value`, in which a key with dots is in quotes. The value is TOML, or a word, a
/// length or a call without quotes.
fn parse_override(text: &str) -> Result<Table, TrainError> {
    let wrong = || {
        TrainError::Config(format!(
            "--set {text}: expected KEY=VALUE, such as training.batch=50"
        ))
    };
    let trimmed = |at: usize| (text[..at].trim(), text[at + 1..].trim());
    let splits = || text.match_indices('=').map(|(at, _)| trimmed(at));
    // A key in quotes may contain `=`.
    let quoted = splits().find_map(|(path, value)| Some((keys(path)?, value)));
    let (mut keys, value) = match quoted {
        Some(keys_and_value) => keys_and_value,
        None => {
            let (path, value) = splits().next().ok_or_else(wrong)?;
            if path.split('.').any(|key| key.trim().is_empty()) {
                return Err(wrong());
            }
            (nested(path, Value::Boolean(true)), value)
        }
    };
    if value.is_empty() {
        return Err(wrong());
    }
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let parsed = parsed.filter(|table| table.len() == 1);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let value = match parsed.and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        None if is_length(value)
            || is_call(value)
            || value.starts_with(char::is_alphabetic) && value.bytes().all(word) =>
        {
            Value::String(value.to_owned())
        }
        None => {
            return Err(TrainError::Config(format!(
                "--set {text}: {value} is not a TOML value such as 50, 1e-3, \"word\" or [100, 100]"
            )));
        }
    };
    set_leaf(&mut keys, &value);
    Ok(keys)
}

/// The tables of a path in TOML, with a placeholder for the value.
fn keys(path: &str) -> Option<Table> {
    let keys = format!("{path} = true").parse::<Table>().ok()?;
    (keys.len() == 1).then_some(keys)
}

/// The settings of a training, without the keys of the experiment.
pub(crate) fn without_experiment_keys(table: &Table) -> Table {
    let shared = table
        .iter()
        .filter(|(key, _)| TRAINING_KEYS.contains_key(key.as_str()));
    shared
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_quotes_may_contain_dots_and_equals_signs() {
        for (text, keys) in [
            ("a.b=1", &["a", "b"][..]),
            (r#"a."b.c"=1"#, &["a", "b.c"]),
            (r#"a."../b=2".c = 1"#, &["a", "../b=2", "c"]),
            ("a.é=1", &["a", "é"]),
        ] {
            let table = parse_override(text).expect("it is one");
            let expected = nested_in(keys);
            assert_eq!(table, expected, "{text}");
        }
        for text in ["a", "=1", "a.=1", "a..b=1", "a="] {
            let error = parse_override(text).expect_err("it is none").to_string();
            assert!(error.starts_with(&format!("--set {text}: ")), "{error}");
        }
    }

    fn nested_in(keys: &[&str]) -> Table {
        let inner = match &keys[1..] {
            [] => Value::Integer(1),
            below => Value::Table(nested_in(below)),
        };
        Table::from_iter([(keys[0].to_owned(), inner)])
    }
}
