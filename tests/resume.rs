//! Runs that are stopped and continued from a checkpoint.

use downhill::{Checkpoint, OptimizerConfig};
use downhill_data::ImageSet;
use downhill_model::Network;
use downhill_report::record::{Evaluation, Line, RunEnd};
use downhill_trainer::config::training::TrainingConfig;
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::training::Training;
use downhill_trainer::training::observer::{Control, Observer};
use downhill_trainer::{Backend, TrainError};

use crate::backend::open;
use crate::recipe::{IMAGE, bits, resolved};
use crate::training::{MNIST, first};

/// A process that trains a run until it is stopped.
#[derive(Default)]
struct Process {
    /// Calls after which it is stopped: updates, and parts of pre-training and evaluation.
    left: Option<u64>,
    calls: u64,
    resumes: Option<Checkpoint>,
    lines: Vec<Line>,
    network: Option<Network>,
    /// The checkpoint, with the number of lines before it.
    saved: Option<(u64, Vec<u8>, usize)>,
}

impl Process {
    fn called(&mut self) -> bool {
        self.calls += 1;
        self.left.is_none_or(|left| self.calls < left)
    }
}

impl Control for Process {
    fn updated(&mut self) -> bool {
        self.called()
    }

    fn goes_on(&mut self) -> bool {
        self.called()
    }

    fn resumes(&mut self) -> Option<Checkpoint> {
        self.resumes.take()
    }

    fn is_checkpoint_due(&mut self, stopped: bool) -> bool {
        stopped
    }

    fn checkpoint(&mut self, number: u64, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let before = self.saved.as_ref().map_or(0, |(number, ..)| *number);
        assert!(number >= before, "{number} after {before}");
        self.saved = Some((number, checkpoint.to_bytes(), self.lines.len()));
        Ok(())
    }
}

impl Observer for Process {
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError> {
        self.observe(&Line::Evaluation(*evaluation))
    }

    fn observe(&mut self, line: &Line) -> Result<(), TrainError> {
        self.lines.push(line.clone());
        Ok(())
    }

    fn trained(&mut self, network: &Network) -> Result<(), TrainError> {
        self.network = Some(network.clone());
        Ok(())
    }
}

/// The images of all cases.
struct Images {
    train: ImageSet,
    test: ImageSet,
}

impl Images {
    fn new() -> Self {
        let train = first(&MNIST.train, 60);
        let test = first(&MNIST.test, 40);
        Self { train, test }
    }

    /// Trains until the process is stopped. Returns the end of the run unless it was.
    fn train(
        &self,
        config: &TrainingConfig,
        backend: Backend,
        process: &mut Process,
    ) -> Option<RunEnd> {
        let device = open(backend);
        let test = DeviceSet::new(&self.test, backend, &device);
        let training = Training {
            config,
            seed: 5,
            train: &DeviceSet::new(&self.train, backend, &device),
            test: &test,
            validation: (config.data.validation_images > 0).then_some(&test),
            image: IMAGE,
            device: &device,
        };
        training.run(process).expect("it trains")
    }
}

/// All that a run leaves.
type Left = (Vec<Line>, Option<Vec<Vec<u32>>>, RunEnd);

fn left(process: Process, end: RunEnd) -> Left {
    let network = process.network.as_ref().map(bits);
    (process.lines, network, end)
}

fn uninterrupted(images: &Images, config: &TrainingConfig, backend: Backend) -> (Left, u64) {
    let mut process = Process::default();
    let end = images.train(config, backend, &mut process);
    let calls = process.calls;
    (left(process, end.expect("nobody stops it")), calls)
}

/// Trains in processes that are each stopped at this call. Returns the number of processes, too.
fn interrupted(
    images: &Images,
    config: &TrainingConfig,
    backend: Backend,
    mut at: impl FnMut(u64) -> Option<u64>,
) -> (Left, u64) {
    let mut lines = Vec::new();
    let mut saved = None;
    for processes in 1.. {
        assert!(processes < 1000, "it never ends");
        let resumes = saved.as_ref().map(|(_, bytes, _): &(u64, Vec<u8>, usize)| {
            Checkpoint::from_bytes(bytes).expect("a checkpoint")
        });
        let mut process = Process {
            left: at(processes),
            resumes,
            lines: std::mem::take(&mut lines),
            ..Process::default()
        };
        let before = process.lines.clone();
        let end = images.train(config, backend, &mut process);
        if let Some(end) = end {
            return (left(process, end), processes);
        }
        match process.saved.take() {
            Some(new) => {
                lines = process.lines[..new.2].to_vec();
                saved = Some(new);
            }
            // It was stopped before there was anything to save.
            None => lines = before,
        }
    }
    unreachable!("the loop returns")
}

