//! Time of a training step with each optimizer, beside Burn's own where it has one.
//!
//! ```text
//! cargo bench -p downhill-trainer --bench step
//! ```
//!
//! One thread, flex, the allocator of the trainer. The contenders take turns of a few steps each,
//! in one process and many rounds, so that whatever slows the machine slows them all; the figures
//! are medians over the rounds, and the ratio is the median of each round's ratio.

use std::io::Write;
use std::time::Instant;

use burn::optim::{self, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use downhill::{
    AdaDeltaConfig, AdaGradConfig, AdamConfig, DescentConfig, MomentumConfig, NesterovConfig,
    OptimizerConfig, RmsPropConfig, SgdConfig,
};
use downhill_data::{BatchOrder, Batches, Purpose, Stream, load_mnist};
use downhill_model::{Mlp, MlpConfig, loss};
use downhill_trainer::Backend;
use downhill_trainer::device_data::DeviceSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 60;
const STEPS: usize = 10;
const BATCH: usize = 100;
const RATE: f64 = 1e-3;

type Failure = Box<dyn std::error::Error>;

/// A network in training with one optimizer.
struct Contender {
    name: String,
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    model: Option<Mlp>,
    step: Step,
    /// Microseconds per whole step, one entry for each round.
    whole: Vec<f64>,
    /// Of these, in the optimizer.
    update: Vec<f64>,
}

/// A step of a network by its gradients.
type Step = Box<dyn FnMut(Mlp, GradientsParams) -> Mlp>;

/// Name, ours, and Burn's own.
type Pair = (&'static str, OptimizerConfig, Option<ModuleOptimizer>);

fn pairs() -> Vec<Pair> {
    let momentum = |nesterov| {
        let momentum = optim::momentum::MomentumConfig::new()
            .with_dampening(0.0)
            .with_nesterov(nesterov);
        Some(optim::SgdConfig::new().with_momentum(Some(momentum)).init())
    };
    let rms_prop = optim::RmsPropConfig::new().with_momentum(0.0);
    vec![
        (
            "SGD",
            SgdConfig::torch().into(),
            Some(optim::SgdConfig::new().init()),
        ),
        ("Momentum", MomentumConfig::torch().into(), momentum(false)),
        ("Nesterov", NesterovConfig::torch().into(), momentum(true)),
        (
            "AdaGrad",
            AdaGradConfig::torch().into(),
            Some(optim::AdaGradConfig::new().init()),
        ),
        (
            "RMSprop",
            RmsPropConfig::torch().into(),
            Some(rms_prop.init()),
        ),
        ("AdaDelta", AdaDeltaConfig::torch().into(), None),
        (
            "Adam",
            AdamConfig::torch().into(),
            Some(optim::AdamConfig::new().init()),
        ),
    ]
}

/// As the trainer steps.
fn by_descent(mut optimizer: OptimizerConfig) -> Result<Step, Failure> {
    assert!(optimizer.set("learning_rate", RATE));
    let mut descent = DescentConfig::new(optimizer).build()?;
    Ok(Box::new(move |model, gradients| {
        descent.step(model, gradients).0
    }))
}

fn by_burn(mut optimizer: ModuleOptimizer) -> Step {
    Box::new(move |model, gradients| optimizer.step(RATE, model, gradients))
}

fn contender(name: String, step: Step, device: &Device) -> Result<Contender, Failure> {
    let config = MlpConfig {
        hidden: vec![100; 6],
        ..MlpConfig::default()
    };
    let mut weights = Stream::new(1, Purpose::InitialWeights, 0);
    let model = Mlp::new(&config, 784, 10, &device.clone().autodiff(), &mut || {
        weights.normal()
    })?;
    Ok(Contender {
        name,
        model: Some(model),
        step,
        whole: Vec::new(),
        update: Vec::new(),
    })
}

impl Contender {
    /// A few steps, timed.
    fn turn(&mut self, train: &DeviceSet, batches: &mut Batches, round: usize) {
        let mut update = 0.0;
        let start = Instant::now();
        for step in 0..STEPS {
            let rows = batches.indices((round * STEPS + step) as u64);
            let (images, targets) = train.batch(&rows);
            let mut keep_all = |length, _| vec![1.0; length];
            let Some(model) = &mut self.model else { return };
            let logits = model.forward(Tensor::from_inner(images), &mut keep_all);
            let loss = loss::cross_entropy(logits, Tensor::from_inner(targets));
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            let begin = Instant::now();
            self.model = (self.model.take()).map(|model| (self.step)(model, gradients));
            update += begin.elapsed().as_secs_f64();
        }
        self.whole
            .push(start.elapsed().as_secs_f64() * 1e6 / STEPS as f64);
        self.update.push(update * 1e6 / STEPS as f64);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of `ours / theirs` round by round, with the quartiles.
fn ratio(ours: &[f64], theirs: &[f64]) -> String {
    let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios[(share * (ratios.len() - 1) as f64) as usize];
    format!("{:.2} ({:.2} to {:.2})", at(0.5), at(0.25), at(0.75))
}

fn main() -> Result<(), Failure> {
    // `cargo test --benches` and the like only want to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        ROUNDS
    } else {
        1
    };
    let device = Device::flex();
    let mnist = load_mnist()?;
    let train = DeviceSet::new(&mnist.train, Backend::Flex, &device);
    let mut batches = Batches::new(BatchOrder::WithReplacement, 1, BATCH, mnist.train.len())?;
    let mut contenders = Vec::new();
    for (name, ours, theirs) in pairs() {
        let ours = by_descent(ours)?;
        contenders.push(contender(name.to_owned(), ours, &device)?);
        if let Some(theirs) = theirs {
            let theirs = by_burn(theirs);
            contenders.push(contender(format!("{name} of Burn"), theirs, &device)?);
        }
    }
    for round in 0..=rounds {
        for contender in &mut contenders {
            contender.turn(&train, &mut batches, round);
        }
        if round == 0 {
            // The first round warms up.
            for contender in &mut contenders {
                contender.whole.clear();
                contender.update.clear();
            }
        }
    }

    let mut out = std::io::stdout();
    writeln!(
        out,
        "784-100x6-10, ReLU, batch {BATCH}, {rounds} rounds of {STEPS} steps, microseconds per step"
    )?;
    writeln!(
        out,
        "| optimizer | step | of it the update | step: ours / Burn's | update: ours / Burn's |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for (index, contender) in contenders.iter().enumerate() {
        let peer = contenders.get(index + 1);
        let peer = peer.filter(|peer| peer.name == format!("{} of Burn", contender.name));
        let (whole, update) = match peer {
            Some(peer) => (
                ratio(&contender.whole, &peer.whole),
                ratio(&contender.update, &peer.update),
            ),
            None => (String::new(), String::new()),
        };
        writeln!(
            out,
            "| {} | {:.0} | {:.0} | {whole} | {update} |",
            contender.name,
            median(contender.whole.clone()),
            median(contender.update.clone()),
        )?;
    }
    Ok(())
}
