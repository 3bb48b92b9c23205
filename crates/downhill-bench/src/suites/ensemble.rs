//! Training steps of several networks as one ensemble, compared with the same networks one by one
//! and PyTorch: eager, as CUDA graphs, and stacked by `torch.func`.
//!
//! The networks are 784-100x4-10 with ReLU, batch 100, Adam, on all images of MNIST. On flex it is
//! one thread, as in a worker of the trainer. On a software driver the figures of wgpu say little
//! about a GPU.

mod limit;
mod table;

use std::time::Instant;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::{AdamConfig, Descent, DescentConfig};
use downhill_data::{BatchOrder, Batches, Purpose, Stream};
use downhill_model::{Ensemble, Mlp, MlpConfig, Network};
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::training::step;
use downhill_trainer::{Backend, device};
use serde_json::json;

use super::{Wanted, enter};
use crate::contender::{Contender, Field, Length, Turn, play};
use crate::data::Data;
use crate::failure::Failure;
use crate::peer::TORCH_STACK;
use crate::report::Report;
use limit::Limit;
use table::Sizes;

pub(super) const BATCH: usize = 100;
/// The widths of the hidden layers.
const HIDDEN: [usize; 4] = [100; 4];
const LENGTH: Length = Length::Seconds(1.0);
const FAILED: &str = "its last turn failed";

pub(crate) fn run(wanted: &Wanted, data: &Data, report: &mut Report) -> Result<(), Failure> {
    if wanted.backend == Backend::Ndarray {
        return Err("the suite `ensemble` runs on flex or wgpu, not on ndarray".into());
    }
    // As in a worker of the trainer.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        let device = device::open(wanted.backend)?;
        let train = DeviceSet::new(&data.images, wanted.backend, &device);
        let limit = Limit::of(&device)?;
        let sizes = match wanted.networks.is_empty() {
            true => &[1, 30, 180, 1000],
            false => &wanted.networks[..],
        };
        for &networks in sizes {
            let mut sizes = Sizes {
                title: format!("Ensembles of {networks}"),
                note: format!(
                    "784-100x4-10, ReLU, batch {BATCH}, Adam, {} on {} ({:.3} TFLOP/s in products, \
                     {:.1} GB/s in sums, by Burn)",
                    wanted.backend.name(),
                    device::describe(wanted.backend, &device),
                    limit.flops / 1e12,
                    limit.bytes / 1e9,
                ),
                length: LENGTH,
                networks,
                limit: limit.of_step(networks),
                records: Vec::new(),
                missing: Vec::new(),
            };
            match field(
                networks,
                wanted,
                data,
                (&train, &device),
                &mut sizes.missing,
            )
            .and_then(|field| play(field, wanted.rounds_or(5), LENGTH))
            {
                Ok(records) => sizes.records = records,
                // The device may refuse that many.
                Err(error) => sizes.missing.push(root(&error.to_string()).to_owned()),
            }
            report.add(&sizes)?;
        }
        Ok(())
    })
}

/// The contenders for a number of networks. The group is the number of networks in a step.
fn field(
    networks: usize,
    wanted: &Wanted,
    data: &Data,
    (train, device): (&DeviceSet, &Device),
    missing: &mut Vec<String>,
) -> Result<Field, Failure> {
    let images = train.len();
    let mut field = Field::new();
    let mut add = |networks: usize, name: &str, way: Way| {
        let (name, device, train) = (name.to_owned(), device.clone(), train.clone());
        let contender = Stepping {
            name,
            way,
            device,
            train,
        };
        enter(&mut field, &networks.to_string(), contender);
    };
    let together = Together::new(networks, images, device)?;
    add(networks, "ours, an ensemble", Way::Together(together));
    add(
        1,
        "ours, one by one",
        Way::Single(Single::new(images, device)?),
    );
    if !wanted.peers() {
        return Ok(field);
    }
    for (way, networks) in [("eager", 1), ("graphs", 1), ("stack", networks)] {
        let task = json!({
            "data": data.files(),
            "way": way,
            "members": networks,
            "batch": BATCH,
            "hidden": HIDDEN,
        });
        match TORCH_STACK.try_start(&wanted.pythons, &task)? {
            Ok(peer) => enter(&mut field, &networks.to_string(), peer),
            Err(reason) => missing.push(format!("PyTorch, {way}: {reason}")),
        }
    }
    Ok(field)
}

/// How one of our contenders trains.
#[allow(clippy::large_enum_variant, reason = "there are few")]
enum Way {
    Single(Single),
    Together(Together),
}

struct Stepping {
    name: String,
    way: Way,
    device: Device,
    train: DeviceSet,
}

impl Contender for Stepping {
    fn name(&self) -> String {
        self.name.clone()
    }

    /// With the last loss, for what a device refuses shows when something is read.
    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        self.device.sync()?;
        let start = Instant::now();
        let mut last = None;
        for _ in 0..steps {
            last = Some(match &mut self.way {
                Way::Single(single) => single.step(&self.train)?,
                Way::Together(together) => together.step(&self.train)?,
            });
        }
        self.device.sync()?;
        let seconds = start.elapsed().as_secs_f64();
        let loss = last.map(Tensor::try_into_scalar::<f64>).transpose()?;
        Ok(Turn::of(seconds).with_loss(loss))
    }
}

fn network(seed: u64, device: &Device) -> Result<Mlp, Failure> {
    let config = MlpConfig {
        hidden: HIDDEN.to_vec(),
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
pub(super) struct Single {
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    pub(super) model: Option<Network>,
    descent: Descent,
    batches: Batches,
    step: u64,
    /// Of the last batch, `[1]`.
    loss: Option<Tensor<1>>,
}

impl Single {
    pub(super) fn new(images: usize, device: &Device) -> Result<Self, Failure> {
        Ok(Self {
            model: Some(Network::Mlp(network(0, device)?)),
            descent: DescentConfig::new(AdamConfig::torch()).build()?,
            batches: batches(0, images)?,
            step: 0,
            loss: None,
        })
    }

    pub(super) fn gradients(&mut self, train: &DeviceSet) -> Option<(Network, GradientsParams)> {
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
    fn step(&mut self, train: &DeviceSet) -> Result<Tensor<1>, Failure> {
        let (model, gradients) = self.gradients(train).ok_or(FAILED)?;
        self.model = Some(self.descent.step(model, gradients)?.0);
        Ok(self.loss.take().ok_or(FAILED)?)
    }
}

/// Several networks in training at once.
pub(super) struct Together {
    pub(super) model: Option<Ensemble>,
    pub(super) descent: Descent,
    batches: Vec<Batches>,
    step: u64,
    /// Of the last batches, one for each network.
    losses: Option<Tensor<1>>,
}

impl Together {
    pub(super) fn new(members: usize, images: usize, device: &Device) -> Result<Self, Failure> {
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

    pub(super) fn gradients(&mut self, train: &DeviceSet) -> Option<(Ensemble, GradientsParams)> {
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
    fn step(&mut self, train: &DeviceSet) -> Result<Tensor<1>, Failure> {
        let (model, gradients) = self.gradients(train).ok_or(FAILED)?;
        self.model = Some(self.descent.step(model, gradients)?.0);
        Ok(self.losses.take().ok_or(FAILED)?.mean())
    }
}

/// What a chain of errors began with.
fn root(error: &str) -> &str {
    let is_cause = |line: &&str| {
        let line = line.trim();
        !(line.is_empty() || line.ends_with(':') || line.starts_with("No backtrace"))
    };
    error.lines().rfind(is_cause).unwrap_or(error).trim()
}
