//! Checks that the settings of a method fit each other and the data.

use std::fmt::Display;

use downhill::{DescentConfig, InvalidDescent, InvalidHyperparameter, OptimizerConfig, SamConfig};
use downhill_data::ImagePair;
use downhill_model::{BatchNormConvention, InvalidModel};

use crate::config::keys::as_table;
use crate::config::layers::Layers;
use crate::config::similar::did_you_mean;
use crate::config::training::{PretrainingConfig, TrainingConfig};
use crate::error::TrainError;

/// More updates than any machine makes in a lifetime.
const MAX_UPDATES: u64 = 1_000_000_000_000;

/// More parameters than fit with their gradients into most machines' memory.
const MAX_PARAMETERS: usize = 100_000_000;

/// Checks the bounds that types do not express. Errors name the origin of the value.
pub(crate) fn check(config: &TrainingConfig, layers: &Layers) -> Result<(), TrainError> {
    let TrainingConfig {
        data,
        model,
        optimizer,
        training,
        ..
    } = config;
    model
        .check()
        .map_err(|error| invalid_model(layers, &error))?;
    let usable = |optimizer: &OptimizerConfig, table: String| {
        let built = DescentConfig::new(optimizer.clone()).build();
        let Err(InvalidDescent::Hyperparameter(InvalidHyperparameter {
            name,
            requirement,
            value,
            ..
        })) = built
        else {
            return Ok(());
        };
        let path = format!("{table}.{name}");
        let message = format!("{path} must {requirement}, got {}", number(value));
        Err(layers.blame(&path, &message))
    };
    let others = match optimizer {
        OptimizerConfig::Muon(config) => Some(&config.others),
        OptimizerConfig::NorMuon(config) => Some(&config.others),
        OptimizerConfig::AdaMuon(config) => Some(&config.others),
        _ => None,
    };
    if let Some(others) = others {
        let table = format!("optimizer.{}.others", optimizer.name());
        usable(&OptimizerConfig::Adam(others.clone()), table)?;
    }
    usable(optimizer, format!("optimizer.{}", optimizer.name()))?;
    check_recipe(config, layers)?;
    let require = |path: &str, is_met: bool, must: &str, value: &dyn Display| match is_met {
        true => Ok(()),
        false => Err(layers.blame(path, &format!("{path} must {must}, got {value}"))),
    };
    let positive = format!("lie in 1 to {MAX_UPDATES}");
    for (path, value) in [
        ("training.batch", training.batch as u64),
        ("training.updates", training.updates),
        ("training.evaluate_every", training.evaluate_every),
    ] {
        require(path, (1..=MAX_UPDATES).contains(&value), &positive, &value)?;
    }
    let mean = data.pixel_mean;
    let (is_met, must) = (mean.abs() <= 1000.0, "lie in -1000 to 1000");
    require("data.pixel_mean", is_met, must, &number(mean))?;
    let deviation = data.pixel_deviation;
    let is_met = (0.001..=1000.0).contains(&deviation);
    let must = "lie in 0.001 to 1000";
    require("data.pixel_deviation", is_met, must, &number(deviation))?;

    let PretrainingConfig {
        updates,
        corruption,
    } = training.pretraining;
    let path = "training.pretraining.corruption";
    require(
        path,
        (0.0..1.0).contains(&corruption),
        "lie in [0, 1)",
        &corruption,
    )?;
    let path = "training.pretraining.updates";
    let limit = format!("be at most {MAX_UPDATES}");
    require(path, updates <= MAX_UPDATES, &limit, &updates)?;
    let normalized = model.batch_norm != BatchNormConvention::None;
    for (hinders, reason) in [
        (!model.convolutions.is_empty(), "with convolutions"),
        (normalized, "with batch normalization"),
        (
            mean != 0.0 || deviation != 1.0,
            "with pixels that do not lie in [0, 1]",
        ),
    ] {
        require(
            path,
            updates == 0 || !hinders,
            &format!("be 0 {reason}"),
            &updates,
        )?;
    }
    if training.batch == 1 && normalized {
        let message = "training.batch must be at least 2 with batch normalization, got 1";
        return Err(layers.blame("training.batch", message));
    }
    Ok(())
}

