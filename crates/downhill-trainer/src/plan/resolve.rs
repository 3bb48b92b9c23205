//! Settings as written, completed by the defaults.

use toml::{Table, Value};

use crate::config::images::TrainingImages;
use crate::config::keys::{DEFAULT_CONFIG, as_table};
use crate::config::layers::{DEFAULT, Layers, at, join, leaves, nested};
use crate::config::recipe::{
    RECIPE, RunLength, SWITCHES, choose_kinds, with_lengths, without_lengths,
};
use crate::config::training::{Amount, TrainingConfig};
use crate::config::words::{shown, typed};
use crate::error::TrainError;

/// The lowest layer: SGD without a preset has the book's settings.
pub(crate) fn default_optimizer() -> Table {
    nested("optimizer.sgd.preset", Value::from("book"))
}

/// Returns the settings, and the layers completed by the defaults.
pub(crate) fn resolve(layers: &Layers) -> Result<(TrainingConfig, Layers), TrainError> {
    let written = layers;
    let mut layers = layers.clone();
    choose_kinds(&mut layers);
    // `false` lies over that of the experiment.
    for path in SWITCHES {
        if at(&layers.table, path) == Some(&Value::Boolean(false)) {
            remove(&mut layers.table, path);
        }
    }
    refuse_lists(&DEFAULT_CONFIG, &layers.table, "", &layers)?;
    let mut config = read(without_lengths(&layers), &layers)?;
    let of_epoch = || updates_of_epoch(&config, &layers.images);
    let run = RunLength {
        updates: config.training.updates,
        of_epoch: match layers.images.are_unused {
            true => None,
            false => Some(&of_epoch),
        },
    };
    let (table, notes) = with_lengths(&layers, run)?;
    layers.table = table;
    let has_recipe = RECIPE.iter().any(|key| layers.table.contains_key(*key));
    if has_recipe || !notes.is_empty() {
        config = read(layers.table.clone(), &layers)?;
        refuse_lists_in_recipe(&config, &layers)?;
    }
    let layers = &layers;
    let mut full = Layers {
        lines: layers.lines.clone(),
        images: layers.images.clone(),
        notes,
        ..Layers::default()
    };
    full.lay(&as_table(&config), DEFAULT);
    // A part of the recipe that is written as its default replaces that of the experiment.
    for path in RECIPE.into_iter().chain(SWITCHES) {
        if let (None, Some(written)) = (at(&full.table, path), at(&written.table, path)) {
            full.lay(&nested(path, written.clone()), DEFAULT);
        }
    }
    // A table without settings has a place, too.
    for path in SWITCHES {
        if let Some(origin) = written.origins.get(path) {
            full.origins.insert(path.to_owned(), origin.clone());
        }
    }
    let preset = preset(layers, config.optimizer.name());
    for (path, origin) in &mut full.origins {
        if let Some(found) = origin_of(written, path) {
            origin.clone_from(found);
        } else if let Some(preset) = &preset
            && path.starts_with("optimizer.")
            // Muon's other optimizer has a preset of its own.
            && !path.contains(".others.")
        {
            origin.clone_from(preset);
        }
    }
    Ok((config, full))
}

/// Removes the value at a path.
fn remove(table: &mut Table, path: &str) {
    match path.split_once('.') {
        None => drop(table.remove(path)),
        Some((key, below)) => {
            if let Some(Value::Table(table)) = table.get_mut(key) {
                remove(table, below);
            }
        }
    }
}

/// The origin of a value that is written: as it is, or in a short form.
fn origin_of<'a>(written: &'a Layers, path: &str) -> Option<&'a String> {
    let is_short = |above: &str| at(&written.table, above).is_some_and(|it| !it.is_table());
    written.origins.get(path).or_else(|| {
        let (above, _) = path.rsplit_once('.')?;
        written.origins.get(above).filter(|_| is_short(above))
    })
}

/// The updates of an epoch: its complete batches.
fn updates_of_epoch(config: &TrainingConfig, images: &TrainingImages) -> Result<u64, TrainError> {
    let available = match config.data.train_images {
        Amount::Images(images) => images,
        Amount::All => images.number(&config.data.source)?,
    };
    let images = config.data.images_to_train_on(available);
    // Settings that do not fit are refused with the data.
    Ok((images / config.training.batch.max(1)).max(1) as u64)
}

fn read(table: Table, layers: &Layers) -> Result<TrainingConfig, TrainError> {
    typed(&Value::Table(table), "").map_err(|(path, words)| {
        let message = match (at(&DEFAULT_CONFIG, &path), at(&layers.table, &path)) {
            (Some(Value::Table(default)), Some(found))
                if !found.is_table() && path != "optimizer" =>
            {
                let default = Value::Table(default.clone());
                format!(
                    "{path} must be a table such as {default}, got {}",
                    shown(found)
                )
            }
            _ => return in_formula(layers, &path, &words),
        };
        layers.blame(&path, &message)
    })
}

