//! An optimizer of downhill in a training loop of one's own: a perceptron learns MNIST.
//!
//! ```text
//! cargo run --release -p downhill --example custom_loop
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};
use downhill::AdamConfig;
use downhill_data::{BatchOrder, Batches, ImageSet, load_mnist};

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

    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(images)))
    }
}

/// Images as `[images, 784]` from 0 to 1, labels as `[images]`.
fn tensors(set: &ImageSet, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let pixels: Vec<f32> = set
        .pixels()
        .iter()
        .map(|&byte| f32::from(byte) / 255.0)
        .collect();
    let labels: Vec<i32> = set.labels().iter().copied().map(i32::from).collect();
    let images = TensorData::new(pixels, [set.len(), set.image_size()]);
    let labels = TensorData::new(labels, [set.len()]);
    (
        Tensor::from_data(images, device),
        Tensor::from_data(labels, device),
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let mnist = load_mnist()?;
    let (images, labels) = tensors(&mnist.train, &device);
    let mut batches = Batches::new(BatchOrder::ShuffledEpochs, 1, 100, mnist.train.len())?;

    let mut model = Perceptron::new(&device);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let config = AdamConfig::torch();
    let mut optimizer = config.init()?;
    for update in 0..batches.updates_per_epoch() {
        let rows: Vec<i32> = batches
            .indices(update)
            .iter()
            .map(|&row| row as i32)
            .collect();
        let rows = TensorData::new(rows, [100]);
        let rows = Tensor::<1, Int>::from_data(rows, &device);
        let logits = model.forward(images.clone().select(0, rows.clone()));
        let loss = cross_entropy.forward(logits, labels.clone().select(0, rows));
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(config.learning_rate, model, gradients);
    }

    let (images, labels) = tensors(&mnist.test, &device.inner());
    let answers = model.valid().forward(images).argmax(1).squeeze_dim(1);
    let right: i64 = answers.equal(labels).int().sum().into_scalar();
    let accuracy = right as f64 / mnist.test.len() as f64;
    println!("test accuracy after one epoch: {accuracy:.4}");
    if accuracy < 0.9 {
        return Err("it should have learned more".into());
    }
    Ok(())
}

#[test]
fn the_perceptron_learns() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
