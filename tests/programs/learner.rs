//! A `Learner` with checkpointers, on one device and on two.

use std::path::Path;
use std::sync::Mutex;

use burn::data::dataloader::DataLoaderBuilder;
use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::Device;
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::logger::{EvaluationProgressLogger, InMemoryMetricLogger, TrainingProgressLogger};
use burn::train::metric::{LossMetric, MetricDefinition};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};
use burn::train::{
    ClassificationOutput, ExecutionStrategy, InferenceStep, Learner, MultiDeviceOptim,
    SupervisedTraining, TrainOutput, TrainStep, TrainingStrategy,
};
use downhill::{AdamConfig, DescentConfig, learner};

use crate::data::{Batch, Classifier, ToBatch, apart, sentences, weights};

const RATE: f64 = 0.02;
const SENTENCES: usize = 192;
const BATCH: usize = 16;
/// Steps of an epoch on one device.
const STEPS: usize = SENTENCES / BATCH;

/// The losses of the steps of the last training, in order if it trains on one device.
static LOSSES: Mutex<Vec<f64>> = Mutex::new(Vec::new());
/// One training at a time, because of the losses.
static TRAINS: Mutex<()> = Mutex::new(());

impl Classifier {
    fn classify(&self, batch: Batch) -> ClassificationOutput {
        let loss = self.loss(&batch);
        ClassificationOutput::new(loss, self.logits(batch.words), batch.labels)
    }
}

impl TrainStep for Classifier {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        let loss = output.loss.clone().into_scalar::<f64>();
        LOSSES.lock().expect("no test has panicked").push(loss);
        TrainOutput::new(self, output.loss.backward(), output)
    }

    fn optimize(
        self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: GradientsParams,
    ) -> Self {
        learner::optimize(self, optimizer, rate, gradients)
    }

    fn optimize_multi(
        self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: MultiGradientsParams,
    ) -> Self {
        learner::optimize_multi(self, optimizer, rate, gradients)
    }
}

impl InferenceStep for Classifier {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.classify(batch)
    }
}

/// What a training has come to.
struct Trained {
    model: Classifier,
    losses: Vec<f64>,
}

/// Trains from the checkpoint of an epoch, or from the start, up to an epoch.
fn train(
    directory: &Path,
    optimizer: ModuleOptimizer,
    from: Option<usize>,
    to: usize,
    strategy: ExecutionStrategy,
) -> Trained {
    let _one = TRAINS.lock();
    LOSSES.lock().expect("no test has panicked").clear();
    let device = strategy.main_device().clone();
    let loader = |items| {
        DataLoaderBuilder::new(ToBatch)
            .batch_size(BATCH)
            .set_device(device.clone())
            .build(InMemDataset::new(items))
    };
    let mut training = SupervisedTraining::new(
        directory,
        loader(sentences(SENTENCES)),
        loader(sentences(BATCH)),
    )
    .with_training_strategy(TrainingStrategy::Default(strategy))
    .num_epochs(to)
    .with_default_checkpointers()
    .with_checkpointing_strategy(KeepLastNCheckpoints::new(2))
    .with_metric_logger(InMemoryMetricLogger::new())
    .with_application_logger(None)
    .renderer(Box::new(Quiet))
    .metrics((LossMetric::new(),));
    if let Some(epoch) = from {
        training = training.checkpoint(epoch);
    }
    let result = training.launch(Learner::new(Classifier::new(&device), optimizer, RATE));
    assert!(result.error.is_none(), "{:?}", result.error);
    let losses = LOSSES.lock().expect("no test has panicked").clone();
    Trained {
        model: result.model,
        losses,
    }
}

fn one_device() -> ExecutionStrategy {
    ExecutionStrategy::SingleDevice(Device::flex().autodiff())
}

fn burns() -> ModuleOptimizer {
    burn::optim::AdamConfig::new().init()
}

