//! What `--set` says, as settings to lay over the others.

use toml::{Table, Value};

use crate::config::keys::{DEFAULT_CONFIG, check_experiment};
use crate::config::layers::nested;
use crate::error::TrainError;

/// What `--set` says.
pub(crate) struct Overrides {
    /// Each as a table, with its text as origin.
    pub(crate) tables: Vec<(String, Table)>,
}

impl Overrides {
    pub(crate) fn parse(texts: &[String]) -> Result<Self, TrainError> {
        let parse = |text: &String| {
            let origin = format!("--set {text}");
            let table = parse_override(text)?;
            check_experiment(&table, &|_| origin.clone())?;
            Ok((origin, table))
        };
        let tables = texts.iter().map(parse).collect::<Result<_, TrainError>>()?;
        Ok(Self { tables })
    }

    /// What concerns a method: settings for all, and those under `methods.NAME`, as given.
    pub(crate) fn for_method(&self, name: &str) -> impl Iterator<Item = (&str, Table)> {
        self.tables.iter().map(move |(origin, table)| {
            let own = table.get("methods").and_then(|methods| methods.get(name));
            match own.and_then(Value::as_table) {
                Some(own) => (origin.as_str(), own.clone()),
                None => (origin.as_str(), without_experiment_keys(table)),
            }
        })
    }
}

/// `a.b=value` as a table. The value is TOML, or a word without its quotes.
fn parse_override(text: &str) -> Result<Table, TrainError> {
    let wrong = || {
        TrainError::Config(format!(
            "--set {text}: expected KEY=VALUE, such as training.batch=50"
        ))
    };
    let (path, value) = text.split_once('=').ok_or_else(wrong)?;
    let (path, value) = (path.trim(), value.trim());
    if value.is_empty() || path.split('.').any(|key| key.trim().is_empty()) {
        return Err(wrong());
    }
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let parsed = parsed.filter(|table| table.len() == 1);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let value = match parsed.and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        None if value.starts_with(|first: char| first.is_alphabetic())
            && value.bytes().all(word) =>
        {
            Value::String(value.to_owned())
        }
        None => {
            return Err(TrainError::Config(format!(
                "--set {text}: {value} is no value of TOML, such as 50, 1e-3, \"word\" or [100, 100]"
            )));
        }
    };
    Ok(nested(path, value))
}

/// The settings of a table that a training has, without those of the experiment alone.
pub(crate) fn without_experiment_keys(table: &Table) -> Table {
    let shared = table
        .iter()
        .filter(|(key, _)| DEFAULT_CONFIG.contains_key(key.as_str()));
    shared
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
