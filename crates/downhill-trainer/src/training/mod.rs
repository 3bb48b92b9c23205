//! A run: a network trained from its first to its last update.

pub mod ensemble;
mod histogram;
mod losses;
pub mod observer;
mod pretraining;
pub(crate) mod score;
pub mod step;

use burn::tensor::Device;
use downhill_data::{Batches, DataError, Purpose, Stream};
use downhill_model::Network;
use downhill_report::record::{Activations, Evaluation, Line, RunEnd, RunOutcome};

use crate::config::training::TrainingConfig;
use crate::device::set::DeviceSet;
use crate::error::TrainError;
use crate::training::histogram::histogram;
use crate::training::losses::{Losses, Recorded};
use crate::training::observer::Observer;
use crate::training::pretraining::{Pretrained, pretrain};
use crate::training::score::score;

/// Images for which the hidden units are recorded.
const ACTIVATION_IMAGES: usize = 1000;

/// Images from which the batch statistics of averaged weights are taken, unless a batch has more.
const STATISTICS_IMAGES: usize = 5000;

/// The parts of a run.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// The settings.
    pub config: &'a TrainingConfig,
    /// Seed of all random streams.
    pub seed: u64,
    /// Images to train on.
    pub train: &'a DeviceSet,
    /// Images to test on.
    pub test: &'a DeviceSet,
    /// Images held out for validation.
    pub validation: Option<&'a DeviceSet>,
    /// Channels, height and width of an image.
    pub image: [usize; 3],
    /// Device of the run, without autodiff.
    pub device: &'a Device,
}

impl Training<'_> {
    /// Trains the network. Returns `None` if the observer stopped the run.
    ///
    /// # Errors
    ///
    /// Settings that do not fit each other, and errors of the observer.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Option<RunEnd>, TrainError> {
        let TrainingConfig {
            model, training, ..
        } = self.config;
        let mut batches = self.batches()?;
        let updates_per_epoch = batches.updates_per_epoch();
        let mut weights = Stream::new(self.seed, Purpose::InitialWeights, 0);
        let mut model = Network::new(
            model,
            self.image,
            self.train.classes(),
            &self.device.clone().autodiff(),
            &mut || weights.normal(),
        )
        .map_err(|error| TrainError::Config(format!("model.{error}")))?;
        let descent = self.config.descent().build();
        let mut descent = descent.map_err(|error| TrainError::Config(error.to_string()))?;

        if let Some(mlp) = model.as_mlp_mut() {
            match pretrain(
                mlp,
                self.config,
                self.seed,
                self.train,
                &mut batches,
                observer,
            )? {
                Pretrained::Done => {}
                Pretrained::Diverged => {
                    return Ok(Some(end(RunOutcome::Diverged { update: 0 }, 0)));
                }
                Pretrained::Stopped => return Ok(None),
            }
        }
        let Some(first) = self.evaluate(&model, None, 0, observer) else {
            return Ok(None);
        };
        observer.evaluated(&first)?;
        if training.record_activations {
            observer.observe(&Line::Activations(self.activations(&model, 0)))?;
        }
        model = step::prepared(model, self.train);
        let mut losses = Losses::default();
        let mut recorded = Recorded::new(training.record_losses);
        for update in 1..=training.updates {
            // Batches and masks are numbered from 0.
            let rows = batches.indices(update - 1);
            let gradients_of = |model: &mut Network| {
                let mut masks = Stream::new(self.seed, Purpose::DropoutMask, update - 1);
                let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
                step::gradients(model, self.train, &rows, &mut keep_mask)
            };
            let (loss, mut gradients) = gradients_of(&mut model);
            losses.push(loss);
            if let Some(sam) = &self.config.sam {
                let ascended = sam.ascend(model.clone(), gradients);
                // The running statistics of this copy are dropped with it.
                let mut ascended =
                    ascended.map_err(|error| TrainError::Config(error.to_string()))?;
                (_, gradients) = gradients_of(&mut ascended);
            }
            (model, _) = descent.step(model, gradients)?;
            model = model.bounded();

            recorded.after_update(|| step::evaluation_loss(&model, self.train, &rows));

            if !observer.updated() {
                return Ok(None);
            }
            let due = training.evaluates_after(update);
            let mut diverged = None;
            if due || losses.are_many() {
                diverged = losses.first_not_finite().into_iter().flatten().next();
                if let Some(line) = recorded.look(losses.last_seen()) {
                    observer.observe(&Line::Losses(line))?;
                }
            }
            if let Some(update) = diverged {
                return Ok(Some(end(RunOutcome::Diverged { update }, update)));
            }
            if due {
                let epoch = (update - 1) / updates_per_epoch;
                // Some optimizers and recipes evaluate averaged weights.
                let network = descent.averaged(model.clone());
                let network = self.with_own_statistics(network, update);
                let Some(evaluation) = self.evaluate(&network, Some(epoch), update, observer)
                else {
                    return Ok(None);
                };
                // The last update itself may have diverged.
                if !evaluation.train.loss.is_finite() {
                    return Ok(Some(end(RunOutcome::Diverged { update }, update)));
                }
                observer.evaluated(&evaluation)?;
                if update == training.updates && training.record_activations {
                    observer.observe(&Line::Activations(self.activations(&network, update)))?;
                }
                if update == training.updates {
                    observer.trained(&network)?;
                }
            }
        }
        Ok(Some(end(RunOutcome::Finished, training.updates)))
    }

    fn batches(&self) -> Result<Batches, DataError> {
        let training = &self.config.training;
        let order = training.batch_order;
        Batches::new(order, self.seed, training.batch, self.train.len())
    }

    /// Returns `None` if the observer stopped the run.
    fn evaluate(
        &self,
        model: &Network,
        epoch: Option<u64>,
        updates: u64,
        observer: &mut dyn Observer,
    ) -> Option<Evaluation> {
        let model = burn::module::Module::valid(model);
        let mut score = |images| score(&model, images, &mut || observer.goes_on());
        Some(Evaluation {
            epoch,
            updates,
            train: score(self.train)?,
            test: score(self.test)?,
            validation: match self.validation {
                Some(images) => Some(score(images)?),
                None => None,
            },
        })
    }

    /// Returns a network of averaged weights with batch statistics that belong to them: those of
    /// the first training images.
    fn with_own_statistics(&self, network: Network, update: u64) -> Network {
        let mlp = match burn::module::Module::valid(&network) {
            Network::Mlp(mlp) if self.config.has_own_statistics() => mlp,
            _ => return network,
        };
        let batch = self.config.training.batch;
        let batches = (STATISTICS_IMAGES.min(self.train.len()) / batch).max(1);
        let images = (0..batches).map(|at| self.train.part(at * batch..(at + 1) * batch).0);
        let mut masks = Stream::new(self.seed, Purpose::DropoutMask, update);
        let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
        Network::Mlp(mlp.with_statistics_of(images, &mut keep_mask))
    }

    /// Histograms of the hidden units for the first training images.
    fn activations(&self, model: &Network, updates: u64) -> Activations {
        let images = self.train.len().min(ACTIVATION_IMAGES);
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
}

fn end(outcome: RunOutcome, updates: u64) -> RunEnd {
    RunEnd { outcome, updates }
}
