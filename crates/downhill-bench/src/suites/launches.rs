//! The kernels that a training step launches on wgpu, counted in CubeCL's log.
//!
//! Their number is the same on a software driver. `cargo xtask bench launches` builds with Burn's
//! fusion if there is a GPU; for the other way:
//!
//! ```text
//! cargo run --release -p downhill-bench --no-default-features --features wgpu-tuned -- launches
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn::optim::{self, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use downhill::{AdamConfig, Descent, DescentConfig};
use downhill_data::load_mnist;
use downhill_model::Network;
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::{Backend, device};

use super::Wanted;
use super::ensemble::{BATCH, Single, Together};
use crate::failure::Failure;
use crate::optimizers::{custom_adam, formula_of_adam};
use crate::statistics::Quartiles;
use crate::temporary::TemporaryDirectory;

/// Steps that are not counted: the first two make the memory, and fusion looks for what can be
/// fused.
const WARM_UP: usize = 4;

/// CubeCL's log of the kernels that run. It must be turned on before a device is opened.
struct Log {
    file: PathBuf,
    read: usize,
    _directory: TemporaryDirectory,
}

impl Log {
    fn start() -> Result<Self, Failure> {
        let directory = TemporaryDirectory::new()?;
        let file = directory.path().join("launches.log");
        let config = format!(
            "[profiling.logger]\nlevel = \"minimal\"\nfile = \"{}\"\n",
            file.display()
        );
        std::fs::write(directory.path().join("cubecl.toml"), config)?;
        std::env::set_current_dir(directory.path())?;
        Ok(Self {
            file,
            read: 0,
            _directory: directory,
        })
    }

    /// The kernels launched since the last call, by name.
    fn kernels(&mut self, device: &Device) -> Result<BTreeMap<String, usize>, Failure> {
        device.sync()?;
        // It is written by a thread of its own.
        let mut length = None;
        let text = loop {
            std::thread::sleep(Duration::from_millis(500));
            let text = std::fs::read_to_string(&self.file).unwrap_or_default();
            if length.replace(text.len()) == Some(text.len()) {
                break text;
            }
        };
        let mut kernels = BTreeMap::new();
        for line in text[self.read..].lines() {
            if let Some((_, name)) = line.split_once("Executing ") {
                *kernels.entry(short(name)).or_default() += 1;
            }
        }
        self.read = text.len();
        Ok(kernels)
    }
}

/// The name of a kernel without its path, types and hash.
fn short(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
    let last = |word: &str| {
        let word = word.rsplit("::").next().unwrap_or(word);
        word.split('_').next().unwrap_or(word).to_owned()
    };
    let words = words.filter(|word| !word.is_empty()).map(last);
    words.take(2).collect::<Vec<_>>().join(" ")
}

/// How a network's parameters are updated.
#[allow(clippy::large_enum_variant, reason = "there are four")]
enum Update {
    /// All together.
    Descent(Descent),
    /// Each separately.
    EachByItself(ModuleOptimizer),
}

impl Update {
    fn step(&mut self, model: Network, gradients: GradientsParams) -> Network {
        match self {
            Self::Descent(descent) => {
                descent
                    .step(model, gradients)
                    .expect("there is no schedule")
                    .0
            }
            Self::EachByItself(optimizer) => optimizer.step(1e-3, model, gradients),
        }
    }
}

/// Kernels and milliseconds of a step's two halves.
#[derive(Default)]
struct Counts {
    kernels: [BTreeMap<String, usize>; 2],
    milliseconds: [Vec<f64>; 2],
}

impl Counts {
    fn numbers(&self) -> [usize; 2] {
        self.kernels
            .each_ref()
            .map(|kernels| kernels.values().sum())
    }
}

/// Counts `rounds` steps; each time the same kernels, or there would be no one count.
fn counted<G>(
    (log, device, rounds): (&mut Log, &Device, usize),
    mut gradients: impl FnMut() -> Option<G>,
    mut update: impl FnMut(G),
) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for round in 0..rounds + WARM_UP {
        log.kernels(device)?;
        let start = Instant::now();
        let Some(of_step) = gradients() else { break };
        device.sync()?;
        counts.milliseconds[0].push(1e3 * start.elapsed().as_secs_f64());
        let of_loss = log.kernels(device)?;
        let start = Instant::now();
        update(of_step);
        device.sync()?;
        counts.milliseconds[1].push(1e3 * start.elapsed().as_secs_f64());
        let kernels = [of_loss, log.kernels(device)?];
        if round > WARM_UP && kernels != counts.kernels {
            return Err("a step launched other kernels than the one before".into());
        }
        counts.kernels = kernels;
    }
    counts.milliseconds = counts.milliseconds.map(|times| times[WARM_UP..].to_vec());
    Ok(counts)
}

