//! Time of a training step of several networks as one ensemble, beside the same networks one by one;
//! and the kernels that a step launches on wgpu.
//!
//! ```text
//! cargo bench -p downhill-trainer --bench ensemble                                  # flex
//! cargo bench -p downhill-trainer --bench ensemble --features wgpu -- wgpu
//! cargo bench -p downhill-trainer --bench ensemble --features wgpu -- launches
//! ```
//!
//! Members are 1, 30, 180 and 1000 unless numbers are given behind the backend. The networks are
//! 784-100x4-10 with ReLU, batch 100, Adam, on all images of MNIST. On flex it is one thread, as in
//! a worker of the trainer. With `--python PYTHON` PyTorch takes its turns beside: eager, as CUDA graphs
//! and as a stack by `torch.func`, on a GPU where it finds one. On a GPU build with `wgpu-tuned` in place of
//! `wgpu`, as `cargo xtask train` does. On a software driver wgpu's figures say little about a GPU; the number
//! of launches is the same there.

#[cfg(feature = "wgpu")]
mod launches;
mod limit;
#[path = "../line_peer.rs"]
mod line_peer;

use std::io::Write;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::{AdamConfig, Descent, DescentConfig};
use downhill_data::{BatchOrder, Batches, Purpose, Stream, load_mnist};
use downhill_model::{Ensemble, Mlp, MlpConfig, Network};
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::training::step;
use downhill_trainer::{Backend, device};
use limit::Limit;
use line_peer::LinePeer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 100;
/// The widths of the hidden layers.
const HIDDEN: &str = "100,100,100,100";
/// Seconds that each contender is timed for in each round, about.
const TURN: f64 = 1.0;
const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

fn network(seed: u64, device: &Device) -> Result<Mlp, Failure> {
    let config = MlpConfig {
        hidden: vec![100; 4],
        ..MlpConfig::default()
    };
    let mut weights = Stream::new(seed, Purpose::InitialWeights, 0);
    let device = device.clone().autodiff();
    let network = Mlp::new(&config, 784, 10, &device, &mut || weights.normal());
    Ok(network?)
}

fn batches(seed: u64, images: usize) -> Result<Batches, Failure> {
    Ok(Batches::new(
        BatchOrder::ShuffledEpochs,
        seed,
        BATCH,
        images,
    )?)
}

/// One network in training.
struct Single {
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    model: Option<Network>,
    descent: Descent,
    batches: Batches,
    step: u64,
    /// Of the last batch, `[1]`.
    loss: Option<Tensor<1>>,
}

impl Single {
    fn new(images: usize, device: &Device) -> Result<Self, Failure> {
        Ok(Self {
            model: Some(Network::Mlp(network(0, device)?)),
            descent: DescentConfig::new(AdamConfig::torch()).build()?,
            batches: batches(0, images)?,
            step: 0,
            loss: None,
        })
    }

    fn gradients(&mut self, train: &DeviceSet) -> Option<(Network, GradientsParams)> {
        let mut model = self.model.take()?;
        let rows = self.batches.indices(self.step);
        self.step += 1;
        let mut keep_all = |length, _| vec![1.0; length];
        let loss = step::loss(&mut model, train, &rows, &mut keep_all);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.loss = Some(loss.inner());
        Some((model, gradients))
    }

    /// The loss.
    fn step(&mut self, train: &DeviceSet) -> Option<Tensor<1>> {
        let (model, gradients) = self.gradients(train)?;
        let stepped = self
            .descent
            .step(model, gradients)
            .expect("there is no schedule");
        self.model = Some(stepped.0);
        self.loss.take()
    }
}

/// Several networks in training at once.
struct Together {
    model: Option<Ensemble>,
    descent: Descent,
    batches: Vec<Batches>,
    step: u64,
    /// Of the last batches, one for each network.
    losses: Option<Tensor<1>>,
}

impl Together {
    fn new(members: usize, images: usize, device: &Device) -> Result<Self, Failure> {
        let seeds = 0..members as u64;
        let networks = seeds.clone().map(|seed| network(seed, device));
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        let batches = seeds.map(|seed| batches(seed, images));
        Ok(Self {
            model: Some(Ensemble::of(&networks)?),
            descent: DescentConfig::new(AdamConfig::torch())
                .with_members(vec![1.0; members])
                .build()?,
            batches: batches.collect::<Result<_, _>>()?,
            step: 0,
            losses: None,
        })
    }

