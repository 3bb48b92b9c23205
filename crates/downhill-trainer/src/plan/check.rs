//! Whether the settings of a method go together, and suit the data.

use downhill_data::ImagePair;
use downhill_model::BatchNormConvention;

use crate::config::training::TrainingConfig;
use crate::device::set::CLASSES;
use crate::error::TrainError;
use crate::plan::MethodPlan;

/// More updates than any machine makes in a lifetime.
const MOST_UPDATES: u64 = 1_000_000_000_000;

/// More parameters than fit with their gradients into most machines' memory.
const MOST_PARAMETERS: usize = 100_000_000;

impl MethodPlan {
    /// Bounds that no type can say.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let TrainingConfig {
            data,
            model,
            optimizer,
            training,
        } = &self.config;
        model.check().map_err(|error| {
            (self.layers).blame(&format!("model.{}", error.key()), &format!("model.{error}"))
        })?;
        optimizer.init().map_err(|error| {
            let table = format!("optimizer.{}", optimizer.name());
            let path = format!("{table}.{}", error.name);
            self.layers.blame(&path, &format!("{table}.{error}"))
        })?;
        for (key, value) in [
            ("batch", training.batch as u64),
            ("updates", training.updates),
            ("evaluate_every", training.evaluate_every),
        ] {
            if !(1..=MOST_UPDATES).contains(&value) {
                let path = format!("training.{key}");
                let message = format!("{path} must lie in 1 to {MOST_UPDATES}, got {value}");
                return Err(self.layers.blame(&path, &message));
            }
        }
        for (key, value, least) in [
            ("pixel_mean", data.pixel_mean, f64::MIN),
            ("pixel_deviation", data.pixel_deviation, f64::MIN_POSITIVE),
        ] {
            if !(value.is_finite() && value >= least) {
                let path = format!("data.{key}");
                let must = match key {
                    "pixel_mean" => "be finite",
                    _ => "be finite and greater than 0",
                };
                let message = format!("{path} must {must}, got {value}");
                return Err(self.layers.blame(&path, &message));
            }
        }
        self.check_pretraining()?;
        if training.batch == 1 && model.batch_norm != BatchNormConvention::None {
            let message = "training.batch must be at least 2 with batch normalization, got 1";
            return Err(self.layers.blame("training.batch", message));
        }
        Ok(())
    }

    fn check_pretraining(&self) -> Result<(), TrainError> {
        let TrainingConfig {
            data,
            model,
            training,
            ..
        } = &self.config;
        let pretraining = &training.pretraining;
        let blame = |path: &str, must: &str, value: &dyn std::fmt::Display| {
            let message = format!("{path} must {must}, got {value}");
            Err(self.layers.blame(path, &message))
        };
        if !(0.0..1.0).contains(&pretraining.corruption) {
            let path = "training.pretraining.corruption";
            return blame(path, "lie in [0, 1)", &pretraining.corruption);
        }
        if pretraining.updates > MOST_UPDATES {
            let must = format!("lie in 0 to {MOST_UPDATES}");
            return blame("training.pretraining.updates", &must, &pretraining.updates);
        }
        if pretraining.updates == 0 {
            return Ok(());
        }
        if !model.convolutions.is_empty() {
            let must = "be 0 beside convolutions";
            return blame("training.pretraining.updates", must, &pretraining.updates);
        }
        if model.batch_norm != BatchNormConvention::None {
            let must = "be 0 with batch normalization";
            return blame("training.pretraining.updates", must, &pretraining.updates);
        }
        if data.pixel_mean != 0.0 || data.pixel_deviation != 1.0 {
            let must = "be 0 with pixels that do not go from 0 to 1";
            return blame("training.pretraining.updates", must, &pretraining.updates);
        }
        Ok(())
    }

    pub(crate) fn check_data(&self, data: &ImagePair) -> Result<(), TrainError> {
        let TrainingConfig {
            data: wanted,
            training,
            ..
        } = &self.config;
        let train = wanted.train_images.of(data.train.len());
        let test = wanted.test_images.of(data.test.len());
        for (key, kind, wanted, available) in [
            ("data.train_images", "training", train, data.train.len()),
            ("data.test_images", "test", test, data.test.len()),
        ] {
            if wanted > available {
                let message = format!(
                    "{key} must be at most {available}, the {kind} images that there are, \
                     got {wanted}"
                );
                return Err(self.layers.blame(key, &message));
            }
        }
        let image = [data.train.rows(), data.train.columns()];
        self.config.model.check_for(image).map_err(|error| {
            (self.layers).blame(&format!("model.{}", error.key()), &format!("model.{error}"))
        })?;
        let parameters = self.parameters(image);
        if parameters.is_none_or(|parameters| parameters > MOST_PARAMETERS) {
            let message =
                format!("model.hidden must give a network of at most {MOST_PARAMETERS} parameters");
            return Err(self.layers.blame("model.hidden", &message));
        }
        if wanted.validation_images >= train {
            let message = format!(
                "data.validation_images must be less than {train}, the training images that they \
                 are taken from, got {}",
                wanted.validation_images
            );
            return Err(self.layers.blame("data.validation_images", &message));
        }
        let left = wanted.images_to_train_on(data.train.len());
        if training.batch > left {
            let message = format!(
                "training.batch must be at most {left}, the training images used, got {}",
                training.batch
            );
            return Err(self.layers.blame("training.batch", &message));
        }
        Ok(())
    }

    /// Weights and biases of the network, unless they are too many to count.
    fn parameters(&self, image: [usize; 2]) -> Option<usize> {
        let [mut height, mut width] = image;
        let (mut channels, mut sum) = (1_usize, 0_usize);
        for convolution in &self.config.model.convolutions {
            let kernel = convolution.kernel.checked_pow(2)?.checked_mul(channels)?;
            let layer = kernel.checked_add(1)?.checked_mul(convolution.channels)?;
            sum = sum.checked_add(layer)?;
            channels = convolution.channels;
            let side = |side: usize| {
                let padded = side.checked_add(2 * convolution.padding + 1)?;
                Some(padded.checked_sub(convolution.kernel)? / convolution.pool)
            };
            (height, width) = (side(height)?, side(width)?);
        }
        let mut inputs = channels.checked_mul(height * width)?;
        for &units in self.config.model.hidden.iter().chain([&CLASSES]) {
            let layer = inputs.checked_add(1)?.checked_mul(units)?;
            sum = sum.checked_add(layer)?;
            inputs = units;
        }
        Some(sum)
    }
}
