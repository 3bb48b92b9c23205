//! Time of a training step of several networks as one ensemble, beside the same networks one by one;
//! and the kernels that a step launches on wgpu.
//!
//! ```text
//! cargo bench -p downhill-trainer --bench ensemble                                  # flex
//! cargo bench -p downhill-trainer --bench ensemble --features wgpu -- wgpu
//! cargo bench -p downhill-trainer --bench ensemble --features wgpu -- launches
//! ```
//!
//! Members are 1, 30 and 180 unless numbers are given behind the backend. The networks are
//! 784-100x4-10 with ReLU, batch 100, Adam, on all images of MNIST. On flex it is one thread, as in
//! a worker of the trainer. On a software driver wgpu's figures say little about a GPU; the number
//! of launches is the same there.

#[cfg(feature = "wgpu")]
mod launches;

use std::io::Write;
use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::{AdamConfig, Descent, DescentConfig};
use downhill_data::{BatchOrder, Batches, Purpose, Stream, load_mnist};
use downhill_model::{Ensemble, Mlp, MlpConfig, Network};
use downhill_trainer::device_data::DeviceSet;
use downhill_trainer::{Backend, device};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 100;
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
}

impl Single {
    fn new(images: usize, device: &Device) -> Result<Self, Failure> {
        Ok(Self {
            model: Some(Network::Mlp(network(0, device)?)),
            descent: DescentConfig::new(AdamConfig::torch()).build()?,
            batches: batches(0, images)?,
            step: 0,
        })
    }

    fn gradients(&mut self, train: &DeviceSet) -> Option<(Network, GradientsParams)> {
        let mut model = self.model.take()?;
        let rows = self.batches.indices(self.step);
        self.step += 1;
        let mut keep_all = |length, _| vec![1.0; length];
        let loss = train.loss(&mut model, &rows, &mut keep_all);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        Some((model, gradients))
    }

    fn step(&mut self, train: &DeviceSet) {
        if let Some((model, gradients)) = self.gradients(train) {
            self.model = Some(self.descent.step(model, gradients).0);
        }
    }
}

/// Several networks in training at once.
struct Together {
    model: Option<Ensemble>,
    descent: Descent,
    batches: Vec<Batches>,
    step: u64,
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
        let loss = model.loss(images, targets, &mut keep_all).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        Some((model, gradients))
    }

    fn step(&mut self, train: &DeviceSet) {
        if let Some((model, gradients)) = self.gradients(train) {
            self.model = Some(self.descent.step(model, gradients).0);
        }
    }
}

/// Milliseconds per call, after so many calls that they fill the turn.
fn turn(device: &Device, steps: &mut usize, mut step: impl FnMut()) -> Result<f64, Failure> {
    device.sync()?;
    let start = Instant::now();
    for _ in 0..*steps {
        step();
    }
    device.sync()?;
    let seconds = start.elapsed().as_secs_f64();
    let each = seconds / *steps as f64;
    *steps = ((TURN / each) as usize).clamp(1, 2000);
    Ok(1e3 * each)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The step of an ensemble of each size, beside that of one network.
fn times(
    backend: Backend,
    sizes: &[usize],
    rounds: usize,
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
    writeln!(
        out,
        "| members | step of one, ms | step of the ensemble, ms | network-steps/s, one by one \
         | as an ensemble | gain |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    for &members in sizes {
        let mut single = Single::new(mnist.train.len(), &device)?;
        let mut together = Together::new(members, mnist.train.len(), &device)?;
        let (mut of_single, mut of_together) = (Vec::new(), Vec::new());
        let (mut single_steps, mut together_steps) = (2, 2);
        for round in 0..=rounds {
            let one = turn(&device, &mut single_steps, || single.step(&train))?;
            let all = turn(&device, &mut together_steps, || together.step(&train))?;
            // The first round warms up.
            if round > 0 || rounds == 0 {
                of_single.push(one);
                of_together.push(all);
            }
        }
        let (one, all) = (median(of_single), median(of_together));
        let (by_one, by_all) = (1e3 / one, 1e3 * members as f64 / all);
        writeln!(
            out,
            "| {members} | {one:.2} | {all:.2} | {by_one:.0} | {by_all:.0} | {:.2} |",
            by_all / by_one
        )?;
    }
    Ok(())
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
        sizes = if is_bench { vec![1, 30, 180] } else { vec![2] };
    }
    let mut out = std::io::stdout();
    #[cfg(feature = "wgpu")]
    if named("launches") {
        return launches::count(rounds.max(1), &mut out);
    }
    if named("wgpu") {
        return times(Backend::Wgpu, &sizes, rounds, &mut out);
    }
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one_thread.install(|| {
        // Its own, for that of `main` is not for threads.
        times(Backend::Flex, &sizes, rounds, &mut std::io::stdout())
            .map_err(|error| error.to_string())
    })?;
    Ok(())
}