/// Checks each part of the recipe by itself, so that an error names its place.
fn check_recipe(config: &TrainingConfig, layers: &Layers) -> Result<(), TrainError> {
    let bare = || DescentConfig::new(config.optimizer.clone());
    let usable = |path: &str, descent: &DescentConfig| {
        descent.build().map(drop).map_err(|error| {
            // A bound has the end of the path of its setting.
            let InvalidDescent::Hyperparameter(bound) = &error else {
                return layers.blame(path, &refused(path, &error, &config.optimizer));
            };
            let end = format!(".{}", bound.name);
            let is_it = |leaf: &&String| leaf.starts_with(path) && leaf.ends_with(&end);
            let leaf = layers.origins.keys().find(is_it);
            let path = leaf.map_or_else(|| format!("{path}{end}"), String::clone);
            let value = number(bound.value);
            let message = format!("{path} must {}, got {value}", bound.requirement);
            layers.blame(&path, &message)
        })
    };
    for (at, group) in config.groups.iter().enumerate() {
        usable(&format!("groups[{at}]"), &bare().with_group(group.clone()))?;
    }
    for (setting, schedule) in &config.schedules {
        let mut descent = bare().with_schedule(setting, schedule.clone());
        // It may be a setting of a group alone.
        descent.groups.clone_from(&config.groups);
        usable(&format!("schedules.{setting}"), &descent)?;
    }
    for (at, stage) in config.gradients.iter().enumerate() {
        usable(
            &format!("gradients[{at}]"),
            &bare().with_gradients(stage.clone()),
        )?;
    }
    for (at, stage) in config.weights.iter().enumerate() {
        usable(
            &format!("weights[{at}]"),
            &bare().with_weights(stage.clone()),
        )?;
    }
    let bounds = [
        ("sam", config.sam.as_ref().map(SamConfig::check)),
        (
            "lbfgs",
            config.lbfgs.as_ref().map(|it| it.build().map(drop)),
        ),
    ];
    for (table, bound) in bounds {
        if let Some(Err(error)) = bound {
            let path = format!("{table}.{}", error.name);
            let value = number(error.value);
            let message = format!("{path} must {}, got {value}", error.requirement);
            return Err(layers.blame(&path, &message));
        }
    }
    check_lbfgs(config, layers)?;
    check_length(config, layers)?;
    usable("accumulate", &config.descent())?;
    let descent = config.descent().build();
    if descent.is_ok_and(|descent| descent.uses_hessian_diagonal()) {
        let message = "optimizer: `sophia` needs the diagonal of the Hessian, which no experiment \
                       estimates; choose another optimizer, or step it by a `Descent` in code";
        return Err(layers.blame("optimizer", message));
    }
    Ok(())
}

/// Refuses what belongs to the optimizer where L-BFGS takes its place.
fn check_lbfgs(config: &TrainingConfig, layers: &Layers) -> Result<(), TrainError> {
    if config.lbfgs.is_none() {
        return Ok(());
    }
    let bare = TrainingConfig {
        model: config.model.clone(),
        training: config.training.clone(),
        lbfgs: config.lbfgs.clone(),
        optimizer: config.optimizer.clone(),
        data: config.data.clone(),
        ..TrainingConfig::default()
    };
    let (written, bare) = (as_table(config), as_table(&bare));
    if let Some(key) = written.keys().find(|key| !bare.contains_key(*key)) {
        let message = format!(
            "{key} belongs to the optimizer, in whose place L-BFGS steps; leave out `{key}`, or \
             turn it off for this method"
        );
        return Err(layers.blame(key, &message));
    }
    for (path, is_met) in [
        ("model.max_norm", config.model.max_norm == 0.0),
        (
            "training.pretraining.updates",
            config.training.pretraining.updates == 0,
        ),
    ] {
        if !is_met {
            let message = format!("{path} must be 0 with L-BFGS");
            return Err(layers.blame(path, &message));
        }
    }
    Ok(())
}

