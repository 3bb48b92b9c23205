//! `downhill optimizers`: the optimizers, and the settings of one.

use std::io::Write;

use downhill::call::Function;
use downhill::{OptimizerConfig, Preset};
use downhill_cli::commands::OptimizersArguments;
use downhill_cli::print::print;
use downhill_report::TextTable;
use toml::{Table, Value};

use crate::config::keys::{as_table, no_optimizer};
use crate::error::TrainError;

/// The column of the settings' names.
const SETTING: &str = "setting";

/// The source of an optimizer that is registered.
const OF_THIS_PROGRAM: &str = "an optimizer of this program";

/// The optimizer whose settings are those of its own formula.
const FORMULA: &str = "formula";
const OF_A_FORMULA: &str = "\
an optimizer written as a formula, with settings and state of its own:

    [optimizer.formula]
    learning_rate = 0.01
    settings = { momentum = 0.9 }
    state = { v = \"0\" }
    update = \"\"\"
    v = momentum * v - learning_rate * g
    x = x + v
    \"\"\"

The experiment `formula` has others (`train formula --dry-run`). The repository's
docs/laboratory.md has the names and functions that a formula may use.";

/// Widest table, in characters; a wider one is split between its columns.
const WIDTH: usize = 100;

/// A number that is longer is shown as `f32` if it is one.
const LONGEST: usize = 10;

/// Prints the optimizers, or the settings of the one that is named.
///
/// # Errors
///
/// An unknown name, or output that cannot be written.
pub fn list_optimizers(
    arguments: &OptimizersArguments,
    out: &mut dyn Write,
) -> Result<(), TrainError> {
    let text = match &arguments.name {
        Some(name) => settings_of(name)?,
        None => all(),
    };
    print(out, &text).map_err(TrainError::output)
}

/// A line per optimizer: its key, the libraries that have it, the default first, and its source.
fn all() -> String {
    let row = |config: &OptimizerConfig| {
        let presets = presets(config);
        let presets: Vec<&str> = presets.iter().map(|(preset, _)| preset.name()).collect();
        vec![
            config.name().to_owned(),
            presets.join(" "),
            config.source().to_owned(),
        ]
    };
    let mut rows: Vec<Vec<String>> = OptimizerConfig::all().iter().map(row).collect();
    for own in OptimizerConfig::registered() {
        rows.push(vec![
            own.to_owned(),
            String::new(),
            OF_THIS_PROGRAM.to_owned(),
        ]);
    }
    TextTable::of_sentences(&["optimizer", "presets", "source"], rows).to_string()
}

/// The settings of each preset, side by side, and what the libraries call them.
fn settings_of(name: &str) -> Result<String, TrainError> {
    if OptimizerConfig::registered().contains(&name) {
        return Ok(format!("{name}\n{OF_THIS_PROGRAM}\n{}", defaults_of(name)));
    }
    if name == FORMULA {
        return Ok(format!("{FORMULA}\n{OF_A_FORMULA}\n"));
    }
    let all = OptimizerConfig::all();
    let is_named = |config: &&OptimizerConfig| config.name().eq_ignore_ascii_case(name);
    let config = all.iter().find(is_named);
    let config = config.ok_or_else(|| TrainError::Config(no_optimizer(name)))?;
    let name = config.name();
    let mut text = format!("{name}\n");
    if !config.source().is_empty() {
        text += &format!("{}\n", config.source());
    }
    let presets = presets(config);
    let columns: Vec<(String, Table)> = (presets.iter())
        .map(|(preset, config)| (preset.name().to_owned(), settings(config)))
        .collect();
    let names: Vec<String> = settings(config).keys().cloned().collect();
    let value = |(_, own): &(String, Table), setting: &str| {
        own.get(setting).map_or_else(String::new, shown)
    };
    text += &side_by_side(&names, &columns, value);

    let functions = Function::all();
    let own = functions.iter().filter(|it| it.optimizers.contains(&name));
    let columns: Vec<(String, &Function)> = own.map(|it| (it.name.clone(), it)).collect();
    if columns.is_empty() {
        return Ok(text);
    }
    let argument = |(_, function): &(String, &Function), setting: &str| {
        let own = function.arguments.iter();
        let own = own.filter(|(_, settings)| settings.contains(&setting));
        own.map(|(argument, _)| *argument)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let is_named = |setting: &&String| {
        columns
            .iter()
            .any(|column| !argument(column, setting).is_empty())
    };
    let named: Vec<String> = names.iter().filter(is_named).cloned().collect();
    text += "\nIn other libraries\n";
    text += &side_by_side(&named, &columns, argument);
    Ok(text)
}

/// The default settings of an optimizer that is registered; empty if it has none, or if one of its
/// settings has no default.
fn defaults_of(name: &str) -> String {
    let without = Table::from_iter([(name.to_owned(), Value::Table(Table::new()))]);
    let Ok(config) = without.try_into::<OptimizerConfig>() else {
        return String::new();
    };
    let defaults = settings(&config);
    let names: Vec<String> = defaults.keys().cloned().collect();
    if names.is_empty() {
        return String::new();
    }
    let columns = [("default".to_owned(), defaults)];
    side_by_side(&names, &columns, |(_, own), setting| {
        own.get(setting).map_or_else(String::new, shown)
    })
}

/// The presets of an optimizer, of which the first is the default.
fn presets(config: &OptimizerConfig) -> Vec<(Preset, OptimizerConfig)> {
    let of = |preset| OptimizerConfig::preset(config.name(), preset)?.ok();
    let all = Preset::ALL.iter();
    let mut presets: Vec<_> = all
        .filter_map(|preset| Some((*preset, of(*preset)?)))
        .collect();
    presets.sort_by_key(|(_, other)| other != config);
    presets
}

/// The settings of an optimizer by name.
fn settings(config: &OptimizerConfig) -> Table {
    match as_table(config).remove(config.name()) {
        Some(Value::Table(settings)) => settings,
        _ => Table::new(),
    }
}

/// A value without quotes and braces: `decoupled 0.01`.
fn shown(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Table(kind) if kind.len() == 1 => {
            let parts = kind
                .iter()
                .map(|(kind, number)| format!("{kind} {}", shown(number)));
            parts.collect()
        }
        // Muon's settings of other parameters.
        Value::Table(_) => "as adam".to_owned(),
        Value::Float(number) => {
            let (exact, narrow) = (format!("{number:?}"), *number as f32);
            match f64::from(narrow) == *number && exact.len() > LONGEST {
                true => format!("{narrow:?} (f32)"),
                false => exact,
            }
        }
        other => other.to_string(),
    }
}

/// A row per setting and a column per library, in several tables where one would be too wide.
fn side_by_side<T>(
    settings: &[String],
    columns: &[(String, T)],
    cell: impl Fn(&(String, T), &str) -> String,
) -> String {
    let width = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::len).max().unwrap_or(0);
    let first = width(&mut settings.iter().map(String::as_str).chain([SETTING]));
    let mut parts: Vec<Vec<&(String, T)>> = Vec::new();
    let mut left = 0;
    for column in columns {
        let cells: Vec<String> = settings.iter().map(|it| cell(column, it)).collect();
        let own = 2 + width(&mut cells.iter().map(String::as_str).chain([column.0.as_str()]));
        match parts.last_mut() {
            Some(part) if own <= left => part.push(column),
            _ => {
                parts.push(vec![column]);
                left = WIDTH - first;
            }
        }
        left = left.saturating_sub(own);
    }
    let table = |part: &Vec<&(String, T)>| {
        let mut head = vec![SETTING];
        head.extend(part.iter().map(|(name, _)| name.as_str()));
        let row = |setting: &String| {
            let cells = part.iter().map(|column| cell(column, setting));
            std::iter::once(setting.clone()).chain(cells).collect()
        };
        let rows = settings.iter().map(row).collect();
        format!("\n{}", TextTable::of_words(&head, rows))
    };
    parts.iter().map(table).collect()
}
