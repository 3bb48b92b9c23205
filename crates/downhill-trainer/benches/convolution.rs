//! Time of a training step of a convolutional network on flex, in one thread: ours, Burn's own
//! convolution and pooling, and with `--python PYTHON` PyTorch's, in turns.
//!
//! ```text
//! cargo bench -p downhill-trainer --bench convolution -- --python target/peers/bin/python
//! ```
//!
//! The networks are those of Nielsen's "network3" and one like LeNet, batch 100, ReLU, SGD with
//! momentum, on all images of MNIST. Burn's is the same network by its tensors' `conv2d` and
//! `max_pool2d`, with our optimizer. `--threads N` gives each so many.

mod line_peer;

use std::io::Write;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, activation};
use downhill::{Descent, DescentConfig, MomentumConfig};
use downhill_data::{BatchOrder, Batches, Purpose, Stream, load_mnist};
use downhill_model::{ConvolutionConfig, ConvolutionalNetwork, MlpConfig, loss};
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::{Backend, device};
use line_peer::LinePeer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 100;
const RATE: f64 = 0.01;
/// Seconds that each contender is timed for in each round, about.
const TURN: f64 = 0.5;
const ROUNDS: usize = 9;

type Failure = Box<dyn std::error::Error>;

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

struct Contender {
    way: Way,
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    model: Option<ConvolutionalNetwork>,
    config: MlpConfig,
    descent: Descent,
    batches: Batches,
    step: u64,
}

impl Contender {
    fn new(way: Way, config: &MlpConfig, images: usize, device: &Device) -> Result<Self, Failure> {
        let mut weights = Stream::new(0, Purpose::InitialWeights, 0);
        let device = device.clone().autodiff();
        let mut normal = || weights.normal();
        let model = ConvolutionalNetwork::new(config, [28, 28], 10, &device, &mut normal)?;
        let optimizer = MomentumConfig::torch().with_learning_rate(RATE);
        Ok(Self {
            way,
            model: Some(model),
            config: config.clone(),
            descent: DescentConfig::new(optimizer).build()?,
            batches: Batches::new(BatchOrder::ShuffledEpochs, 0, BATCH, images)?,
            step: 0,
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

    /// So many steps; their seconds and the last loss.
    fn run(&mut self, train: &DeviceSet, steps: usize) -> (f64, f64) {
        let start = Instant::now();
        let mut last = f64::NAN;
        for step in 0..steps {
            let Some(mut model) = self.model.take() else {
                break;
            };
            let rows = self.batches.indices(self.step);
            self.step += 1;
            let (images, targets) = train.batch(&rows);
            let logits = self.logits(&mut model, Tensor::from_inner(images));
            let loss = loss::cross_entropy(logits, Tensor::from_inner(targets));
            if step + 1 == steps {
                last = f64::from(loss.clone().into_scalar::<f32>());
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let stepped = self.descent.step(model, gradients);
            self.model = Some(stepped.expect("there is no schedule").0);
        }
        (start.elapsed().as_secs_f64(), last)
    }
}

/// PyTorch, in a process that waits for its turn.
fn peer(python: &str, config: &MlpConfig, threads: usize) -> Result<LinePeer, Failure> {
    let numbers = (config.convolutions.iter())
        .map(|layer| format!("{},{},{}", layer.channels, layer.kernel, layer.padding));
    let hidden: Vec<String> = config.hidden.iter().map(ToString::to_string).collect();
    let mut arguments = [threads.to_string(), BATCH.to_string(), RATE.to_string()].to_vec();
    arguments.push(numbers.collect::<Vec<_>>().join(";"));
    arguments.push(hidden.join(","));
    Ok(LinePeer::start(
        python,
        "torch_convolution.py",
        &arguments,
    )??)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(rounds: usize, threads: usize, python: Option<&str>) -> Result<(), Failure> {
    let device = device::open(Backend::Flex)?;
    let mnist = load_mnist()?;
    let train = DeviceSet::new(&mnist.train, Backend::Flex, &device);
    let mut out = std::io::stdout();
    for (name, config) in networks() {
        let images = mnist.train.len();
        let mut ours = Contender::new(Way::Ours, &config, images, &device)?;
        let mut burn = Contender::new(Way::Burn, &config, images, &device)?;
        let mut peer = match python {
            Some(python) => Some(peer(python, &config, threads)?),
            None => None,
        };
        let names = ["ours", "Burn's own", "PyTorch"];
        let number = 2 + usize::from(peer.is_some());
        let mut steps = [1; 3];
        let mut times = [const { Vec::new() }; 3];
        let mut losses = [f64::NAN; 3];
        for round in 0..=rounds {
            for turn in 0..number {
                let contender = (turn + round) % number;
                let steps = &mut steps[contender];
                let (seconds, loss) = match (contender, &mut peer) {
                    (0, _) => ours.run(&train, *steps),
                    (1, _) => burn.run(&train, *steps),
                    (_, Some(peer)) => peer.run(*steps)?,
                    (_, None) => continue,
                };
                let each = seconds / *steps as f64;
                if round > 0 || rounds == 0 {
                    times[contender].push(1e3 * each);
                }
                if rounds > 0 {
                    *steps = ((TURN / each) as usize).clamp(1, 500);
                }
                losses[contender] = loss;
            }
        }
        writeln!(
            out,
            "\n{name}; {threads} threads, medians of {rounds} rounds\n"
        )?;
        writeln!(out, "| contender | ms per step | ours / this | last loss |")?;
        writeln!(out, "| --- | --- | --- | --- |")?;
        for contender in 0..number {
            let ratios = times[0].iter().zip(&times[contender]).map(|(a, b)| a / b);
            let (ratio, loss) = (median(ratios.collect()), losses[contender]);
            let (name, time) = (names[contender], median(times[contender].clone()));
            writeln!(out, "| {name} | {time:.2} | {ratio:.2} | {loss:.3} |")?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` and the like only want to know that it runs.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let rounds = if is_bench { ROUNDS } else { 0 };
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)
    };
    let threads = after("--threads").map_or(Ok(1), |threads| threads.parse())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let python = after("--python").map(String::as_str);
    pool.install(|| measure(rounds, threads, python).map_err(|error| error.to_string()))?;
    Ok(())
}