/// One of everything that a run may have, besides each optimizer.
const PARTS: [(&str, &[&str]); 12] = [
    ("plain", &[]),
    (
        "l2",
        &[
            "model.weight_decay=0.01",
            "training.record_losses='before-update'",
        ],
    ),
    (
        "dropout",
        &[
            "model.dropout={probability=0.5,input_probability=0.2}",
            "model.max_norm=1.0",
        ],
    ),
    (
        "batch norm",
        &[
            "model.batch_norm='torch'",
            "training.record_losses='after-update'",
        ],
    ),
    (
        "averages",
        &[
            "weights=[{ema=0.9},{swa={from=2}}]",
            "model.batch_norm='book'",
        ],
    ),
    (
        "lookahead",
        &[
            "weights=[{lookahead={period=3,alpha=0.5}}]",
            "mask='cautious'",
        ],
    ),
    (
        "accumulation",
        &["accumulate=2", "gradients=[{clip-global-norm=0.1}]"],
    ),
    (
        "schedules",
        &[
            "schedules.learning_rate={cosine={steps='rest'}}",
            "training.record_activations=true",
        ],
    ),
    ("sam", &["sam={}"]),
    ("gradients", &["sam={}", "training.gradients=6"]),
    (
        "early stopping",
        &[
            "training.early_stopping={patience=2}",
            "training.evaluate_every=1",
            "data.validation_images=40",
        ],
    ),
    (
        "pre-training",
        &[
            "training.pretraining={updates=3,corruption=0.3}",
            "model.activation='sigmoid'",
        ],
    ),
];

const CONFIG: &str = "
    data = { train_images = 60, test_images = 40 }
    training = { batch = 20, updates = 7, evaluate_every = 3 }
    model = { hidden = [8, 6] }
    optimizer.adam.learning_rate = 0.02
";

fn config(overrides: &[&str]) -> TrainingConfig {
    resolved(CONFIG, overrides).unwrap_or_else(|error| panic!("{overrides:?}: {error}"))
}

/// Each part, and L-BFGS and convolutions, stopped at each moment, and again and again.
#[cfg(feature = "flex")]
#[test]
fn a_run_stopped_at_any_moment_is_continued_bit_for_bit() {
    let images = Images::new();
    let backend = Backend::Flex;
    let mut configs: Vec<_> = PARTS
        .iter()
        .map(|(name, set)| (*name, config(set)))
        .collect();
    let lbfgs = CONFIG.replace(
        "optimizer.adam.learning_rate = 0.02",
        "lbfgs = {history = 3}",
    );
    configs.push(("lbfgs", resolved(&lbfgs, &[]).expect("a config")));
    let convolutions = "model.convolutions=[{channels=2,kernel=3,pool=4}]";
    configs.push(("convolutions", config(&[convolutions])));
    let mut moments = 0;
    for (name, config) in &configs {
        let (whole, calls) = uninterrupted(&images, config, backend);
        for call in 1..=calls {
            let at = |process| (process == 1).then_some(call);
            let (stopped, _) = interrupted(&images, config, backend, at);
            assert_eq!(stopped, whole, "{name}, stopped at call {call} of {calls}");
        }
        // An evaluation takes fewer calls.
        let (chained, processes) = interrupted(&images, config, backend, |_| Some(calls.min(6)));
        assert_eq!(chained, whole, "{name}, again and again");
        assert!(processes > 1, "{name}: {processes}");
        moments += calls;
    }
    println!("{} configs, stopped at {moments} moments", configs.len());
}

/// Each optimizer on four networks, stopped after each epoch.
#[cfg(feature = "flex")]
#[test]
fn each_optimizer_is_continued_bit_for_bit_after_each_epoch() {
    let images = Images::new();
    let networks = [
        &[][..],
        &["model.weight_decay=0.01"],
        &["model.dropout.probability=0.3"],
        &["model.batch_norm='torch'"],
    ];
    let mut cells = 0;
    // No experiment estimates the Hessian that Sophia needs.
    let all = OptimizerConfig::all().into_iter();
    for optimizer in all.filter(|optimizer| optimizer.name() != "sophia") {
        let name = optimizer.name();
        for network in networks {
            let mut config = config(network);
            config.optimizer = match optimizer.clone() {
                // The eigenvectors of the 784 pixels take seconds without optimization.
                OptimizerConfig::Soap(soap) => soap.with_max_precondition_dim(100).into(),
                OptimizerConfig::Shampoo(own) => own.with_max_precondition_dim(100).into(),
                other => other,
            };
            // Three updates an epoch.
            config.training.evaluate_every = 100;
            let (whole, calls) = uninterrupted(&images, &config, Backend::Flex);
            assert_eq!(calls, config.training.updates, "evaluations are not asked");
            for epoch in 1..=2 {
                let stop = 3 * epoch;
                let at = |process| (process == 1).then_some(stop);
                let (stopped, _) = interrupted(&images, &config, Backend::Flex, at);
                assert_eq!(stopped, whole, "{name} {network:?}, epoch {epoch}");
                cells += 1;
            }
        }
    }
    println!("{cells} cells");
}

/// A few runs, on each backend.
pub(crate) fn a_stopped_run_is_continued(backend: Backend) {
    let images = Images::new();
    let [.., sam, _, early_stopping, pretraining] = PARTS;
    let parts = [PARTS[3], PARTS[4], sam, early_stopping, pretraining];
    for (name, set) in parts {
        let config = config(set);
        let (whole, calls) = uninterrupted(&images, &config, backend);
        let at = |process| (process == 1).then_some(calls / 2);
        let (stopped, processes) = interrupted(&images, &config, backend, at);
        assert_eq!(processes, 2, "{name}");
        assert_eq!(stopped, whole, "{name}");
    }
}
