//! One run: a network trained from its first to its last update.

use burn::optim::GradientsParams;
use burn::tensor::Device;
use downhill::DescentConfig;
use downhill_data::{Batches, DataError, Purpose, Stream};
use downhill_model::Mlp;
use downhill_report::record::{Evaluation, Outcome, RunEnd};

use crate::TrainError;
use crate::config::TrainingConfig;
use crate::device_data::{CLASSES, DeviceSet};
use crate::evaluation::score;
use crate::losses::Losses;

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
    /// Pixels of an image.
    pub image_size: usize,
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

    /// An update was made. The run is given up where this says `false`.
    fn updated(&mut self) -> bool;

    /// All updates were made; this is the network that was evaluated last.
    ///
    /// # Errors
    ///
    /// End the run.
    fn trained(&mut self, _network: &Mlp) -> Result<(), TrainError> {
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
        let mut model = Mlp::new(
            model,
            self.image_size,
            CLASSES,
            &self.device.clone().autodiff(),
            &mut || weights.normal(),
        )
        .map_err(|error| TrainError::Config(format!("model.{error}")))?;
        let mut descent = DescentConfig::new(optimizer.clone())
            .build()
            .map_err(|error| TrainError::Config(error.to_string()))?;

        observer.evaluated(&self.evaluate(&model, None, 0))?;
        let mut losses = Losses::default();
        for update in 1..=training.updates {
            // Batches and masks are counted from 0.
            let rows = batches.indices(update - 1);
            let mut masks = Stream::new(self.seed, Purpose::DropoutMask, update - 1);
            let mut keep_mask = |length, probability| masks.keep_mask(length, probability);

            let loss = self.train.loss(&mut model, &rows, &mut keep_mask);
            losses.push(loss.clone().inner());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let outcome;
            (model, outcome) = descent.step(model, gradients);
            debug_assert_eq!(outcome, downhill::Outcome::Stepped);

            if !observer.updated() {
                return Ok(None);
            }
            let due = training.evaluates_after(update);
            let diverged = match due || losses.are_many() {
                true => losses.first_not_finite().into_iter().flatten().next(),
                false => None,
            };
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

    fn evaluate(&self, model: &Mlp, epoch: Option<u64>, updates: u64) -> Evaluation {
        let model = burn::module::Module::valid(model);
        Evaluation {
            epoch,
            updates,
            train: score(&model, self.train),
            test: score(&model, self.test),
        }
    }
}

fn end(outcome: Outcome, updates: u64) -> RunEnd {
    RunEnd { outcome, updates }
}
