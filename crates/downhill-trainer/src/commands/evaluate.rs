//! The command `evaluate`: saved weights, ours or PyTorch's, on the test images.

use std::io::Write;
use std::path::Path;
use std::{fmt, fs};

use downhill_cli::commands::EvaluateArguments;
use downhill_cli::print::print;
use downhill_cli::train::TrainArguments;
use downhill_data::{ImagePair, split};
use downhill_model::{Network, PixelScale};
use serde::Serialize;

use crate::config::file::ExperimentFile;
use crate::config::training::TrainingConfig;
use crate::device;
use crate::device::set::{CLASSES, DeviceSet};
use crate::error::TrainError;
use crate::plan::Plan;
use crate::training::score::score;
use crate::weights;

/// Evaluates saved weights on the test images and prints accuracy and loss to `out`.
///
/// # Errors
///
/// An invalid config or invalid data, a backend that does not start, a file that does not hold the
/// network.
pub fn evaluate(arguments: &EvaluateArguments, out: &mut dyn Write) -> Result<(), TrainError> {
    let path = &arguments.weights;
    let bytes = fs::read(path).map_err(TrainError::file("cannot read", path))?;
    let data = downhill_data::load(arguments.data_dir.as_deref())?;
    let config = match &arguments.config {
        Some(config) => of_file(config, arguments, &data)?,
        None => of_metadata(&bytes, path)?,
    };

    let device = device::open(arguments.backend)?;
    let image = [data.test.rows(), data.test.columns()];
    // All parameters are replaced by those of the file.
    let mut network = Network::new(&config.model, image, CLASSES, &device, &mut || 0.0)
        .map_err(|error| TrainError::Config(format!("model.{error}")))?;
    weights::decode(&bytes, &config.model, &mut network)
        .map_err(|reason| unusable(path, reason))?;

    let images = config.data.test_images.of(data.test.len());
    let test = data.test.select(&split::first(images, data.test.len())?)?;
    let scale = PixelScale {
        mean: config.data.pixel_mean,
        deviation: config.data.pixel_deviation,
    };
    let test = DeviceSet::scaled(&test, scale, arguments.backend, &device);
    let score = score(&network, &test, &mut || true).expect("it goes on");
    let evaluation = Evaluation {
        kind: "evaluation",
        images,
        right: (score.accuracy * images as f64).round() as usize,
        accuracy: score.accuracy,
        loss: score.loss,
    };
    let text = match arguments.json {
        true => serde_json::to_string(&evaluation).expect("an object has string keys only"),
        false => evaluation.to_string(),
    };
    print(out, &format!("{text}\n")).map_err(TrainError::output)
}

/// The result, as text or as JSON.
#[derive(Serialize)]
struct Evaluation {
    kind: &'static str,
    images: usize,
    right: usize,
    accuracy: f64,
    loss: f64,
}

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            images,
            right,
            accuracy,
            loss,
            ..
        } = self;
        let percent = 100.0 * accuracy;
        write!(
            formatter,
            "{right} of {images} test images right: accuracy {percent:.2} %, loss {loss:.6}"
        )
    }
}

/// The settings of a method of a config.
fn of_file(
    config: &str,
    arguments: &EvaluateArguments,
    data: &ImagePair,
) -> Result<TrainingConfig, TrainError> {
    let file = ExperimentFile::find(config)?;
    let train = TrainArguments {
        backend: arguments.backend,
        overrides: arguments.overrides.clone(),
        methods: arguments.method.iter().cloned().collect(),
        ..TrainArguments::default()
    };
    let plan = Plan::resolve(&file, &train)?;
    plan.check_data(data)?;
    match plan.methods.as_slice() {
        [method] => Ok(method.config.clone()),
        methods => {
            let first = &methods[0].config;
            let alike = |config: &TrainingConfig| {
                config.model == first.model && config.data.test_images == first.data.test_images
            };
            if methods.iter().all(|method| alike(&method.config)) {
                return Ok(first.clone());
            }
            let names: Vec<_> = methods.iter().map(|method| method.name.as_str()).collect();
            Err(TrainError::Config(format!(
                "the methods of {} have different networks; choose one with --method: {}",
                plan.name,
                names.join(", ")
            )))
        }
    }
}

/// The settings stored in a file that `train` has saved.
fn of_metadata(bytes: &[u8], path: &Path) -> Result<TrainingConfig, TrainError> {
    let about = weights::metadata(bytes).map_err(|reason| unusable(path, reason))?;
    let Some(about) = about else {
        let reason = "it does not store the config of its network; give one with --config";
        return Err(unusable(path, reason.to_owned()));
    };
    serde_json::from_value(about.config).map_err(|error| unusable(path, error.to_string()))
}

fn unusable(path: &Path, reason: String) -> TrainError {
    TrainError::Weights {
        path: path.to_path_buf(),
        reason,
    }
}
