//! One run: a network trained from its first to its last update.

pub mod ensemble;
mod histogram;
mod losses;
mod pretraining;
pub(crate) mod score;

use burn::tensor::{Device, Tensor};
use downhill::DescentConfig;
use downhill_data::{Batches, DataError, Purpose, Stream};
use downhill_model::{Network, loss};
use downhill_report::record::{Activations, Evaluation, Line, Outcome, RunEnd};

use crate::config::training::TrainingConfig;
use crate::device::set::{CLASSES, DeviceSet};
use crate::error::TrainError;
use crate::training::histogram::histogram;
use crate::training::losses::{Losses, Recorded};
use crate::training::pretraining::Pretrained;
use crate::training::score::score;

/// Images for which it is recorded what the hidden units do.
const SEEN_IMAGES: usize = 1000;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// The settings.
    pub config: &'a TrainingConfig,
    /// The seed of all random streams.
    pub seed: u64,
    /// The images to train on.
    pub train: &'a DeviceSet,
    /// The images to test on.
    pub test: &'a DeviceSet,
    /// The images held out to choose by.
    pub validation: Option<&'a DeviceSet>,
    /// Height and width of an image in pixels.
    pub image: [usize; 2],
    /// Where it is computed, without autodiff.
    pub device: &'a Device,
}

/// Who is told how a run goes, and may stop it.
pub trait Observer {
    /// The network was evaluated.
    ///
    /// # Errors
    ///
    /// End the run.
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError>;

    /// Something else is to be recorded: losses of batches, activations.
    ///
    /// # Errors
    ///
    /// End the run.
    fn seen(&mut self, line: &Line) -> Result<(), TrainError> {
        let _ = line;
        Ok(())
    }

    /// An update was made. The run is given up where this says `false`.
    fn updated(&mut self) -> bool;

    /// Whether the run is to go on where no update of the network is made.
    fn goes_on(&mut self) -> bool {
        true
    }

    /// All updates were made; this is the network that was evaluated last.
    ///
    /// # Errors
    ///
    /// End the run.
    fn trained(&mut self, _network: &Network) -> Result<(), TrainError> {
        Ok(())
    }
}

impl Training<'_> {
    /// Trains; `None` where the observer gave the run up.
    ///
    /// # Errors
    ///
    /// Settings that do not go together, and whatever the observer fails with.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Option<RunEnd>, TrainError> {
        let TrainingConfig {
            model,
            optimizer,
            training,
            ..
        } = self.config;
        let mut batches = self.batches()?;
        let updates_per_epoch = batches.updates_per_epoch();
        let mut weights = Stream::new(self.seed, Purpose::InitialWeights, 0);
        let mut model = Network::new(
            model,
            self.image,
            CLASSES,
            &self.device.clone().autodiff(),
            &mut || weights.normal(),
        )
        .map_err(|error| TrainError::Config(format!("model.{error}")))?;
        let mut descent = DescentConfig::new(optimizer.clone())
            .build()
            .map_err(|error| TrainError::Config(error.to_string()))?;

        if let Some(mlp) = model.as_mlp_mut() {
            match self.pretrain(mlp, &mut batches, observer)? {
                Pretrained::Done => {}
                Pretrained::Diverged => {
                    return Ok(Some(end(Outcome::Diverged { update: 0 }, 0)));
                }
                Pretrained::GivenUp => return Ok(None),
            }
        }
        observer.evaluated(&self.evaluate(&model, None, 0))?;
        if training.record_activations {
            observer.seen(&Line::Activations(self.activations(&model, 0)))?;
        }
        model = self.train.trainable(model);
        let mut losses = Losses::default();
        let mut recorded = Recorded::new(training.record_losses);
        for update in 1..=training.updates {
            // Batches and masks are counted from 0.
            let rows = batches.indices(update - 1);
            let mut masks = Stream::new(self.seed, Purpose::DropoutMask, update - 1);
            let mut keep_mask = |length, probability| masks.keep_mask(length, probability);

            let (loss, gradients) = self.train.gradients(&mut model, &rows, &mut keep_mask);
            losses.push(loss);
            let outcome;
            (model, outcome) = descent.step(model, gradients);
            debug_assert_eq!(outcome, downhill::Outcome::Stepped);
            model = model.bounded();

            recorded.after_update(|| self.batch_loss(&model, &rows));

            if !observer.updated() {
                return Ok(None);
            }
            let due = training.evaluates_after(update);
            let mut diverged = None;
            if due || losses.are_many() {
                diverged = losses.first_not_finite().into_iter().flatten().next();
                if let Some(line) = recorded.look(losses.last_seen()) {
                    observer.seen(&Line::Losses(line))?;
                }
            }
            if let Some(update) = diverged {
                return Ok(Some(end(Outcome::Diverged { update }, update)));
            }
            if due {
                let epoch = (update - 1) / updates_per_epoch;
                // Some optimizers' networks are to be evaluated elsewhere than where they train.
                let network = descent.evaluation(model.clone());
                let evaluation = self.evaluate(&network, Some(epoch), update);
                // The last update itself may have been one too far.
                if !evaluation.train.loss.is_finite() {
                    return Ok(Some(end(Outcome::Diverged { update }, update)));
                }
                observer.evaluated(&evaluation)?;
                if update == training.updates && training.record_activations {
                    observer.seen(&Line::Activations(self.activations(&network, update)))?;
                }
                if update == training.updates {
                    observer.trained(&network)?;
                }
            }
        }
        Ok(Some(end(Outcome::Finished, training.updates)))
    }

    fn batches(&self) -> Result<Batches, DataError> {
        let training = &self.config.training;
        let order = training.batch_order.into();
        Batches::new(order, self.seed, training.batch, self.train.len())
    }

    fn evaluate(&self, model: &Network, epoch: Option<u64>, updates: u64) -> Evaluation {
        let model = burn::module::Module::valid(model);
        Evaluation {
            epoch,
            updates,
            train: score(&model, self.train),
            test: score(&model, self.test),
            validation: self.validation.map(|images| score(&model, images)),
        }
    }

    /// What the hidden units do for the first training images.
    fn activations(&self, model: &Network, updates: u64) -> Activations {
        let images = self.train.len().min(SEEN_IMAGES);
        let (images, ..) = self.train.part(0..images);
        let model = burn::module::Module::valid(model);
        let layers = model.activations(images);
        let activation = self.config.model.activation;
        Activations {
            updates,
            layers: layers
                .into_iter()
                .map(|layer| histogram(activation, layer))
                .collect(),
        }
    }

    /// Loss and penalty of a batch in evaluation mode, `[1]`.
    fn batch_loss(&self, model: &Network, rows: &[usize]) -> Tensor<1> {
        let model = burn::module::Module::valid(model);
        let (images, targets) = self.train.batch(rows);
        let loss = loss::cross_entropy(model.evaluate(images), targets);
        match model.penalty() {
            Some(penalty) => loss + penalty,
            None => loss,
        }
    }
}

fn end(outcome: Outcome, updates: u64) -> RunEnd {
    RunEnd { outcome, updates }
}
