//! Whole trainings of several runs at once, without files.

use downhill::Checkpoint;
use downhill_report::record::{Evaluation, RunEnd, RunOutcome};
use downhill_trainer::config::training::TrainingConfig;
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::training::ensemble::EnsembleTraining;
use downhill_trainer::training::observer::{Control, EnsembleObserver};
use downhill_trainer::{Backend, TrainError};

use crate::backend::open;
use crate::training::{MNIST, config, first, train};

/// What became of each run.
struct Notes {
    runs: Vec<Progress>,
    /// Updates until they are given up.
    patience: u64,
    /// Questions during evaluations until they are given up.
    questions: u64,
    resumes: Option<Checkpoint>,
    /// The last checkpoint, with what had become of each run.
    saved: Option<(Checkpoint, Vec<Progress>)>,
}

/// The evaluations of a run, and its end.
type Progress = (Vec<Evaluation>, Option<RunEnd>);

impl Notes {
    fn new(runs: usize, patience: u64) -> Self {
        Self {
            runs: vec![(Vec::new(), None); runs],
            patience,
            questions: u64::MAX,
            resumes: None,
            saved: None,
        }
    }
}

impl Control for Notes {
    fn updated(&mut self) -> bool {
        self.patience -= 1;
        self.patience > 0
    }

    fn goes_on(&mut self) -> bool {
        self.questions -= 1;
        self.questions > 0
    }

    fn resumes(&mut self) -> Option<Checkpoint> {
        self.resumes.take()
    }

    fn is_checkpoint_due(&mut self, stopped: bool) -> bool {
        stopped
    }

    fn checkpoint(&mut self, _: u64, checkpoint: Checkpoint) -> Result<(), TrainError> {
        self.saved = Some((checkpoint, self.runs.clone()));
        Ok(())
    }
}

impl EnsembleObserver for Notes {
    fn evaluated(&mut self, run: usize, evaluation: &Evaluation) -> Result<(), TrainError> {
        assert_eq!(self.runs[run].1, None, "a run goes on after its end");
        self.runs[run].0.push(*evaluation);
        Ok(())
    }

    fn ended(&mut self, run: usize, end: &RunEnd) -> Result<(), TrainError> {
        assert_eq!(
            self.runs[run].1.replace(end.clone()),
            None,
            "a run ends twice"
        );
        Ok(())
    }
}

fn train_together(
    runs: &[(&TrainingConfig, u64)],
    backend: Backend,
    patience: u64,
) -> Result<(Notes, bool), TrainError> {
    train_with(runs, backend, Notes::new(runs.len(), patience))
}

fn train_with(
    runs: &[(&TrainingConfig, u64)],
    backend: Backend,
    mut notes: Notes,
) -> Result<(Notes, bool), TrainError> {
    let device = open(backend);
    let data = &runs[0].0.data;
    let train = first(&MNIST.train, data.train_images.of(MNIST.train.len()));
    let test = first(&MNIST.test, data.test_images.of(MNIST.test.len()));
    let training = EnsembleTraining {
        runs,
        train: &DeviceSet::new(&train, backend, &device),
        test: &DeviceSet::new(&test, backend, &device),
        image_size: train.image_size(),
        device: &device,
    };
    let finished = training.run(&mut notes)?;
    Ok((notes, finished))
}

fn with_rate(config: &TrainingConfig, rate: f64) -> TrainingConfig {
    let mut config = config.clone();
    assert!(config.optimizer.set("learning_rate", rate));
    config
}

/// Other seeds and other rates, one of them far too high: each run has the evaluations and the end
/// that it has alone.
pub(crate) fn runs_of_an_ensemble_are_as_alone(backend: Backend) {
    let base = config(
        "data = { train_images = 200, test_images = 100 }
         training = { batch = 50, batch_order = 'shuffled-epochs', updates = 13, evaluate_every = 6 }
         optimizer.momentum = { preset = 'book', learning_rate = 0.02 }
         [model]
         hidden = [20, 10]
         dropout.probability = 0.2
         weight_decay = 0.001",
    );
    let configs = [0.02, 1e30, 0.005, 0.02].map(|rate| with_rate(&base, rate));
    let runs: Vec<_> = configs.iter().zip([1, 1, 2, 3]).collect();
    let (found, finished) = train_together(&runs, backend, u64::MAX).expect("they train");
    assert!(finished);
    for ((config, seed), (evaluations, end)) in runs.into_iter().zip(found.runs) {
        let (expected, expected_end) = train(config, seed, backend);
        assert_eq!(end.as_ref(), Some(&expected_end));
        assert_eq!(evaluations.len(), expected.len());
        for (found, expected) in evaluations.iter().zip(&expected) {
            let at = |one: &Evaluation| (one.epoch, one.updates);
            assert_eq!(at(found), at(expected));
            for (found, expected) in [(found.train, expected.train), (found.test, expected.test)] {
                let distance = (found.loss - expected.loss).abs();
                assert!(distance < 1e-5 * expected.loss, "{found:?}: {expected:?}");
                // One image may be on the edge.
                assert!((found.accuracy - expected.accuracy).abs() < 0.011);
            }
        }
    }
}

