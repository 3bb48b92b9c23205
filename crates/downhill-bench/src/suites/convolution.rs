//! Training steps of convolutional networks on flex: ours, Burn's own convolution and pooling, and
//! PyTorch's.
//!
//! The networks are those of Nielsen's "network3" and one like LeNet: batch 100, ReLU, SGD with
//! momentum, on all images of MNIST. Burn's is the same network by its `conv2d` and `max_pool2d`,
//! with our optimizer.

use std::sync::Arc;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, activation};
use downhill::{Descent, DescentConfig, MomentumConfig};
use downhill_data::{BatchOrder, Batches, Purpose, Stream};
use downhill_model::{ConvolutionConfig, ConvolutionalNetwork, MlpConfig, loss};
use downhill_trainer::device::set::DeviceSet;
use serde_json::json;

use super::{Wanted, enter};
use crate::contender::{Contender, Field, Length, Turn, play};
use crate::data::Data;
use crate::failure::Failure;
use crate::peer::TORCH_CONVOLUTION;
use crate::report::Report;
use crate::table::Table;

const BATCH: usize = 100;
const RATE: f64 = 0.01;
const LENGTH: Length = Length::Seconds(0.5);

pub(crate) fn run(wanted: &Wanted, data: &Data, report: &mut Report) -> Result<(), Failure> {
    let threads = wanted.threads;
    for (name, config) in networks() {
        let mut field = Field::new();
        for way in [Way::Ours, Way::Burn] {
            enter(
                &mut field,
                "",
                Convolving::new(way, &config, data, threads)?,
            );
        }
        if wanted.peers() {
            let layers = config.convolutions.iter();
            let layers = layers.map(|layer| json!([layer.channels, layer.kernel, layer.padding]));
            let task = json!({
                "data": data.files(),
                "threads": threads,
                "batch": BATCH,
                "learning_rate": RATE,
                "convolutions": layers.collect::<Vec<_>>(),
                "hidden": config.hidden,
            });
            let pythons = &wanted.pythons;
            enter(&mut field, "", TORCH_CONVOLUTION.start(pythons, &task)?);
        }
        let threads = match threads {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        report.add(&Table {
            title: "A training step of a convolutional network".to_owned(),
            note: format!("{name}, batch {BATCH}, {threads}"),
            length: LENGTH,
            records: play(field, wanted.rounds_or(9), LENGTH)?,
        })?;
    }
    Ok(())
}

fn networks() -> [(&'static str, MlpConfig); 2] {
    let convolution = |channels, padding| ConvolutionConfig {
        channels,
        padding,
        ..ConvolutionConfig::default()
    };
    let network = |convolutions: Vec<_>, hidden: Vec<_>| MlpConfig {
        convolutions,
        hidden,
        ..MlpConfig::default()
    };
    [
        (
            "network3: 20@5x5, 2x2, 40@5x5, 2x2, 100, 10",
            network(vec![convolution(20, 0), convolution(40, 0)], vec![100]),
        ),
        (
            "LeNet: 6@5x5 padded, 2x2, 16@5x5, 2x2, 120, 84, 10",
            network(vec![convolution(6, 2), convolution(16, 0)], vec![120, 84]),
        ),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Ours,
    Burn,
}

/// A convolutional network in training.
struct Convolving {
    way: Way,
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    model: Option<ConvolutionalNetwork>,
    config: MlpConfig,
    descent: Descent,
    batches: Batches,
    images: DeviceSet,
    updates: u64,
    pool: Arc<rayon::ThreadPool>,
}

impl Convolving {
    fn new(way: Way, config: &MlpConfig, data: &Data, threads: usize) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let mut weights = Stream::new(0, Purpose::InitialWeights, 0);
        let device = Device::flex().autodiff();
        let mut normal = || weights.normal();
        let model = ConvolutionalNetwork::new(config, [1, 28, 28], 10, &device, &mut normal)?;
        let optimizer = MomentumConfig::torch().with_learning_rate(RATE);
        Ok(Self {
            way,
            model: Some(model),
            config: config.clone(),
            descent: DescentConfig::new(optimizer).build()?,
            batches: Batches::new(BatchOrder::ShuffledEpochs, 0, BATCH, data.images.len())?,
            images: data.ours.clone(),
            updates: 0,
            pool: Arc::new(pool.build()?),
        })
    }

    fn logits(&self, model: &mut ConvolutionalNetwork, images: Tensor<2>) -> Tensor<2> {
        let mut keep_all = |length, _| vec![1.0; length];
        if self.way == Way::Ours {
            return model.forward(images, &mut keep_all);
        }
        let mut x: Tensor<4> = images.reshape([BATCH, 1, 28, 28]);
        for (layer, config) in model.convolutions.iter().zip(&self.config.convolutions) {
            let options = ConvOptions::new([1, 1], [config.padding; 2], [1, 1], 1);
            x = conv2d(x, layer.weight.val(), Some(layer.bias.val()), options);
            x = max_pool2d(activation::relu(x), MaxPoolOptions::new([config.pool; 2]));
        }
        model.head.forward(x.flatten(1, 3), &mut keep_all)
    }

    /// One update; its loss, `[1]`.
    fn update(&mut self) -> Result<Tensor<1>, Failure> {
        let mut model = self.model.take().ok_or("its last turn failed")?;
        let rows = self.batches.indices(self.updates);
        self.updates += 1;
        let (images, targets) = self.images.batch(&rows);
        let logits = self.logits(&mut model, Tensor::from_inner(images));
        let loss = loss::cross_entropy(logits, Tensor::from_inner(targets));
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.descent.step(model, gradients)?.0);
        Ok(loss.inner())
    }
}

impl Contender for Convolving {
    fn name(&self) -> String {
        match self.way {
            Way::Ours => "ours".to_owned(),
            Way::Burn => "Burn's convolutions".to_owned(),
        }
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let pool = Arc::clone(&self.pool);
        pool.install(|| {
            let start = Instant::now();
            let mut last = None;
            for _ in 0..steps {
                last = Some(self.update()?);
            }
            let loss = last.map(|loss| f64::from(loss.into_scalar::<f32>()));
            Ok(Turn::of(start.elapsed().as_secs_f64()).with_loss(loss))
        })
    }
}