/// The error about a value; about a formula, it names the key that is wrong.
fn in_formula(layers: &Layers, path: &str, words: &str) -> TrainError {
    let about = words
        .strip_prefix(path)
        .and_then(|rest| rest.strip_prefix(": "));
    match about.and_then(|about| about.split_once([',', ':'])) {
        Some((key, _)) if path.ends_with("optimizer.formula") && !key.contains(' ') => {
            let path = join(path, key);
            let message = words.replacen(": ", ".", 1);
            layers.blame(&path, &message)
        }
        _ => layers.blame(path, words),
    }
}

/// Refuses lists where tables belong in the recipe.
fn refuse_lists_in_recipe(config: &TrainingConfig, layers: &Layers) -> Result<(), TrainError> {
    let read = as_table(config);
    for key in RECIPE {
        let pair = layers.table.get(key).zip(read.get(key));
        if let Some((path, list, table)) = pair.and_then(|pair| list_for_table(pair, key)) {
            let message = format!(
                "{path} must be a table such as {table}, got {}",
                shown(list)
            );
            return Err(layers.blame(&path, &message));
        }
    }
    Ok(())
}

/// The first list that was read as a table: its path, and both.
fn list_for_table<'a>(
    (written, read): (&'a Value, &'a Value),
    path: &str,
) -> Option<(String, &'a Value, &'a Value)> {
    match (written, read) {
        (Value::Array(_), Value::Table(_)) => Some((path.to_owned(), written, read)),
        (Value::Table(written), Value::Table(read)) => written
            .iter()
            .find_map(|(key, value)| list_for_table((value, read.get(key)?), &join(path, key))),
        (Value::Array(written), Value::Array(read)) => {
            let mut pairs = written.iter().zip(read).enumerate();
            pairs.find_map(|(at, pair)| list_for_table(pair, &format!("{path}[{at}]")))
        }
        _ => None,
    }
}

/// Refuses lists where tables belong. (serde also reads a table from a list of its values.)
fn refuse_lists(
    known: &Table,
    written: &Table,
    path: &str,
    layers: &Layers,
) -> Result<(), TrainError> {
    for (key, value) in written {
        let path = join(path, key);
        match (known.get(key), value) {
            (Some(Value::Table(known)), Value::Table(inner)) if path != "optimizer" => {
                refuse_lists(known, inner, &path, layers)?;
            }
            (Some(Value::Table(known)), Value::Array(_)) => {
                let table = Value::Table(known.clone());
                let message = match path.as_str() {
                    "optimizer" => "optimizer must be a table such as { adam = {} }".to_owned(),
                    _ => format!("{path} must be a table such as {table}"),
                };
                let message = format!("{message}, got {}", shown(value));
                return Err(layers.blame(&path, &message));
            }
            (_, Value::Array(list)) if path == "model.convolutions" => {
                for (at, convolution) in list.iter().enumerate() {
                    layers.table_at(&format!("{path}[{at}]"), convolution)?;
                }
            }
            _ => {}
        }
    }
    let optimizer = at(&layers.table, "optimizer").filter(|_| path.is_empty());
    for (name, settings) in optimizer.and_then(Value::as_table).into_iter().flatten() {
        layers.table_at(&format!("optimizer.{name}"), settings)?;
    }
    Ok(())
}

/// The preset of the optimizer and its origin; `None` if none is written.
fn preset(layers: &Layers, optimizer: &str) -> Option<String> {
    let path = format!("optimizer.{optimizer}.preset");
    let preset = at(&layers.table, &path)?.as_str()?;
    let origin = layers.origins.get(&path)?;
    (origin != DEFAULT).then(|| format!("preset {preset} from {origin}"))
}

/// The leaves of `layers` that differ from `base`, as TOML.
pub(crate) fn changes(base: &Layers, layers: &Layers) -> Vec<String> {
    let shared = leaves(&base.table);
    let update = |layers: &Layers| at(&layers.table, "optimizer.formula.update").cloned();
    // Another formula replaces the whole of one below.
    let replaces = update(base) != update(layers);
    let is_replaced = |path: &str| replaces && path.starts_with("optimizer.formula.");
    leaves(&layers.table)
        .into_iter()
        .filter(|leaf| !shared.contains(leaf) || is_replaced(&leaf.0))
        .map(|(path, value)| format!("{path} = {value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_of_the_default_optimizer_counts() {
        let mut layers = Layers::default();
        layers.lay(&default_optimizer(), DEFAULT);
        let written = "optimizer.sgd = { preset = 'torch', weight_decay = { l2 = 0.5 } }";
        layers.lay(&written.parse().unwrap(), "file");
        let (config, layers) = resolve(&layers).unwrap();
        let torch = downhill::SgdConfig::torch().with_weight_decay(downhill::WeightDecay::L2(0.5));
        assert_ne!(
            torch.learning_rate,
            downhill::SgdConfig::book().learning_rate
        );
        assert_eq!(config.optimizer, torch.into());
        let origin = |setting: &str| layers.origin(&format!("optimizer.sgd.{setting}"));
        assert_eq!(origin("learning_rate"), Some("preset torch from file"));
        assert_eq!(origin("weight_decay"), Some("file"));
    }
}