fn config() -> DescentConfig {
    DescentConfig::new(AdamConfig::burn())
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn losses_are_those_of_burns_own_adam() {
    let run = |optimizer| train(directory().path(), optimizer, None, 4, one_device());
    let right = run(burns());
    assert_eq!(right.losses.len(), 4 * STEPS);
    assert!(
        right.losses[4 * STEPS - 1] < 0.5 * right.losses[0],
        "it learns"
    );
    let (wrapped, handle) = learner::optimizer(config().build().expect("within bounds"));
    let bare = AdamConfig::burn().init().expect("within bounds");
    for (name, optimizer) in [("bare", bare), ("descent", wrapped)] {
        let found = run(optimizer);
        let apart = apart(&found.losses, &right.losses);
        println!("{name}: losses differ by up to {apart:.1e}");
        assert!(apart < 1e-4, "{name}: {apart:e}");
    }
    assert_eq!(handle.steps(), 4 * STEPS as u64);
}

#[test]
fn a_resumed_training_ends_with_the_same_bits() {
    let config = config().with_ema(0.9).with_max_global_norm(1.0);
    let straight = directory();
    let (optimizer, handle) = learner::optimizer(config.build().expect("within bounds"));
    let right = train(straight.path(), optimizer, None, 4, one_device());
    let averaged = handle.averaged(right.model.clone());

    let cut = directory();
    let (optimizer, _) = learner::optimizer(config.build().expect("within bounds"));
    train(cut.path(), optimizer, None, 2, one_device());
    let (optimizer, handle) = learner::optimizer(config.build().expect("within bounds"));
    let resumed = train(cut.path(), optimizer, Some(2), 4, one_device());
    assert_eq!(weights(&resumed.model), weights(&right.model));
    assert_eq!(resumed.losses, right.losses[2 * STEPS..]);
    let again = handle.averaged(resumed.model);
    assert_eq!(weights(&again), weights(&averaged));
    assert_ne!(weights(&again), weights(&right.model));
}

/// A checkpoint of Burn's Adam, with which a descent goes on.
#[test]
fn a_checkpoint_moves_over_from_burns_adam() {
    let moved = directory();
    train(moved.path(), burns(), None, 2, one_device());
    let (optimizer, handle) = learner::optimizer(config().build().expect("within bounds"));
    let found = train(moved.path(), optimizer, Some(2), 4, one_device());
    assert_eq!(handle.steps(), 4 * STEPS as u64);
    let right = train(directory().path(), burns(), None, 4, one_device());
    let right = &right.losses[2 * STEPS..];
    let apart = apart(&found.losses, right);
    println!("losses differ by up to {apart:.1e}");
    assert!(apart < 1e-4, "{apart:e}");

    // A fresh optimizer goes another way.
    let fresh = directory();
    train(fresh.path(), burns(), None, 2, one_device());
    let file = fresh.path().join("checkpoint/optim-2.bpk");
    let nothing = burn::optim::OptimizerRecord::default();
    nothing.save(&file).expect("it can be written");
    let fresh = train(fresh.path(), burns(), Some(2), 4, one_device());
    assert!(crate::data::apart(&fresh.losses, right) > 1e-2);
}

/// What one device gives that adds the gradients of both parts of the data.
#[test]
fn two_devices_give_what_one_gives() {
    let device = Device::flex().autodiff();
    let all = sentences(SENTENCES);
    let halves = all.split_at(SENTENCES / 2);
    let mut model = Classifier::new(&device);
    let mut descent = config()
        .with_max_global_norm(1.0)
        .build()
        .expect("within bounds");
    for _ in 0..2 {
        for (one, other) in halves.0.chunks(BATCH).zip(halves.1.chunks(BATCH)) {
            let loss = [one, other].map(|part| model.loss(&Batch::new(part, &device)));
            let [one, other] = loss;
            let gradients = GradientsParams::from_grads((one + other).backward(), &model);
            model = descent.step_at(RATE, model, gradients).expect("it fits").0;
        }
    }
    let right = weights(&model);
    for strategy in [
        MultiDeviceOptim::OptimMainDevice,
        MultiDeviceOptim::OptimSharded,
    ] {
        let run = |optimizer| {
            let devices = vec![device.clone(), device.clone()];
            let strategy = ExecutionStrategy::MultiDevice(devices, strategy);
            let run = train(directory().path(), optimizer, None, 2, strategy);
            weights(&run.model)
        };
        let as_burn = run(burns());
        for (config, right) in [
            (config(), &as_burn),
            (config().with_max_global_norm(1.0), &right),
        ] {
            let (optimizer, handle) = learner::optimizer(config.build().expect("within bounds"));
            let apart = apart(&run(optimizer), right);
            assert_eq!(handle.steps(), STEPS as u64, "{strategy:?}");
            println!("{strategy:?}: weights differ by up to {apart:.1e}");
            assert!(apart < 2e-4, "{strategy:?}: {apart:e}");
        }
    }
}

struct Quiet;

impl TrainingProgressLogger for Quiet {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}
    fn update_epoch(&mut self, _: usize) {}
    fn start_split(&mut self, _: &str, _: usize) {}
    fn update_split(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _: String) {}
}

impl EvaluationProgressLogger for Quiet {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}

impl MetricsRendererTraining for Quiet {
    fn update_train(&mut self, _: MetricState) {}
    fn update_valid(&mut self, _: MetricState) {}
}

impl MetricsRendererEvaluation for Quiet {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl MetricsRenderer for Quiet {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _: MetricDefinition) {}
}
