//! Checks that the settings of a method fit each other and the data.

use std::fmt::Display;

use downhill_data::ImagePair;
use downhill_model::{BatchNormConvention, InvalidModel};

use crate::config::layers::Layers;
use crate::config::training::{PretrainingConfig, TrainingConfig};
use crate::device::set::CLASSES;
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
    } = config;
    model
        .check()
        .map_err(|error| invalid_model(layers, &error))?;
    optimizer.init().map_err(|error| {
        let table = format!("optimizer.{}", optimizer.name());
        let path = format!("{table}.{}", error.name);
        layers.blame(&path, &format!("{table}.{error}"))
    })?;
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
    require("data.pixel_mean", mean.is_finite(), "be finite", &mean)?;
    let deviation = data.pixel_deviation;
    let is_positive = deviation.is_finite() && deviation >= f64::MIN_POSITIVE;
    require(
        "data.pixel_deviation",
        is_positive,
        "be finite and greater than 0",
        &deviation,
    )?;

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
    let image = [data.train.rows(), data.train.columns()];
    model
        .check_for(image)
        .map_err(|error| invalid_model(layers, &error))?;
    let parameters = model.parameters(image, CLASSES);
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

fn invalid_model(layers: &Layers, error: &InvalidModel) -> TrainError {
    layers.blame(&format!("model.{}", error.key()), &format!("model.{error}"))
}