/// Checks what ends a run besides its number of updates.
fn check_length(config: &TrainingConfig, layers: &Layers) -> Result<(), TrainError> {
    let refuse = |path: &str, must: &str, got: &dyn Display| {
        Err(layers.blame(path, &format!("{path} must {must}, got {got}")))
    };
    if config.training.gradients == Some(0) {
        return refuse("training.gradients", "be at least 1", &0);
    }
    let Some(stopping) = &config.training.early_stopping else {
        return Ok(());
    };
    if config.data.validation_images == 0 {
        let message = "training.early_stopping needs images held out for validation; set \
                       `data.validation_images`";
        return Err(layers.blame("training.early_stopping", message));
    }
    if stopping.patience == Some(0) {
        return refuse("training.early_stopping.patience", "be at least 1", &0);
    }
    let delta = stopping.min_delta;
    if !(delta.is_finite() && delta >= 0.0) {
        let path = "training.early_stopping.min_delta";
        return refuse(path, "be finite and at least 0", &number(delta));
    }
    Ok(())
}

/// The message about a part of the recipe that is refused, other than by a bound.
fn refused(path: &str, error: &InvalidDescent, optimizer: &OptimizerConfig) -> String {
    match error {
        InvalidDescent::ZeroCount { name } => {
            let (list, key) = (path.contains('['), name.rsplit('.').next().unwrap_or(name));
            let name = if list {
                format!("{path}.{name}")
            } else {
                format!("{path}.{key}")
            };
            format!("{name} must be at least 1, got 0")
        }
        InvalidDescent::UnknownSetting { setting, .. } => {
            let all = as_table(optimizer);
            let own = all.get(optimizer.name()).and_then(toml::Value::as_table);
            // Those of a formula are in a table of their own.
            let named = own.and_then(|own| own.get("settings")?.as_table());
            let own: Vec<&str> = (own.into_iter().chain(named))
                .flat_map(|own| own.keys())
                .map(String::as_str)
                .collect();
            let numbers: Vec<&str> = (own.into_iter())
                .filter(|key| optimizer.clone().set(key, 1.0))
                .collect();
            let remedy = match did_you_mean(setting, numbers.iter().copied()) {
                Some(meant) if meant != setting => format!("did you mean `{meant}`?"),
                _ => format!("it has {}", numbers.join(", ")),
            };
            format!("{path}: {error}; {remedy}")
        }
        _ => format!("{path}: {error}"),
    }
}

/// Checks that the data have what the settings ask for.
pub(crate) fn check_data(
    config: &TrainingConfig,
    layers: &Layers,
    data: &ImagePair,
) -> Result<(), TrainError> {
    let TrainingConfig {
        data: wanted,
        model,
        training,
        ..
    } = config;
    let at_most = |key: &str, limit: usize, what: &str, value: usize| {
        if value <= limit {
            return Ok(());
        }
        let message = format!("{key} must be at most {limit}, {what}, got {value}");
        Err(layers.blame(key, &message))
    };
    let train = wanted.train_images.of(data.train.len());
    let test = wanted.test_images.of(data.test.len());
    let number = "the number of training images";
    at_most("data.train_images", data.train.len(), number, train)?;
    let number = "the number of test images";
    at_most("data.test_images", data.test.len(), number, test)?;
    let image = data.train.shape();
    model
        .check_for(image)
        .map_err(|error| invalid_model(layers, &error))?;
    let parameters = model.parameters(image, data.classes());
    if parameters.is_none_or(|parameters| parameters > MAX_PARAMETERS) {
        let message =
            format!("model.hidden must give a network of at most {MAX_PARAMETERS} parameters");
        return Err(layers.blame("model.hidden", &message));
    }
    if wanted.validation_images >= train {
        let message = format!(
            "data.validation_images must be less than {train}, the training images that they are \
             taken from, got {}",
            wanted.validation_images
        );
        return Err(layers.blame("data.validation_images", &message));
    }
    let left = wanted.images_to_train_on(data.train.len());
    let used = "the number of training images used";
    at_most("training.batch", left, used, training.batch)
}

/// A number, without hundreds of digits.
fn number(value: f64) -> String {
    match value.abs() {
        1e-6..1e15 => value.to_string(),
        _ if value == 0.0 || !value.is_finite() => value.to_string(),
        _ => format!("{value:e}"),
    }
}

fn invalid_model(layers: &Layers, error: &InvalidModel) -> TrainError {
    layers.blame(&format!("model.{}", error.key()), &format!("model.{error}"))
}
