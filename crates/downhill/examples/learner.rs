//! A training in `burn-train`'s `Learner` that may be killed at any time: a perceptron learns MNIST
//! with AdamW, its gradients clipped together, no decay of biases, a cosine after a warm-up, and an
//! average of the weights. All of these are one [`DescentConfig`], and in the `Learner`'s
//! checkpoints.
//!
//! ```text
//! cargo run --release -p downhill --example learner -- [DIRECTORY] [--epochs N]
//! ```
//!
//! Killed and started again with the same arguments, it goes on from the last checkpoint that is
//! complete, and ends with the same bits.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::lr_scheduler::LrSchedulerRecord;
use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};
use burn::train::checkpoint::{Checkpoint, Checkpointer, FileCheckpointer, KeepLastNCheckpoints};
use burn::train::logger::{EvaluationProgressLogger, InMemoryMetricLogger, TrainingProgressLogger};
use burn::train::metric::{AccuracyMetric, LossMetric, MetricDefinition};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};
use burn::train::{
    ClassificationOutput, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep,
};
use downhill::schedule::{Cosine, CosineEnd, WarmUp};
use downhill::{AdamWConfig, DescentConfig, learner};
use downhill_data::{BatchOrder, Batches, DataError, ImageSet, load_mnist, split};

/// Of the split, the weights and the order of the batches.
const SEED: u64 = 1;
/// Images in a batch.
const BATCH: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let (directory, epochs) = arguments()?;
    let trained = train(&Training::new(&directory, epochs, 20_000)?)?;
    println!("{trained}");
    if trained.accuracies[1] < 0.9 {
        return Err("it should have learned more".into());
    }
    Ok(())
}

/// Where the checkpoints go, and the number of epochs.
fn arguments() -> Result<(PathBuf, usize), Box<dyn Error>> {
    let mut directory = std::env::temp_dir().join("downhill-learner");
    let mut epochs = 3;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--epochs" => epochs = arguments.next().ok_or("how many epochs?")?.parse()?,
            flag if flag.starts_with('-') => return Err(format!("what is {flag}?").into()),
            _ => directory = argument.into(),
        }
    }
    Ok((directory, epochs))
}

/// All that decides what is learned, and where it is kept.
struct Training {
    epochs: usize,
    images: usize,
    descent: DescentConfig,
    directory: PathBuf,
}

impl Training {
    /// Other settings are another training, so they have a directory of their own.
    fn new(directory: &Path, epochs: usize, images: usize) -> Result<Self, Box<dyn Error>> {
        let descent = descent((epochs * images / BATCH) as u64)?;
        let settings = format!("{epochs} epochs of {images} images by {descent:?}");
        let mut name = Checksum::default();
        name.add(settings.as_bytes());
        Ok(Self {
            epochs,
            images,
            descent,
            directory: directory.join(format!("{:016x}", name.0)),
        })
    }

    /// The last epoch from which the training can go on.
    fn last_complete(&self) -> Option<usize> {
        let directory = self.directory.join("checkpoint");
        (1..=self.epochs).rev().find(|&epoch| {
            loads::<ModuleRecord>(&directory, "model", epoch)
                && loads::<OptimizerRecord>(&directory, "optim", epoch)
                && loads::<LrSchedulerRecord>(&directory, "scheduler", epoch)
        })
    }
}

/// A checkpoint is three files, which are written side by side: a kill may leave any of them out.
fn loads<R: Checkpoint>(directory: &Path, name: &str, epoch: usize) -> bool {
    let record: Result<R, _> = FileCheckpointer::new(directory, name).restore(epoch);
    record.is_ok()
}

/// How each step is made.
fn descent(steps: u64) -> Result<DescentConfig, Box<dyn Error>> {
    let adamw = AdamWConfig::torch().with_learning_rate(0.005);
    let warm_up = steps / 10;
    let rate = WarmUp::new(warm_up)
        .with_start_factor(0.1)
        .then(Cosine::new(steps - warm_up).with_after(CosineEnd::Hold));
    Ok(DescentConfig::new(adamw)
        .with_decay_from_rank(2)
        .with_max_global_norm(1.0)
        .with_schedule("learning_rate", rate)
        .with_ema(0.97))
}

/// What a training has come to, with the last weights and with their average.
#[derive(Debug)]
struct Trained {
    steps: u64,
    accuracies: [f64; 2],
    checksums: [u64; 2],
}

impl Display for Trained {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let ([last, averaged], [bits, averaged_bits]) = (self.accuracies, self.checksums);
        writeln!(formatter, "steps              {}", self.steps)?;
        writeln!(formatter, "                   test accuracy  checksum")?;
        writeln!(formatter, "last weights       {last:<14.4} {bits:016x}")?;
        write!(
            formatter,
            "averaged weights   {averaged:<14.4} {averaged_bits:016x}"
        )
    }
}

