//! The command `evaluate`: saved weights, ours or PyTorch's, on the test images.

use std::io::Write;
use std::path::Path;
use std::{fmt, fs};

use downhill_cli::commands::EvaluateArguments;
use downhill_cli::print::{escaped, print};
use downhill_cli::train::TrainArguments;
use downhill_data::split;
use downhill_model::{Network, PixelScale};
use serde::Serialize;

use crate::commands::answers::Answers;
use crate::config::file::ExperimentFile;
use crate::config::images::load;
use crate::config::training::TrainingConfig;
use crate::device;
use crate::device::set::DeviceSet;
use crate::error::TrainError;
use crate::plan::Plan;
use crate::runs::files::write_whole;
use crate::runs::store::check_weights;
use crate::training::score::score;
use crate::weights;

/// Evaluates saved weights on the test images and prints accuracy and loss to `out`.
///
/// # Errors
///
/// An invalid config or invalid data, a backend that does not start, a file that does not hold the
/// network.
pub fn evaluate(arguments: &EvaluateArguments, out: &mut dyn Write) -> Result<(), TrainError> {
    let path = arguments.path();
    let bytes = fs::read(path).map_err(TrainError::file("cannot read", path))?;
    refuse_other_formats(&bytes, path)?;
    check_weights(path, &bytes).map_err(|reason| unusable(path, reason))?;
    let about = match weights::metadata(&bytes) {
        Ok(about) => about,
        Err(reason) => return Err(unusable(path, reason)),
    };
    let config = match (&arguments.config, &about) {
        (Some(config), _) => of_file(config, arguments)?,
        (None, Some(about)) => serde_json::from_value(about.config.clone())
            .map_err(|error| unusable(path, error.to_string()))?,
        (None, None) => {
            let reason = "it does not store the config of its network; give one with --config";
            return Err(unusable(path, reason.to_owned()));
        }
    };

    let data = load(arguments.data_dir.as_deref(), &config.data.source)?;
    let device = device::open(arguments.backend)?;
    let (image, classes) = (data.test.shape(), data.classes());
    // All parameters are replaced by those of the file.
    let mut network = Network::new(&config.model, image, classes, &device, &mut || 0.0)
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
    let are_asked = arguments.confusion || arguments.predictions.is_some();
    let answers = are_asked.then(|| Answers::of(&network, &test));
    if let (Some(path), Some(answers)) = (&arguments.predictions, &answers) {
        write_whole(path, answers.csv().as_bytes())?;
    }
    let answers = answers.filter(|_| arguments.confusion);
    let score = score(&network, &test, &mut || true).expect("it goes on");
    let evaluation = Evaluation {
        kind: "evaluation",
        weights: about.as_ref().map(Weights::of),
        data: data.identity.name.clone(),
        other_data: (about.as_ref()).is_some_and(|about| {
            about
                .data_sha256
                .as_ref()
                .is_some_and(|it| *it != data.identity.sha256)
        }),
        images,
        right: (score.accuracy * images as f64).round() as usize,
        accuracy: score.accuracy,
        loss: score.loss,
        confusion: answers.as_ref().map(Answers::confusion),
    };
    let text = match arguments.json {
        true => serde_json::to_string(&evaluation).expect("an object has string keys only"),
        false => evaluation.to_string(),
    };
    let answers = answers.filter(|_| !arguments.json);
    let answers = answers.map_or_else(String::new, |answers| answers.text());
    print(out, &format!("{}\n{answers}", escaped(&text))).map_err(TrainError::output)
}

/// The result, as text or as JSON.
#[derive(Serialize)]
struct Evaluation {
    kind: &'static str,
    /// Whose weights they are, if the file says so.
    weights: Option<Weights>,
    data: String,
    /// Whether the network was trained on other images.
    other_data: bool,
    images: usize,
    right: usize,
    accuracy: f64,
    loss: f64,
    /// How often the images of each label, a row each, have each answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    confusion: Option<Vec<Vec<usize>>>,
}

/// The run whose weights they are.
#[derive(Serialize)]
struct Weights {
    experiment: String,
    method: String,
    seed: u64,
    /// The images that it was trained on.
    data: Option<String>,
}

impl Weights {
    fn of(about: &weights::Metadata) -> Self {
        Self {
            experiment: about.experiment.clone(),
            method: about.method.clone(),
            seed: about.seed,
            data: about.data.clone(),
        }
    }
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
        if let Some(Weights {
            experiment,
            method,
            seed,
            data,
        }) = &self.weights
        {
            writeln!(
                formatter,
                "weights of {experiment}, method {method}, seed {seed}"
            )?;
            if let (true, Some(data)) = (self.other_data, data) {
                let here = &self.data;
                writeln!(
                    formatter,
                    "trained on {data}, evaluated on other images: {here}"
                )?;
            }
        }
        let percent = 100.0 * accuracy;
        write!(
            formatter,
            "{right} of {images} test images right: accuracy {percent:.2} %, loss {loss:.6}"
        )
    }
}

/// The settings of a method of a config.
fn of_file(config: &str, arguments: &EvaluateArguments) -> Result<TrainingConfig, TrainError> {
    let file = ExperimentFile::find(config)?;
    let train = TrainArguments {
        backend: arguments.backend,
        overrides: arguments.overrides.clone(),
        methods: arguments.method.iter().cloned().collect(),
        ..TrainArguments::default()
    };
    let plan = Plan::resolve(&file, &train)?;
    plan.check_data(&load(arguments.data_dir.as_deref(), &plan.source)?)?;
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

/// Refuses files that are known not to be safetensors, with the way to make them so.
fn refuse_other_formats(bytes: &[u8], path: &Path) -> Result<(), TrainError> {
    let reason = if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        "it is a file of torch.save; in Python, load its state_dict and write it with \
         safetensors.torch.save_file(state_dict, \"weights.safetensors\")"
    } else if bytes.starts_with(b"version https://git-lfs") {
        "it is a pointer of Git LFS in place of the file; get the file with `git lfs pull`"
    } else if bytes.starts_with(b"\x89HDF") {
        "it is an HDF5 file, such as those of Keras; write its weights with safetensors"
    } else if bytes.starts_with(b"\x93NUMPY") {
        "it is a NumPy array; write its weights with safetensors.numpy.save_file"
    } else if bytes.is_empty() {
        "it is empty; save the weights again"
    } else {
        return Ok(());
    };
    Err(unusable(path, reason.to_owned()))
}

fn unusable(path: &Path, reason: String) -> TrainError {
    TrainError::Weights {
        path: path.to_path_buf(),
        reason,
    }
}
