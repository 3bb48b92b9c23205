//! Whether the settings of a method go together, and suit the data.

use downhill_data::ImagePair;
use downhill_model::{BatchNormConvention, InvalidModel};

use crate::config::layers::Layers;
use crate::config::training::TrainingConfig;
use crate::device::set::CLASSES;
use crate::error::TrainError;

/// More updates than any machine makes in a lifetime.
const MAX_UPDATES: u64 = 1_000_000_000_000;

/// More parameters than fit with their gradients into most machines' memory.
const MAX_PARAMETERS: usize = 100_000_000;

/// Checks bounds that no type can state; errors name the origin of a value by `layers`.
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
    let pretraining = &training.pretraining;
    let in_one = |count: u64| (1..=MAX_UPDATES).contains(&count);
    let at_least_one = format!("lie in 1 to {MAX_UPDATES}");
    let to_most = format!("lie in 0 to {MAX_UPDATES}");
    let with_pretraining = pretraining.updates > 0;
    let normalized = model.batch_norm != BatchNormConvention::None;
    let scaled = data.pixel_mean != 0.0 || data.pixel_deviation != 1.0;
    let requirements: [(&str, bool, &str, &dyn std::fmt::Display); 10] = [
        (
            "training.batch",
            in_one(training.batch as u64),
            &at_least_one,
            &training.batch,
        ),
        (
            "training.updates",
            in_one(training.updates),
            &at_least_one,
            &training.updates,
        ),
        (
            "training.evaluate_every",
            in_one(training.evaluate_every),
            &at_least_one,
            &training.evaluate_every,
        ),
        (
            "data.pixel_mean",
            data.pixel_mean.is_finite(),
            "be finite",
            &data.pixel_mean,
        ),
        (
            "data.pixel_deviation",
            data.pixel_deviation.is_finite() && data.pixel_deviation >= f64::MIN_POSITIVE,
            "be finite and greater than 0",
            &data.pixel_deviation,
        ),
        (
            "training.pretraining.corruption",
            (0.0..1.0).contains(&pretraining.corruption),
            "lie in [0, 1)",
            &pretraining.corruption,
        ),
        (
            "training.pretraining.updates",
            pretraining.updates <= MAX_UPDATES,
            &to_most,
            &pretraining.updates,
        ),
        (
            "training.pretraining.updates",
            !(with_pretraining && !model.convolutions.is_empty()),
            "be 0 with convolutions",
            &pretraining.updates,
        ),
        (
            "training.pretraining.updates",
            !(with_pretraining && normalized),
            "be 0 with batch normalization",
            &pretraining.updates,
        ),
        (
            "training.pretraining.updates",
            !(with_pretraining && scaled),
            "be 0 with pixels that do not lie in [0, 1]",
            &pretraining.updates,
        ),
    ];
    for (path, is_met, must, value) in requirements {
        if !is_met {
            return Err(layers.blame(path, &format!("{path} must {must}, got {value}")));
        }
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
