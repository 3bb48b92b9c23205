//! Which keys a config may have, and what a misspelt one was meant to be.

use std::sync::LazyLock;

use downhill::OptimizerConfig;
use toml::{Table, Value};

use crate::config::layers::join;
use crate::config::training::TrainingConfig;
use crate::error::TrainError;

/// Similarity, from 0 to 1, from which on another word is offered.
const SIMILAR: f64 = 0.7;

/// Seeds of an experiment that does not say how many.
pub(crate) const DEFAULT_SEEDS: u64 = 8;

/// The largest number of seeds.
pub(crate) const MAX_SEEDS: i64 = 100_000;

/// Keys of an experiment beside those of a training.
const EXPERIMENT_KEYS: [&str; 9] = [
    "seeds",
    "baseline",
    "methods",
    "grid",
    "target",
    "published",
    "valley",
    "gradient-check",
    "search",
];

/// The word of `known` that `word` was probably meant to be.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let score = |other: &str| strsim::jaro_winkler(&word.to_lowercase(), other);
    known
        .into_iter()
        .map(|other| (score(other), other))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

/// The default settings of a training.
pub(crate) static DEFAULT_CONFIG: LazyLock<Table> =
    LazyLock::new(|| as_table(&TrainingConfig::default()));

/// Every key of a training, as a table of defaults with all optimizers side by side.
pub(crate) static TRAINING_KEYS: LazyLock<Table> = LazyLock::new(|| {
    let mut keys = DEFAULT_CONFIG.clone();
    let mut all: Table = OptimizerConfig::all().iter().flat_map(as_table).collect();
    for (_, settings) in &mut all {
        open_kinds(settings);
    }
    keys.insert("optimizer".into(), Value::Table(all));
    keys
});

/// Every key of an experiment, those of a training among them.
pub(crate) static ALL_KEYS: LazyLock<Table> = LazyLock::new(|| {
    let mut keys = TRAINING_KEYS.clone();
    keys.extend(EXPERIMENT_KEYS.map(|key| (key.to_owned(), Value::Boolean(true))));
    keys
});

/// Adds what an optimizer's settings may begin with, and leaves the kinds within them, of which
/// there are more than the default, to the config itself.
fn open_kinds(settings: &mut Value) {
    let Some(settings) = settings.as_table_mut() else {
        return;
    };
    for (key, value) in settings.iter_mut() {
        match (key.as_str(), &value) {
            ("others", _) => open_kinds(value),
            (_, Value::Table(_)) => *value = Value::Boolean(true),
            _ => {}
        }
    }
    settings.insert("preset".into(), Value::Boolean(true));
}

/// A config as a table.
pub(crate) fn as_table(config: &impl serde::Serialize) -> Table {
    Table::try_from(config).expect("a config has string keys and no absent values")
}

/// Whether all keys of an experiment are known.
///
/// # Errors
///
/// Names the first unknown one, where it stands (by `place`, from its path) and the nearest known.
pub(crate) fn check_experiment(
    table: &Table,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    check(table, &ALL_KEYS, "", place)?;
    let Some(methods) = table.get("methods") else {
        return Ok(());
    };
    let no_table = |path: &str| {
        let place = place(path);
        TrainError::Config(format!(
            "{place}: `{path}` must be a table of settings, such as [methods.none]"
        ))
    };
    let methods = methods.as_table().ok_or_else(|| no_table("methods"))?;
    for (name, method) in methods {
        let path = join("methods", name);
        let method = method.as_table().ok_or_else(|| no_table(&path))?;
        check(method, &TRAINING_KEYS, &path, place)?;
    }
    Ok(())
}

fn check(
    table: &Table,
    known: &Table,
    path: &str,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    for (key, value) in table {
        let full = join(path, key);
        match (known.get(key), value) {
            (None, _) => {
                let names = || known.keys().map(String::as_str);
                let remedy = match did_you_mean(key, names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known here: {}", names().collect::<Vec<_>>().join(", ")),
                };
                let place = place(&full);
                return Err(TrainError::Config(format!(
                    "{place}: unknown key `{full}`; {remedy}"
                )));
            }
            (Some(Value::Table(known)), Value::Table(inner)) => check(inner, known, &full, place)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let place = |path: &str| format!("here at {path}");
        check_experiment(&text.parse().unwrap(), &place)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_place_and_what_was_meant() {
        assert_eq!(
            error("optimizer.sgd.learnig_rate = 1"),
            "here at optimizer.sgd.learnig_rate: unknown key `optimizer.sgd.learnig_rate`; \
             did you mean `learning_rate`?"
        );
        assert!(error("methods.x.model.droput = 1").ends_with("did you mean `dropout`?"));
        assert!(error("optimizer.adm = {}").ends_with("did you mean `adam`?"));
        assert!(error("seed = 1").ends_with("did you mean `seeds`?"));
    }

    #[test]
    fn a_key_like_no_other_gets_the_list() {
        let message = error("training.zzz = 1");
        assert!(
            message.ends_with(
                "known here: batch, batch_order, updates, evaluate_every, record_losses, \
                 record_activations, pretraining"
            ),
            "{message}"
        );
    }

    #[test]
    fn methods_know_no_seeds_and_no_methods() {
        assert!(error("methods.x.seeds = 1").contains("unknown key `methods.x.seeds`"));
    }
}