    fn gradients(&mut self, train: &DeviceSet) -> Option<(Ensemble, GradientsParams)> {
        let mut model = self.model.take()?;
        let members = self.batches.len();
        let rows = self.batches.iter_mut();
        let rows: Vec<usize> = rows
            .flat_map(|batches| batches.indices(self.step))
            .collect();
        self.step += 1;
        let (images, targets) = train.batch(&rows);
        let images = Tensor::from_inner(images.reshape([members, BATCH, 784]));
        let targets = Tensor::from_inner(targets.reshape([members, BATCH, 10]));
        let mut keep_all = |_, length, _| vec![1.0; length];
        let losses = model.loss(images, targets, &mut keep_all);
        let gradients = GradientsParams::from_grads(losses.clone().sum().backward(), &model);
        self.losses = Some(losses.inner());
        Some((model, gradients))
    }

    /// The mean loss of the networks.
    fn step(&mut self, train: &DeviceSet) -> Option<Tensor<1>> {
        let (model, gradients) = self.gradients(train)?;
        let stepped = self
            .descent
            .step(model, gradients)
            .expect("there is no schedule");
        self.model = Some(stepped.0);
        Some(self.losses.take()?.mean())
    }
}

/// Milliseconds per step, after so many steps that they fill the turn, and the last one's loss: what a
/// device refuses shows when something is read.
fn turn(
    device: &Device,
    steps: &mut usize,
    mut step: impl FnMut() -> Option<Tensor<1>>,
) -> Result<(f64, f64), Failure> {
    device.sync()?;
    let start = Instant::now();
    let mut last = None;
    for _ in 0..*steps {
        last = step();
    }
    device.sync()?;
    let seconds = start.elapsed().as_secs_f64();
    let loss = last.ok_or("an earlier turn failed")?;
    let loss = loss.try_into_scalar::<f64>()?;
    Ok((of_step(seconds, steps), loss))
}

