//! A run: a network trained from its first to its last update.

mod checkpoint;
mod early_stopping;
pub mod ensemble;
mod histogram;
mod losses;
pub mod observer;
mod pretraining;
pub(crate) mod score;
pub mod step;
mod stepper;

use burn::tensor::Device;
use downhill_data::{Batches, DataError, Purpose, Stream};
use downhill_model::Network;
use downhill_report::record::{Activations, Evaluation, Line, RunEnd, RunOutcome, Scores};

use crate::config::training::TrainingConfig;
use crate::device::set::DeviceSet;
use crate::error::TrainError;
use crate::training::checkpoint::{Current, Numbers};
use crate::training::early_stopping::EarlyStopping;
use crate::training::histogram::histogram;
use crate::training::losses::{Losses, Recorded};
use crate::training::observer::Observer;
use crate::training::pretraining::{Pretrained, pretrain};
use crate::training::score::score;
use crate::training::stepper::Stepper;

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
    /// Trains the network, from the beginning or from the checkpoint of the observer. Returns
    /// `None` if the observer stopped the run.
    ///
    /// # Errors
    ///
    /// Settings that do not fit each other, a checkpoint that does not fit them, and errors of the
    /// observer.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Option<RunEnd>, TrainError> {
        let training = &self.config.training;
        let mut batches = self.batches()?;
        let updates_per_epoch = batches.updates_per_epoch();
        let mut current = self.beginning()?;
        let saved = observer.resumes();
        if let Some(found) = &saved
            && Numbers::read(found)?.layer.is_none()
        {
            current = current.at(found, self.device)?;
        } else if let Some(mlp) = current.network.as_mlp_mut() {
            let (config, seed, train) = (self.config, self.seed, self.train);
            let saved = saved.as_ref();
            match pretrain(mlp, config, seed, train, &mut batches, saved, observer)? {
                Pretrained::Done => {}
                Pretrained::Diverged => {
                    return Ok(Some(RunEnd {
                        outcome: RunOutcome::Diverged { update: 0 },
                        updates: 0,
                        kept: None,
                        gradients: None,
                    }));
                }
                Pretrained::Stopped => return Ok(None),
            }
        }
        if current.updates == 0 {
            let Some(first) = self.evaluate(&current.network, None, 0, observer) else {
                return self.stopped(&current, observer);
            };
            observer.evaluated(&first)?;
            if training.record_activations {
                observer.observe(&Line::Activations(self.activations(&current.network, 0)))?;
            }
        }
        // A checkpoint lies between an update and its evaluation.
        let mut is_made = current.updates > 0;
        current.network = step::prepared(current.network, self.train);
        loop {
            if !is_made {
                current = self.update(current, &mut batches)?;
                if !observer.updated() {
                    return self.stopped(&current, observer);
                }
                if observer.is_checkpoint_due(false) {
                    self.save(&current, observer)?;
                }
            }
            is_made = false;
            let (update, gradients) = (current.updates, current.gradients);
            let end = |outcome| RunEnd {
                outcome,
                updates: update,
                kept: None,
                gradients: (gradients != update).then_some(gradients),
            };
            let spent = training.gradients.is_some_and(|most| gradients >= most);
            let is_last = update == training.updates || spent;
            let due = is_last || training.evaluates_after(update);
            let mut diverged = None;
            if due || current.losses.are_many() {
                diverged = (current.losses.first_not_finite().into_iter())
                    .flatten()
                    .next();
                if let Some(line) = current.recorded.look(current.losses.last_seen()) {
                    observer.observe(&Line::Losses(line))?;
                }
            }
            if let Some(at) = diverged {
                return Ok(Some(RunEnd {
                    updates: at,
                    gradients: None,
                    ..end(RunOutcome::Diverged { update: at })
                }));
            }
            if !due {
                continue;
            }
            let epoch = Some((update - 1) / updates_per_epoch);
            let averaged = current.stepper.averaged(&current.network);
            let network = averaged.as_ref().unwrap_or(&current.network);
            let network = self.with_own_statistics(network.clone(), update);
            let Some(mut evaluation) = self.evaluate(&network, epoch, update, observer) else {
                return self.stopped(&current, observer);
            };
            if averaged.is_some() {
                let Some(own) = self.scores(&current.network, observer) else {
                    return self.stopped(&current, observer);
                };
                evaluation.not_averaged = Some(own);
            }
            // The last update itself may have diverged.
            if !evaluation.train.loss.is_finite() {
                return Ok(Some(end(RunOutcome::Diverged { update })));
            }
            observer.evaluated(&evaluation)?;
            let stops = (current.stopping.as_mut())
                .is_some_and(|stopping| stopping.ends_with(&evaluation, &network));
            if is_last || stops {
                let best = current.stopping.and_then(EarlyStopping::best);
                let (network, kept) = match best {
                    Some((network, kept)) => (network, Some(kept)),
                    None => (network, None),
                };
                if training.record_activations {
                    let updates = kept.unwrap_or(update);
                    observer.observe(&Line::Activations(self.activations(&network, updates)))?;
                }
                observer.trained(&network)?;
                return Ok(Some(RunEnd {
                    kept,
                    ..end(RunOutcome::Finished)
                }));
            }
        }
    }

    /// The run before its first update, and before pre-training.
    fn beginning(&self) -> Result<Current<'_>, TrainError> {
        let TrainingConfig {
            model, training, ..
        } = self.config;
        let mut weights = Stream::new(self.seed, Purpose::InitialWeights, 0);
        let network = Network::new(
            model,
            self.image,
            self.train.classes(),
            &self.device.clone().autodiff(),
            &mut || weights.normal(),
        );
        Ok(Current {
            network: network.map_err(|error| TrainError::Config(format!("model.{error}")))?,
            stepper: Stepper::new(self.config, self.device)?,
            losses: Losses::default(),
            recorded: Recorded::new(training.record_losses),
            stopping: training.early_stopping.as_ref().map(EarlyStopping::new),
            updates: 0,
            gradients: 0,
        })
    }

    fn update<'a>(
        &self,
        mut current: Current<'a>,
        batches: &mut Batches,
    ) -> Result<Current<'a>, TrainError> {
        // Batches and masks are numbered from 0.
        let number = current.updates;
        let rows = batches.indices(number);
        let updated = current.stepper.update(current.network, &mut |model| {
            let mut masks = Stream::new(self.seed, Purpose::DropoutMask, number);
            let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
            step::gradients(model, self.train, &rows, &mut keep_mask)
        })?;
        current.network = updated.network;
        current.losses.push(updated.loss);
        current.gradients += updated.gradients;
        current.updates += 1;
        let network = &current.network;
        (current.recorded).after_update(|| step::evaluation_loss(network, self.train, &rows));
        Ok(current)
    }

    /// Ends a run that the observer stopped.
    fn stopped(
        &self,
        current: &Current<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<RunEnd>, TrainError> {
        if observer.is_checkpoint_due(true) {
            self.save(current, observer)?;
        }
        Ok(None)
    }

    fn save(&self, current: &Current<'_>, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let before = self.config.pretraining_updates();
        observer.checkpoint(before + current.updates, current.checkpoint()?)
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
        let scores = self.scores(model, observer)?;
        Some(Evaluation {
            epoch,
            updates,
            train: scores.train,
            test: scores.test,
            validation: scores.validation,
            not_averaged: None,
        })
    }

    /// Returns `None` if the observer stopped the run.
    fn scores(&self, model: &Network, observer: &mut dyn Observer) -> Option<Scores> {
        let model = burn::module::Module::valid(model);
        let mut score = |images| score(&model, images, &mut || observer.goes_on());
        Some(Scores {
            train: score(self.train)?,
            test: score(self.test)?,
            validation: match self.validation {
                Some(images) => Some(score(images)?),
                None => None,
            },
        })
    }

    /// Returns a network with batch statistics that belong to its weights, if they may not: those
    /// of the first training images.
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
