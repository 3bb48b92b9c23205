//! A run: a network trained from its first to its last update.

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
        let mut stepper = Stepper::new(self.config, self.device)?;

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
        let mut stopping = training.early_stopping.as_ref().map(EarlyStopping::new);
        let mut gradients = 0;
        let mut update = 0;
        loop {
            update += 1;
            // Batches and masks are numbered from 0.
            let rows = batches.indices(update - 1);
            let updated = stepper.update(model, &mut |model| {
                let mut masks = Stream::new(self.seed, Purpose::DropoutMask, update - 1);
                let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
                step::gradients(model, self.train, &rows, &mut keep_mask)
            })?;
            model = updated.network;
            losses.push(updated.loss);
            gradients += updated.gradients;

            recorded.after_update(|| step::evaluation_loss(&model, self.train, &rows));

            if !observer.updated() {
                return Ok(None);
            }
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
            if due || losses.are_many() {
                diverged = losses.first_not_finite().into_iter().flatten().next();
                if let Some(line) = recorded.look(losses.last_seen()) {
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
            let averaged = stepper.averaged(&model);
            let network = averaged.as_ref().unwrap_or(&model);
            let network = self.with_own_statistics(network.clone(), update);
            let Some(mut evaluation) = self.evaluate(&network, epoch, update, observer) else {
                return Ok(None);
            };
            if averaged.is_some() {
                let Some(own) = self.scores(&model, observer) else {
                    return Ok(None);
                };
                evaluation.not_averaged = Some(own);
            }
            // The last update itself may have diverged.
            if !evaluation.train.loss.is_finite() {
                return Ok(Some(end(RunOutcome::Diverged { update })));
            }
            observer.evaluated(&evaluation)?;
            let stops = (stopping.as_mut())
                .is_some_and(|stopping| stopping.ends_with(&evaluation, &network));
            if is_last || stops {
                let best = stopping.and_then(EarlyStopping::best);
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
