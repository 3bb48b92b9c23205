//! The keys that a config may have, and suggestions for misspelt ones.

use std::sync::LazyLock;

use downhill::OptimizerConfig;
use toml::{Table, Value};

use crate::config::calls::same_as;
use crate::config::layers::join;
use crate::config::names::names_of_optimizers;
use crate::config::recipe::{EPOCHS, RECIPE, is_number};
use crate::config::similar::did_you_mean;
use crate::config::training::TrainingConfig;
use crate::config::words::shown;
use crate::error::TrainError;

/// Number of seeds if the config does not set it.
pub(crate) const DEFAULT_SEEDS: u64 = 8;

/// The largest number of seeds.
pub(crate) const MAX_SEEDS: i64 = 100_000;

/// Keys of an experiment that are not settings of a training.
const EXPERIMENT_KEYS: [&str; 11] = [
    "seeds",
    "may_diverge",
    "baseline",
    "methods",
    "grid",
    "target",
    "published",
    "valley",
    "landscapes",
    "gradient-check",
    "search",
];

/// Keys of an optimizer that is a formula.
const FORMULA: [&str; 4] = ["learning_rate", "settings", "state", "update"];

/// What to write in place of a key that other libraries have.
fn advice(path: &str, key: &str) -> Option<String> {
    let keys: Vec<&str> = path.split('.').collect();
    let keys = match keys.as_slice() {
        ["methods", _, below @ ..] => below,
        [""] => &[],
        all => all,
    };
    let rate = "set the `learning_rate` of the optimizer, such as `optimizer.sgd.learning_rate`";
    if let ["optimizer"] = keys
        && let Some(same) = same_as(key)
    {
        return Some(format!("write {same}"));
    }
    let text = match (keys, key) {
        (_, "epochs" | "epoch" | "num_epochs" | "max_epochs") => {
            "set `training.epochs`, or the number of batches, `training.updates`"
        }
        (["optimizer", name], "lr" | "eta" | "step_size") => {
            return Some(format!("set `optimizer.{name}.learning_rate`"));
        }
        ([] | ["training" | "optimizer"], "learning_rate" | "rate") => rate,
        (_, "lr" | "eta" | "step_size") => rate,
        (["optimizer", "sgd"], "momentum") => "it is an optimizer of its own, `optimizer.momentum`",
        (["optimizer", "sgd" | "momentum"], "nesterov") => {
            "it is an optimizer of its own, `optimizer.nesterov`"
        }
        (["optimizer", _], "betas") => "set `beta_1` and `beta_2`",
        (["optimizer"], "name" | "type" | "kind") => {
            "the name of the optimizer is the name of its table, such as [optimizer.adam]"
        }
        (
            [],
            "clip" | "clipping" | "grad_clip" | "clip_norm" | "max_grad_norm" | "clip-global-norm",
        ) => "set `gradients = [{ clip-global-norm = 1.0 }]`",
        ([], "ema" | "swa" | "lookahead" | "averages") => {
            "set `weights`, such as `weights = [{ ema = 0.999 }]`"
        }
        ([], "mechanic" | "schedule-free" | "schedule_free") => {
            return Some(format!(
                "set `weights`, such as `weights = [{{ {} = {{}} }}]`",
                key.replace('_', "-")
            ));
        }
        ([], "mars") => "set `gradients = [{ mars = {} }]`",
        ([], "loss_scale") => {
            "leave it out, and of a call of LossScaleOptimizer take the optimizer inside it: \
             networks are trained in `f32` here, which needs no scale of the loss"
        }
        ([], "warmup" | "warm_up" | "warm-up" | "warmup_steps") => {
            "set `schedules.learning_rate.warm-up`"
        }
        ([], "batch_size" | "batch") => "set `training.batch`",
        ([], "updates" | "steps" | "iterations") => "set `training.updates`",
        ([], "hidden" | "activation" | "dropout" | "batch_norm" | "initialization") => {
            return Some(format!("set `model.{key}`"));
        }
        ([], "dataset") | (["data"], "name" | "dataset" | "path" | "dir" | "directory") => {
            "set `data.source`, or the option --data-dir"
        }
        (["data"], "shuffle") => "set `training.batch_order`",
        (_, "patience" | "early_stopping" | "min_delta" | "restore_best_weights") => {
            "set `training.early_stopping`, such as { patience = 10 }, and \
             `data.validation_images`"
        }
        (["optimizer"], "lbfgs" | "l-bfgs") => {
            "it is a table of its own beside the optimizer: `lbfgs = {}`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// The default settings of a training.
pub(crate) static DEFAULT_CONFIG: LazyLock<Table> =
    LazyLock::new(|| as_table(&TrainingConfig::default()));

/// Every key of a training: the defaults, with all optimizers side by side, and those of a recipe,
/// which are left to the config type.
pub(crate) static TRAINING_KEYS: LazyLock<Table> = LazyLock::new(|| {
    let mut keys = DEFAULT_CONFIG.clone();
    let mut all: Table = OptimizerConfig::all().iter().flat_map(as_table).collect();
    for (_, settings) in &mut all {
        open_kinds(settings);
    }
    // Its names are its own.
    let formula = FORMULA.map(|key| (key.to_owned(), Value::Boolean(true)));
    all.insert(
        "formula".into(),
        Value::Table(formula.into_iter().collect()),
    );
    for own in OptimizerConfig::registered() {
        all.insert(own.into(), Value::Boolean(true));
    }
    keys.insert("optimizer".into(), Value::Table(all));
    keys.extend(RECIPE.map(|key| (key.to_owned(), Value::Boolean(true))));
    if let Some(data) = keys.get_mut("data").and_then(Value::as_table_mut) {
        data.insert("source".into(), Value::Boolean(true));
    }
    if let Some(training) = keys.get_mut("training").and_then(Value::as_table_mut) {
        for key in [EPOCHS, "gradients", "early_stopping"] {
            training.insert(key.into(), Value::Boolean(true));
        }
    }
    keys
});

/// Every key of an experiment, including those of a training.
pub(crate) static ALL_KEYS: LazyLock<Table> = LazyLock::new(|| {
    let mut keys = TRAINING_KEYS.clone();
    keys.extend(EXPERIMENT_KEYS.map(|key| (key.to_owned(), Value::Boolean(true))));
    keys
});

/// Adds the key `preset`, and leaves tables with a choice of kinds to the config type: the default
/// shows only one of the kinds.
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

/// Returns a config as a table.
pub(crate) fn as_table(config: &impl serde::Serialize) -> Table {
    Table::try_from(config).expect("a config has string keys and no absent values")
}

/// Checks that all keys of an experiment are known.
///
/// # Errors
///
/// The first unknown key, with its place (`place` of its path) and the most similar known key.
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

/// Checks that all keys of a training's settings are known.
///
/// # Errors
///
/// As [`check_experiment`].
pub(crate) fn check_training(
    table: &Table,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    check(table, &TRAINING_KEYS, "", place)
}

fn check(
    table: &Table,
    known: &Table,
    path: &str,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    for (key, value) in table {
        let full = join(path, key);
        if key == EPOCHS && known.contains_key(key) {
            check_epochs(table, value, &full).map_err(|message| {
                let place = place(&full);
                TrainError::Config(format!("{place}: {message}"))
            })?;
        }
        match (known.get(key), value) {
            (None, _) => {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                if let Some(new) = renamed(path, key) {
                    let place = place(&full);
                    return Err(TrainError::Config(format!(
                        "{place}: `{full}` is now `{}`",
                        join(path, new)
                    )));
                }
                let remedy = match (advice(path, key), did_you_mean(key, names.iter().copied())) {
                    (Some(advice), _) => advice,
                    (None, Some(meant)) => format!("did you mean `{meant}`?"),
                    (None, None) => {
                        format!("known here: {}", names.join(", "))
                    }
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

/// Checks that a length in epochs is the only one, and a number.
fn check_epochs(training: &Table, epochs: &Value, path: &str) -> Result<(), String> {
    match () {
        () if training.contains_key("updates") => {
            Err(format!("`{path}` and `updates` are both set; remove one"))
        }
        () if !is_number(epochs) => Err(format!(
            "{path} must be a number of epochs, got {}",
            shown(epochs)
        )),
        () => Ok(()),
    }
}

/// Says that there is no optimizer of this name, and which is meant.
pub(crate) fn no_optimizer(name: &str) -> String {
    let names = names_of_optimizers();
    if name.eq_ignore_ascii_case("lbfgs") {
        return "L-BFGS is a table of its own in place of the optimizer: write `lbfgs = {}`"
            .to_owned();
    }
    let renamed = OptimizerConfig::renamed(name).map(str::to_owned);
    let meant = || did_you_mean(name, names.iter().copied());
    let remedy = match renamed.or_else(|| same_as(name)) {
        Some(same) => format!("it is {same} here"),
        None => match meant() {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", names.join(", ")),
        },
    };
    format!("no optimizer `{name}`; {remedy}")
}

/// The current name of a key of the optimizers that had another name once.
fn renamed(path: &str, key: &str) -> Option<&'static str> {
    match path.split('.').collect::<Vec<_>>().as_slice() {
        [.., "optimizer"] => OptimizerConfig::renamed(key),
        [.., "optimizer", name] => {
            let all = OptimizerConfig::all();
            let own = all.iter().find(|config| config.name() == *name)?;
            let mut renamed = own.renamed_settings().iter();
            renamed.find(|(old, _)| *old == key).map(|(_, new)| *new)
        }
        _ => None,
    }
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
    fn an_old_name_is_answered_with_the_new_one() {
        assert_eq!(
            error("optimizer.prodigy.first_rate = 1e-6"),
            "here at optimizer.prodigy.first_rate: `optimizer.prodigy.first_rate` is now \
             `optimizer.prodigy.initial_d`"
        );
        let message = error("methods.x.optimizer.schedulefree = {}");
        assert!(message.ends_with("is now `methods.x.optimizer.schedule-free`"));
    }

    #[test]
    fn a_key_like_no_other_gets_the_list() {
        let message = error("training.zzz = 1");
        assert!(
            message.ends_with(
                "known here: batch, batch_order, updates, evaluate_every, record_losses, \
                 record_activations, pretraining, epochs, gradients, early_stopping"
            ),
            "{message}"
        );
    }

    #[test]
    fn methods_know_no_seeds_and_no_methods() {
        assert!(error("methods.x.seeds = 1").contains("unknown key `methods.x.seeds`"));
    }
}