#[cfg(feature = "flex")]
mod on_flex {
    use super::*;

    fn small(more: &str) -> TrainingConfig {
        config(&format!(
            "data = {{ train_images = 60, test_images = 20 }}
             training = {{ batch = 20, updates = 9, evaluate_every = 3 }}
             {more}"
        ))
    }

    #[test]
    fn an_ensemble_whose_runs_all_diverge_is_over() {
        let config = small("optimizer.sgd.learning_rate = 1e30");
        let runs = [(&config, 1), (&config, 2)];
        let (notes, finished) = train_together(&runs, Backend::Flex, u64::MAX).expect("it trains");
        assert!(finished);
        for (evaluations, end) in &notes.runs {
            assert_eq!(evaluations.len(), 1);
            let end = end.as_ref().expect("it ended");
            assert_eq!(end.outcome, RunOutcome::Diverged { update: 1 });
        }
        assert_eq!(u64::MAX - notes.patience, 1);
    }

    #[test]
    fn an_ensemble_that_is_stopped_in_its_evaluations_continues_to_the_same_numbers() {
        let base =
            small("optimizer.momentum.learning_rate = 0.05\nweights = [{ ema.decay = 0.9 }]");
        let configs = [0.05, 1e30, 0.02].map(|rate| with_rate(&base, rate));
        let runs: Vec<_> = configs.iter().zip([1, 1, 2]).collect();
        let (whole, finished) = train_together(&runs, Backend::Flex, u64::MAX).expect("they train");
        assert!(finished);
        // Images for training and for testing, of the averages and of the weights themselves.
        let all = u64::MAX - whole.questions;
        assert_eq!(all, 2 + 4 * 4);
        for questions in 1..=all {
            let mut notes = Notes::new(runs.len(), u64::MAX);
            notes.questions = questions;
            let (stopped, finished) = train_with(&runs, Backend::Flex, notes).expect("they train");
            assert!(!finished);
            let mut notes = Notes::new(runs.len(), u64::MAX);
            // Before the first update there is nothing to keep.
            assert_eq!(stopped.saved.is_some(), questions > 2);
            if let Some((checkpoint, progress)) = stopped.saved {
                notes.resumes = Some(checkpoint);
                notes.runs = progress;
            }
            let (continued, finished) = train_with(&runs, Backend::Flex, notes).expect("they do");
            assert!(finished);
            assert_eq!(
                continued.runs, whole.runs,
                "stopped at question {questions}"
            );
        }
    }

    #[test]
    fn runs_that_are_given_up_do_not_end() {
        let config = small("");
        let runs = [(&config, 1), (&config, 2)];
        let (notes, finished) = train_together(&runs, Backend::Flex, 5).expect("it trains");
        assert!(!finished);
        for (evaluations, end) in &notes.runs {
            let updates: Vec<u64> = evaluations.iter().map(|one| one.updates).collect();
            assert_eq!((updates.as_slice(), end), (&[0, 1, 4][..], &None));
        }
    }

    #[test]
    fn runs_that_are_not_alike_are_refused() {
        let sgd = small("");
        let refused = |other: &TrainingConfig| {
            let runs = [(&sgd, 1), (other, 1)];
            match train_together(&runs, Backend::Flex, u64::MAX) {
                Ok(_) => panic!("they differ"),
                Err(error) => error.to_string(),
            }
        };
        let message = "the runs of an ensemble may differ only in the learning rate, and only with \
                       optimizers whose steps are proportional to it; train them with --ensemble 1";
        assert_eq!(refused(&small("model.hidden = [51]")), message);
        let lamb = small("optimizer.lamb = {}");
        let runs = [(&lamb, 1), (&lamb, 2)];
        let error = train_together(&runs, Backend::Flex, u64::MAX).err();
        assert_eq!(
            error.expect("LAMB mixes").to_string(),
            "lamb with these settings cannot be trained as an ensemble; train the runs one by one \
             with --ensemble 1"
        );
    }
}