fn train(training: &Training) -> Result<Trained, Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let mnist = load_mnist()?;
    let parts = split::shuffled(SEED, &[training.images, 2_000], mnist.train.len())?;
    let complete = training.last_complete();
    let loader = |part: &[usize], device: Device| {
        Loader::new(mnist.train.select(part)?, device, complete.unwrap_or(0))
    };

    let (optimizer, handle) = learner::optimizer(training.descent.build()?);
    // The weights are drawn at their first use, from this seed, or come from a checkpoint.
    device.seed(SEED);
    // The descent has a schedule for its learning rate, so the one given here is not used.
    let learner = Learner::new(Perceptron::new(&device), optimizer, 1.0);
    let mut supervised = SupervisedTraining::new(
        &training.directory,
        Arc::new(loader(&parts[0], device.clone())?),
        Arc::new(loader(&parts[1], device.inner())?),
    )
    .num_epochs(training.epochs)
    .with_default_checkpointers()
    .with_checkpointing_strategy(KeepLastNCheckpoints::new(2))
    .with_metric_logger(InMemoryMetricLogger::new())
    .with_application_logger(None)
    .renderer(Box::new(Terse))
    .metrics((AccuracyMetric::new(), LossMetric::new()));
    if let Some(epoch) = complete {
        println!("going on after epoch {epoch}");
        supervised = supervised.checkpoint(epoch);
    }
    let result = supervised.launch(learner);
    if let Some(error) = result.error {
        return Err(error.to_string().into());
    }

    let averaged = handle.averaged(result.model.clone());
    let models = [&result.model, &averaged];
    Ok(Trained {
        steps: handle.steps(),
        accuracies: models.map(|model| accuracy(model, &mnist.test)),
        checksums: models.map(Checksum::of),
    })
}

/// The share of the images whose digit the model knows.
fn accuracy(model: &Perceptron, set: &ImageSet) -> f64 {
    let all: Vec<usize> = (0..set.len()).collect();
    let output = model.classify(Batch::new(set, &all, &Device::flex()));
    let answers = output.output.argmax(1).squeeze_dim(1);
    let right: i64 = answers.equal(output.targets).int().sum().into_scalar();
    right as f64 / set.len() as f64
}

/// FNV-1a, 64 bits.
struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    fn of(model: &Perceptron) -> u64 {
        let mut checksum = Self::default();
        model.visit(&mut checksum);
        checksum.0
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl ModuleVisitor for Checksum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.add(param.val().into_data().as_bytes());
    }
}

/// 784 pixels, 50 hidden units, 10 digits.
#[derive(Module, Debug)]
struct Perceptron {
    hidden: Linear,
    output: Linear,
}

impl Perceptron {
    fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(784, 50).init(device),
            output: LinearConfig::new(50, 10).init(device),
        }
    }

    fn classify(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.output.forward(relu(self.hidden.forward(batch.images)));
        let cross_entropy = CrossEntropyLossConfig::new().init(&logits.device());
        let loss = cross_entropy.forward(logits.clone(), batch.labels.clone());
        ClassificationOutput::new(loss, logits, batch.labels)
    }
}

impl TrainStep for Perceptron {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }

    /// The one thing that a descent asks of a model: to be stepped as a whole.
    fn optimize(
        self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: GradientsParams,
    ) -> Self {
        learner::optimize(self, optimizer, rate, gradients)
    }
}

impl InferenceStep for Perceptron {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.classify(batch)
    }
}

/// Images as `[images, 784]` from 0 to 1, labels as `[images]`.
#[derive(Clone, Debug)]
struct Batch {
    images: Tensor<2>,
    labels: Tensor<1, Int>,
}

impl Batch {
    fn new(set: &ImageSet, rows: &[usize], device: &Device) -> Self {
        let pixels = rows.iter().flat_map(|&row| set.image(row));
        let pixels: Vec<f32> = pixels.map(|&byte| f32::from(byte) / 255.0).collect();
        let labels = rows.iter().map(|&row| i32::from(set.labels()[row]));
        let labels: Vec<i32> = labels.collect();
        let images = TensorData::new(pixels, [rows.len(), set.image_size()]);
        let labels = TensorData::new(labels, [rows.len()]);
        Self {
            images: Tensor::from_data(images, device),
            labels: Tensor::from_data(labels, device),
        }
    }
}

/// Batches in an order that the seed and the number of the epoch decide. Burn's own loader shuffles
/// by a generator that no checkpoint holds.
struct Loader {
    set: Arc<ImageSet>,
    batches: Batches,
    device: Device,
    /// Epochs begun, by this process and by those before it.
    begun: AtomicU64,
}

impl Loader {
    fn new(set: ImageSet, device: Device, begun: usize) -> Result<Self, DataError> {
        Ok(Self {
            batches: Batches::new(BatchOrder::ShuffledEpochs, SEED, BATCH, set.len())?,
            set: Arc::new(set),
            device,
            begun: AtomicU64::new(begun as u64),
        })
    }
}