pub(crate) fn run(wanted: &Wanted) -> Result<(), Failure> {
    let rounds = wanted.rounds_or(5);
    let out = &mut std::io::stdout();
    let mut log = Log::start()?;
    let backend = Backend::Wgpu;
    let device = device::open(backend)?;
    let mnist = load_mnist()?;
    let train = DeviceSet::new(&mnist.train, backend, &device);
    let images = mnist.train.len();
    let fusion = match cfg!(feature = "wgpu-tuned") {
        true => "with fusion",
        false => "without fusion",
    };
    writeln!(
        out,
        "784-100x4-10, ReLU, batch {BATCH}, Adam, wgpu on {}, {fusion}; kernels launched in one step, \
         and its time with the log on, median of {rounds}",
        device::describe(backend, &device)
    )?;
    writeln!(
        out,
        "| step | loss and gradients | update | ms, loss | ms, update |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    let ours = AdamConfig::torch();
    let burns = optim::AdamConfig::new().with_epsilon(1e-8).init();
    let mut details = Vec::new();
    for (name, mut update) in [
        ("Burn's own Adam", Update::EachByItself(burns)),
        (
            "ours, each parameter by itself",
            Update::EachByItself(ModuleOptimizer::from(ours.build()?)),
        ),
        (
            "ours, a descent",
            Update::Descent(DescentConfig::new(ours).build()?),
        ),
        (
            "ours, a descent by a formula",
            Update::Descent(DescentConfig::new(formula_of_adam()?).build()?),
        ),
        (
            "ours, a descent by a custom rule",
            Update::Descent(DescentConfig::new(custom_adam()).build()?),
        ),
    ] {
        let single = std::cell::RefCell::new(Single::new(images, &device)?);
        let counts = counted(
            (&mut log, &device, rounds),
            || single.borrow_mut().gradients(&train),
            |(model, gradients)| {
                single.borrow_mut().model = Some(update.step(model, gradients));
            },
        )?;
        let [of_loss, of_step] = counts.numbers();
        let [loss, step] = counts
            .milliseconds
            .clone()
            .map(|times| Quartiles::of(times).median);
        writeln!(
            out,
            "| {name} | {of_loss} | {of_step} | {loss:.1} | {step:.1} |"
        )?;
        details.push((name, counts));
    }
    let together = std::cell::RefCell::new(Together::new(30, images, &device)?);
    let counts = counted(
        (&mut log, &device, rounds),
        || together.borrow_mut().gradients(&train),
        |(model, gradients)| {
            let together = &mut *together.borrow_mut();
            let stepped = together
                .descent
                .step(model, gradients)
                .expect("there is no schedule");
            together.model = Some(stepped.0);
        },
    )?;
    let [of_loss, of_step] = counts.numbers();
    let [loss, step] = counts
        .milliseconds
        .clone()
        .map(|times| Quartiles::of(times).median);
    writeln!(
        out,
        "| ensemble of 30 | {of_loss} | {of_step} | {loss:.1} | {step:.1} |"
    )?;
    details.push(("ensemble of 30", counts));
    writeln!(out, "\nBy kernel:")?;
    for (name, counts) in details {
        let [of_loss, of_step] = counts.kernels.map(|kernels| {
            let texts = kernels
                .into_iter()
                .map(|(name, count)| format!("{count} {name}"));
            texts.collect::<Vec<_>>().join(", ")
        });
        writeln!(out, "- {name}: {of_loss}; update: {of_step}")?;
    }
    Ok(())
}