/// Milliseconds of a step of a turn; the next turn takes the time that a turn is to take.
fn of_step(seconds: f64, steps: &mut usize) -> f64 {
    let each = seconds / *steps as f64;
    *steps = ((TURN / each) as usize).clamp(1, 2000);
    1e3 * each
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Who takes part for a number of networks.
#[allow(clippy::large_enum_variant, reason = "there are few")]
enum Contender {
    /// Ours, one network after the other.
    Single(Single),
    /// Ours, all as one.
    Together(Together),
    PyTorch(LinePeer),
}

/// A contender with its steps of a turn, how many networks a step of it is of, and what it took.
struct Entry {
    contender: Contender,
    networks: usize,
    steps: usize,
    milliseconds: Vec<f64>,
    /// At the end of the first turn and of the last.
    losses: [f64; 2],
}

impl Entry {
    fn new(contender: Contender, networks: usize) -> Self {
        Self {
            contender,
            networks,
            steps: 2,
            milliseconds: Vec::new(),
            losses: [f64::NAN; 2],
        }
    }

    fn name(&self) -> String {
        match &self.contender {
            Contender::Single(_) => "ours, one by one".to_owned(),
            Contender::Together(_) => "ours, an ensemble".to_owned(),
            Contender::PyTorch(peer) => peer.name.clone(),
        }
    }

    /// Milliseconds of a step, and the last loss.
    fn turn(&mut self, device: &Device, train: &DeviceSet) -> Result<(f64, f64), Failure> {
        let steps = &mut self.steps;
        match &mut self.contender {
            Contender::Single(single) => turn(device, steps, || single.step(train)),
            Contender::Together(together) => turn(device, steps, || together.step(train)),
            Contender::PyTorch(peer) => {
                let (seconds, loss) = peer.run(*steps)?;
                Ok((of_step(seconds, steps), loss))
            }
        }
    }
}

/// The contenders for so many networks, and what PyTorch has not here.
fn contenders(
    members: usize,
    images: usize,
    device: &Device,
    python: Option<&str>,
) -> Result<(Vec<Entry>, Vec<String>), Failure> {
    let single = Contender::Single(Single::new(images, device)?);
    let together = Contender::Together(Together::new(members, images, device)?);
    let mut entries = vec![Entry::new(single, 1), Entry::new(together, members)];
    let mut missing = Vec::new();
    for (way, networks) in [("eager", 1), ("graphs", 1), ("stack", members)] {
        let Some(python) = python else { break };
        let arguments = [way, &networks.to_string(), &BATCH.to_string(), HIDDEN];
        let arguments = arguments.map(str::to_owned);
        match LinePeer::start(python, "torch_stack.py", &arguments)? {
            Ok(peer) => entries.push(Entry::new(Contender::PyTorch(peer), networks)),
            Err(reason) => missing.push(reason),
        }
    }
    Ok((entries, missing))
}

/// The step of an ensemble of each size, beside those of others, in turns.
fn times(
    backend: Backend,
    sizes: &[usize],
    (rounds, python): (usize, Option<&str>),
    out: &mut impl Write,
) -> Result<(), Failure> {
    let device = device::open(backend)?;
    let mnist = load_mnist()?;
    let train = DeviceSet::new(&mnist.train, backend, &device);
    writeln!(
        out,
        "784-100x4-10, ReLU, batch {BATCH}, Adam, {} on {}; medians of {rounds} rounds",
        backend.name(),
        device::describe(backend, &device)
    )?;
    let limit = match rounds {
        0 => None,
        _ => Some(Limit::of(&device)?),
    };
    if let Some(limit) = limit {
        writeln!(
            out,
            "the device by Burn: {:.3} TFLOP/s in products, {:.1} GB/s in sums",
            limit.flops / 1e12,
            limit.bytes / 1e9
        )?;
    }
    writeln!(
        out,
        "| networks | contender | ms per step | network-steps/s | ours as an ensemble / this \
         | loss, first to last turn |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    for &members in sizes {
        let table = of_size(members, &train, &device, (rounds, python, limit));
        match table {
            Ok(rows) => write!(out, "{rows}")?,
            Err(error) => writeln!(
                out,
                "| {members} | not here: {} | | | | |",
                root(&error.to_string())
            )?,
        }
    }
    Ok(())
}

/// The rows of the table for so many networks.
fn of_size(
    members: usize,
    train: &DeviceSet,
    device: &Device,
    (rounds, python, limit): (usize, Option<&str>, Option<Limit>),
) -> Result<String, Failure> {
    let (mut entries, missing) = contenders(members, train.len(), device, python)?;
    for round in 0..=rounds {
        for entry in &mut entries {
            let (milliseconds, loss) = entry.turn(device, train)?;
            entry.losses[usize::from(round > 0)] = loss;
            // The first round warms up.
            if round > 0 || rounds == 0 {
                entry.milliseconds.push(milliseconds);
            }
        }
    }
    let rates = entries.iter().map(|entry| {
        let milliseconds = median(entry.milliseconds.clone());
        (milliseconds, 1e3 * entry.networks as f64 / milliseconds)
    });
    let rates: Vec<_> = rates.collect();
    let mut rows = String::new();
    for (entry, (milliseconds, rate)) in entries.iter().zip(&rates) {
        let name = entry.name();
        let ratio = rates[1].1 / rate;
        let [first, last] = entry.losses;
        rows += &format!(
            "| {members} | {name} | {milliseconds:.2} | {rate:.0} | {ratio:.2} | {first:.3} to \
             {last:.3} |\n"
        );
    }
    if let Some(limit) = limit {
        let [products, update] = limit.of_step(members);
        rows += &format!(
            "| {members} | the device's limit: products {products:.3} ms, update {update:.3} ms | \
             | | | |\n"
        );
    }
    for reason in missing {
        rows += &format!("| {members} | not here: {reason} | | | | |\n");
    }
    Ok(rows)
}

/// What a chain of errors began with.
fn root(error: &str) -> &str {
    let is_cause = |line: &&str| {
        let line = line.trim();
        !(line.is_empty() || line.ends_with(':') || line.starts_with("No backtrace"))
    };
    error.lines().rfind(is_cause).unwrap_or(error).trim()
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` and the like only want to know that it runs.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let rounds = if is_bench { ROUNDS } else { 0 };
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let sizes = arguments
        .iter()
        .filter_map(|argument| argument.parse().ok());
    let mut sizes: Vec<usize> = sizes.collect();
    if sizes.is_empty() {
        sizes = match is_bench {
            true => vec![1, 30, 180, 1000],
            false => vec![2],
        };
    }
    let python = arguments.iter().position(|argument| argument == "--python");
    let python = python.and_then(|place| arguments.get(place + 1));
    let how = (rounds, python.map(String::as_str));
    let mut out = std::io::stdout();
    #[cfg(feature = "wgpu")]
    if named("launches") {
        return launches::count(rounds.max(1), &mut out);
    }
    if named("wgpu") {
        return times(Backend::Wgpu, &sizes, how, &mut out);
    }
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one_thread.install(|| {
        // Its own, for that of `main` is not for threads.
        times(Backend::Flex, &sizes, how, &mut std::io::stdout()).map_err(|error| error.to_string())
    })?;
    Ok(())
}
