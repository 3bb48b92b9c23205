//! The work whose instructions are counted, on images that are made up: nothing is unpacked first.

use burn::tensor::Device;
use clap::ValueEnum;
use downhill::AdamConfig;
use downhill_data::{BatchOrder, ImageSet};
use downhill_report::record::Evaluation;
use downhill_trainer::config::training::{LoopConfig, TrainingConfig};
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::training::Training as Run;
use downhill_trainer::training::observer::{Control, Observer};
use downhill_trainer::{Backend, TrainError};

use crate::contender::Contender;
use crate::data::Data;
use crate::failure::Failure;
use crate::suites::update::{Updating, network};
use crate::training::Training;
use crate::workload::{SEED, Workload};

/// Something that is done over and over.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Work {
    /// Adam's update of the parameters of 784-100x4-10
    AdamUpdate,
    /// A training step of that network with a batch of 128
    TrainingStep,
    /// An evaluation of that network on 1,000 images, with an update by one image
    Evaluation,
}

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::AdamUpdate, Self::TrainingStep, Self::Evaluation];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AdamUpdate => "adam-update",
            Self::TrainingStep => "training-step",
            Self::Evaluation => "evaluation",
        }
    }
}

/// Does the work this number of times.
pub(crate) fn perform(work: Work, times: u64) -> Result<(), Failure> {
    let workload = Workload::new(4, 100, 128);
    let steps = usize::try_from(times)?;
    match work {
        Work::AdamUpdate => {
            Updating::ours(AdamConfig::torch().into(), &network())?.turn(steps)?;
        }
        Work::TrainingStep => {
            let data = Data::of(made_up(1000)?)?;
            Training::ours(&data, &workload)?.turn(steps)?;
        }
        Work::Evaluation => evaluate(&workload, times)?,
    }
    Ok(())
}

/// By a run that evaluates after each update.
fn evaluate(workload: &Workload, times: u64) -> Result<(), Failure> {
    let device = Device::flex();
    let [train, test] = [made_up(1000)?, made_up(1)?];
    let on_device = |set: &ImageSet| DeviceSet::new(set, Backend::Flex, &device);
    let config = TrainingConfig {
        model: workload.model(),
        optimizer: AdamConfig::torch().into(),
        training: LoopConfig {
            batch: 1,
            batch_order: BatchOrder::WithReplacement,
            updates: times,
            evaluate_every: 1,
            ..LoopConfig::default()
        },
        ..TrainingConfig::default()
    };
    let run = Run {
        config: &config,
        seed: SEED,
        train: &on_device(&train),
        test: &on_device(&test),
        validation: None,
        image: train.shape(),
        device: &device,
    };
    run.run(&mut Nobody)?;
    Ok(())
}

struct Nobody;

impl Control for Nobody {
    fn updated(&mut self) -> bool {
        true
    }
}

impl Observer for Nobody {
    fn evaluated(&mut self, _: &Evaluation) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Images of 28 by 28 with a pattern.
/// Four fifths of their pixels are black, as of those of MNIST: the first layer passes them over.
fn made_up(images: usize) -> Result<ImageSet, Failure> {
    let pixel = |index: usize| match index * 7919 % 251 {
        bright @ ..50 => 5 * bright as u8,
        _ => 0,
    };
    let pixels = (0..images * 784).map(pixel);
    let labels = (0..images).map(|index| (index % 10) as u16);
    Ok(ImageSet::new(
        pixels.collect(),
        labels.collect(),
        [1, 28, 28],
    )?)
}
