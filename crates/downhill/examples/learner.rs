//! An optimizer of downhill in `burn-train`'s `Learner`, with a warm-up: a perceptron learns MNIST.
//!
//! ```text
//! cargo run --release -p downhill --example learner
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::Dataset;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{
    ClassificationOutput, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep,
};
use downhill::NesterovConfig;
use downhill_data::{ImageSet, LabelledImage, load_mnist, split};

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

struct Stack;

impl Batcher<LabelledImage, Batch> for Stack {
    fn batch(&self, items: Vec<LabelledImage>, device: &Device) -> Batch {
        let pixels = items.iter().flat_map(|item| &item.pixels);
        let pixels: Vec<f32> = pixels.map(|&byte| f32::from(byte) / 255.0).collect();
        let labels: Vec<i32> = items.iter().map(|item| i32::from(item.label)).collect();
        let images = TensorData::new(pixels, [items.len(), 784]);
        let labels = TensorData::new(labels, [items.len()]);
        Batch {
            images: Tensor::from_data(images, device),
            labels: Tensor::from_data(labels, device),
        }
    }
}

fn loader(set: ImageSet, device: Device) -> Arc<dyn DataLoader<Batch>> {
    DataLoaderBuilder::new(Stack)
        .batch_size(100)
        .shuffle(1)
        .set_device(device)
        .build(set)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let mnist = load_mnist()?;
    let indices = split::shuffled(1, &[10_000, 2_000], mnist.train.len())?;
    let train = mnist.train.select(&indices[0])?;
    let validation = mnist.train.select(&indices[1])?;

    let config = NesterovConfig {
        learning_rate: 0.05,
        ..NesterovConfig::book()
    };
    let warm_up = LinearLrSchedulerConfig::new(1e-3, config.learning_rate, 50).init()?;
    let learner = Learner::new(Perceptron::new(&device), config.init()?, warm_up);
    let directory = std::env::temp_dir().join(format!("downhill-learner-{}", std::process::id()));
    let result = SupervisedTraining::new(
        &directory,
        loader(train, device.clone()),
        loader(validation, device.inner()),
    )
    .num_epochs(3)
    .with_metric_logger(InMemoryMetricLogger::new())
    .with_application_logger(None)
    .metrics((AccuracyMetric::new(), LossMetric::new()))
    .launch(learner);

    let test: Vec<LabelledImage> = (0..mnist.test.len())
        .map(|index| mnist.test.get(index))
        .collect::<Result<_, _>>()?;
    let test = Stack.batch(test, &Device::flex());
    let output = result.model.valid().classify(test.clone());
    let answers = output.output.argmax(1).squeeze_dim(1);
    let right: i64 = answers.equal(test.labels).int().sum().into_scalar();
    let accuracy = right as f64 / mnist.test.len() as f64;
    println!("test accuracy after three epochs of 10,000 images: {accuracy:.4}");
    if accuracy < 0.9 {
        return Err("it should have learned more".into());
    }
    Ok(())
}

#[test]
fn the_learner_learns() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