impl DataLoader<Batch> for Loader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.begun.fetch_add(1, Ordering::Relaxed);
        let updates = self.batches.updates_per_epoch();
        Box::new(Epoch {
            loader: self,
            batches: self.batches.clone(),
            updates: epoch * updates..(epoch + 1) * updates,
        })
    }

    fn num_items(&self) -> usize {
        self.batches.updates_per_epoch() as usize * BATCH
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self {
            set: Arc::clone(&self.set),
            batches: self.batches.clone(),
            device: device.clone(),
            begun: AtomicU64::new(self.begun.load(Ordering::Relaxed)),
        })
    }

    fn slice(&self, _start: usize, _end: usize) -> Arc<dyn DataLoader<Batch>> {
        panic!("only a training on several devices asks for parts");
    }
}

/// The batches of an epoch that are still to come.
struct Epoch<'a> {
    loader: &'a Loader,
    batches: Batches,
    updates: Range<u64>,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.batches.indices(self.updates.next()?);
        let Loader { set, device, .. } = self.loader;
        Some(Ok(Batch::new(set, &rows, device)))
    }
}

impl DataLoaderIterator<Batch> for Epoch<'_> {
    fn progress(&self) -> Progress {
        let all = self.loader.num_items();
        let left = (self.updates.end - self.updates.start) as usize * BATCH;
        Progress::new(all - left, all, None)
    }
}

/// Says when an epoch is over, where Burn's renderer for pipes and files has a line for each batch.
struct Terse;

impl TrainingProgressLogger for Terse {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}
    fn update_epoch(&mut self, epoch: usize) {
        println!("epoch {epoch}");
    }
    fn start_split(&mut self, _: &str, _: usize) {}
    fn update_split(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _: String) {}
}

impl EvaluationProgressLogger for Terse {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}

impl MetricsRendererTraining for Terse {
    fn update_train(&mut self, _: MetricState) {}
    fn update_valid(&mut self, _: MetricState) {}
}

impl MetricsRendererEvaluation for Terse {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl MetricsRenderer for Terse {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _: MetricDefinition) {}
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// Tells the test below, run as a program of its own, where the checkpoints go.
    const DIRECTORY: &str = "DOWNHILL_LEARNER_DIRECTORY";

    fn small(directory: &Path) -> Training {
        Training::new(directory, 6, 2_000).unwrap()
    }

    #[test]
    fn the_learner_learns() {
        let scratch = Scratch::new("learns");
        let given = std::env::var_os(DIRECTORY).map(PathBuf::from);
        let trained = train(&small(given.as_ref().unwrap_or(&scratch.0))).unwrap();
        println!("{trained:?}");
        assert_eq!(trained.steps, 120);
        assert!(trained.accuracies[1] > 0.85, "{trained:?}");
    }

    #[test]
    fn a_killed_training_ends_with_the_same_bits() {
        let scratch = Scratch::new("never-killed");
        let expected = finished(program(&scratch.0));

        let scratch = Scratch::new("killed");
        let checkpoint = small(&scratch.0).directory.join("checkpoint");
        // At the first file, at the last of a set, and somewhere in the epoch after it.
        for (file, later) in [("model-1", 0), ("scheduler-2", 0), ("optim-4", 20)] {
            let file = checkpoint.join(file).with_extension("bpk");
            let mut child = program(&scratch.0);
            while !file.exists() && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(later));
            child.kill().unwrap();
            child.wait().unwrap();
            println!("goes on after {:?}", small(&scratch.0).last_complete());
        }
        assert_eq!(finished(program(&scratch.0)), expected);
        // And once more, though there is nothing left to do: all comes from the last checkpoint.
        assert_eq!(small(&scratch.0).last_complete(), Some(6));
        assert_eq!(finished(program(&scratch.0)), expected);
    }

    #[test]
    fn a_torn_checkpoint_is_passed_over() {
        let scratch = Scratch::new("torn");
        let training = small(&scratch.0);
        assert_eq!(training.last_complete(), None);
        let checkpoint = training.directory.join("checkpoint");
        let model = Perceptron::new(&Device::flex()).into_record();
        let files =
            ["model", "optim", "scheduler"].map(|name| FileCheckpointer::new(&checkpoint, name));
        for epoch in [1, 2] {
            files[0].save(epoch, model.clone()).unwrap();
            files[1].save(epoch, OptimizerRecord::default()).unwrap();
            files[2].save(epoch, LrSchedulerRecord::default()).unwrap();
        }
        assert_eq!(training.last_complete(), Some(2));
        for name in ["model-2.bpk", "optim-2.bpk", "scheduler-2.bpk"] {
            let file = checkpoint.join(name);
            let whole = std::fs::read(&file).unwrap();
            std::fs::write(&file, &whole[..9]).unwrap();
            assert_eq!(training.last_complete(), Some(1), "{name} is short");
            std::fs::remove_file(&file).unwrap();
            assert_eq!(training.last_complete(), Some(1), "{name} is missing");
            std::fs::write(&file, &whole).unwrap();
            assert_eq!(training.last_complete(), Some(2), "{name} is whole");
        }
    }

    /// This program, training with its checkpoints in a directory.
    fn program(directory: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::the_learner_learns", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a program said at its end.
    fn finished(program: Child) -> String {
        let output = program.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let line = text.lines().find(|line| line.contains("Trained {"));
        line.unwrap().to_string()
    }

    /// A directory that goes when the test does.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("downhill-learner-{}-{name}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }
}
