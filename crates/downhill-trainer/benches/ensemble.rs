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

/// What is launched, counted in CubeCL's log, and a step of all parameters flattened into one.
#[cfg(feature = "wgpu")]
mod launches {
    use std::collections::BTreeMap;
    use std::ops::Range;
    use std::path::PathBuf;
    use std::time::Duration;

    use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};

    use super::*;

    /// CubeCL's log of kernels that run, which it is told to write before a device is opened.
    struct Log {
        file: PathBuf,
        read: usize,
        _directory: tempfile::TempDir,
    }

    impl Log {
        fn start() -> Result<Self, Failure> {
            let directory = tempfile::tempdir()?;
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

    /// All parameters of a network as one, each at a place of its own.
    #[derive(Module, Debug)]
    struct Flat {
        all: Param<Tensor<1>>,
    }

    /// A descent over a network's parameters laid end to end.
    struct Flattened {
        /// Empty before the first step.
        flat: Option<Flat>,
        descent: Descent,
        places: Vec<Range<usize>>,
        /// Each place begins at a multiple of this.
        alignment: usize,
        /// Where gradients are laid, kept from step to step.
        buffer: Option<Tensor<1>>,
    }

    struct Collect<'a> {
        gradients: &'a mut GradientsParams,
        values: Vec<Tensor<1>>,
        flat: Vec<Tensor<1>>,
    }

    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                let elements = [gradient.shape().num_elements()];
                self.flat.push(gradient.reshape(elements));
                self.values.push(param.val().inner().reshape(elements));
            }
        }
    }

    struct Spread<'a> {
        all: Tensor<1>,
        places: std::slice::Iter<'a, Range<usize>>,
    }

    impl ModuleMapper for Spread<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(place) = self.places.next().cloned() else {
                return param;
            };
            let (id, old, mapper) = param.consume();
            let value = self.all.clone().slice(place).reshape(old.shape());
            let value = Tensor::from_inner(value).require_grad();
            Param::from_mapped_value(id, value, mapper)
        }
    }

    impl Flattened {
        fn new(alignment: usize) -> Result<Self, Failure> {
            Ok(Self {
                flat: None,
                descent: DescentConfig::new(AdamConfig::torch()).build()?,
                places: Vec::new(),
                alignment,
                buffer: None,
            })
        }

        fn lay(&self, parts: Vec<Tensor<1>>, buffer: Tensor<1>) -> Tensor<1> {
            if self.alignment == 1 {
                return Tensor::cat(parts, 0);
            }
            let laid = parts.into_iter().zip(&self.places);
            laid.fold(buffer, |all, (part, place)| {
                all.slice_assign(place.clone(), part)
            })
        }

        fn step(&mut self, model: Network, mut gradients: GradientsParams) -> Network {
            let mut collect = Collect {
                gradients: &mut gradients,
                values: Vec::new(),
                flat: Vec::new(),
            };
            model.visit(&mut collect);
            let (values, parts) = (collect.values, collect.flat);
            let device = values[0].device();
            if self.places.is_empty() {
                let mut start = 0;
                for value in &values {
                    let [length] = value.dims();
                    self.places.push(start..start + length);
                    start = (start + length).next_multiple_of(self.alignment);
                }
            }
            let length = self.places.last().map_or(0, |place| place.end);
            let length = length.next_multiple_of(self.alignment);
            let zeros = || Tensor::zeros([length], &device);
            let flat = self.flat.take().unwrap_or_else(|| Flat {
                all: Param::from_tensor(Tensor::from_inner(self.lay(values, zeros()))),
            });
            let buffer = self.buffer.take().unwrap_or_else(zeros);
            let gradient = self.lay(parts, buffer);
            let mut of_flat = GradientsParams::new();
            of_flat.register(flat.all.id, gradient.clone());
            let flat = self.descent.step(flat, of_flat).0;
            self.buffer = Some(gradient);
            let all = flat.all.val().inner();
            self.flat = Some(flat);
            let places = self.places.iter();
            model.map(&mut Spread { all, places })
        }
    }

    /// How a network's step is updated.
    #[allow(clippy::large_enum_variant, reason = "there is one")]
    enum Update {
        Descent(Descent),
        Flattened(Flattened),
    }

    impl Update {
        fn step(&mut self, model: Network, gradients: GradientsParams) -> Network {
            match self {
                Self::Descent(descent) => descent.step(model, gradients).0,
                Self::Flattened(flattened) => flattened.step(model, gradients),
            }
        }
    }

    pub(super) fn count(rounds: usize, out: &mut impl Write) -> Result<(), Failure> {
        let mut log = Log::start()?;
        let backend = Backend::Wgpu;
        let device = device::open(backend)?;
        let mnist = load_mnist()?;
        let train = DeviceSet::new(&mnist.train, backend, &device);
        let images = mnist.train.len();
        writeln!(
            out,
            "784-100x4-10, ReLU, batch {BATCH}, Adam, wgpu on {}; kernels launched in one step, and \
             its time with the log on, median of {rounds}",
            device::describe(backend, &device)
        )?;
        writeln!(
            out,
            "| step | loss and gradients | update | ms, loss | ms, update |"
        )?;
        writeln!(out, "| --- | --- | --- | --- | --- |")?;
        let descent = || DescentConfig::new(AdamConfig::torch()).build();
        let mut details = Vec::new();
        for (name, mut update) in [
            ("each parameter by itself", Update::Descent(descent()?)),
            ("flattened", Update::Flattened(Flattened::new(1)?)),
            // 256 bytes, to which wgpu aligns parts of a buffer.
            (
                "flattened and aligned",
                Update::Flattened(Flattened::new(64)?),
            ),
        ] {
            let mut single = Single::new(images, &device)?;
            let mut kernels = [BTreeMap::new(), BTreeMap::new()];
            let mut times = [Vec::new(), Vec::new()];
            // The first two steps make the memory and warm up.
            for _ in 0..rounds + 2 {
                log.kernels(&device)?;
                let start = Instant::now();
                let Some((model, gradients)) = single.gradients(&train) else {
                    break;
                };
                device.sync()?;
                times[0].push(1e3 * start.elapsed().as_secs_f64());
                kernels[0] = log.kernels(&device)?;
                let start = Instant::now();
                single.model = Some(update.step(model, gradients));
                device.sync()?;
                times[1].push(1e3 * start.elapsed().as_secs_f64());
                kernels[1] = log.kernels(&device)?;
            }
            let [loss, step] = times.map(|times| median(times[2..].to_vec()));
            let [of_loss, of_step] = kernels
                .each_ref()
                .map(|kernels| kernels.values().sum::<usize>());
            writeln!(
                out,
                "| {name} | {of_loss} | {of_step} | {loss:.1} | {step:.1} |"
            )?;
            details.push((name, kernels));
        }
        let mut together = Together::new(30, images, &device)?;
        let mut kernels = [BTreeMap::new(), BTreeMap::new()];
        for _ in 0..3 {
            log.kernels(&device)?;
            let Some((model, gradients)) = together.gradients(&train) else {
                break;
            };
            kernels[0] = log.kernels(&device)?;
            together.model = Some(together.descent.step(model, gradients).0);
            kernels[1] = log.kernels(&device)?;
        }
        let [of_loss, of_step] = kernels
            .each_ref()
            .map(|kernels| kernels.values().sum::<usize>());
        writeln!(out, "| ensemble of 30 | {of_loss} | {of_step} | | |")?;
        details.push(("ensemble of 30", kernels));
        writeln!(out, "\nBy kernel:")?;
        for (name, [of_loss, of_step]) in details {
            let text = |kernels: BTreeMap<String, usize>| {
                let kernels = kernels.into_iter();
                let texts = kernels.map(|(name, count)| format!("{count} {name}"));
                texts.collect::<Vec<_>>().join(", ")
            };
            writeln!(
                out,
                "- {name}: {}; update: {}",
                text(of_loss),
                text(of_step)
            )?;
        }
        Ok(())
    }
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
