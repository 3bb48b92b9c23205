//! An ensemble of runs, trained at once.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::{Checkpoint, Descent};
use downhill_data::{Batches, Purpose, Stream};
use downhill_model::{Ensemble, Mlp};
use downhill_report::record::{Evaluation, RunEnd, RunOutcome, Scores};
use serde::{Deserialize, Serialize};

use crate::config::training::TrainingConfig;
use crate::device::set::DeviceSet;
use crate::error::TrainError;
use crate::plan::ensemble::common_settings;
use crate::training::losses::{Losses, SavedLosses};
use crate::training::observer::EnsembleObserver;
use crate::training::score::scores;

/// Several runs trained at once on the same images, each with the weights, batches and masks of its
/// own seed.
///
/// The results of each run equal, up to rounding, those of [`Training`](crate::training::Training).
#[derive(Clone, Debug)]
pub struct EnsembleTraining<'a> {
    /// Settings and seed of each run. The settings differ in the learning rate at most.
    pub runs: &'a [(&'a TrainingConfig, u64)],
    /// Images to train on.
    pub train: &'a DeviceSet,
    /// Images to test on.
    pub test: &'a DeviceSet,
    /// Pixels of an image.
    pub image_size: usize,
    /// Device of the runs, without autodiff.
    pub device: &'a Device,
}

impl EnsembleTraining<'_> {
    /// Trains all networks, from the beginning or from the checkpoint of the observer. Returns
    /// `false` if the observer stopped the runs.
    ///
    /// # Errors
    ///
    /// Settings that do not fit each other, a checkpoint that does not fit them, and errors of the
    /// observer.
    pub fn run(&self, observer: &mut dyn EnsembleObserver) -> Result<bool, TrainError> {
        let config = self.common()?;
        let mut members = self.members()?;
        let mut ensemble = self.ensemble()?;
        let mut descent = self.descent()?;
        let updates_per_epoch = members.first().map_or(1, Member::updates_per_epoch);
        let mut losses = Losses::default();
        let mut update = 0;
        match observer.resumes() {
            Some(saved) => {
                ensemble = saved.module(NETWORKS, ensemble)?;
                saved.load_descent(OPTIMIZER, &mut descent, self.device)?;
                let numbers: Numbers = saved.value(NUMBERS)?;
                losses = Losses::restored(&numbers.losses, self.device);
                update = numbers.updates;
                for (member, ended) in members.iter_mut().zip(numbers.ended) {
                    member.ended = ended;
                }
            }
            None => {
                let goes_on = &mut || observer.goes_on();
                let Some(evaluations) = self.evaluate(&ensemble, None, 0, goes_on) else {
                    return Ok(false);
                };
                for (run, evaluation) in evaluations.iter().enumerate() {
                    observer.evaluated(run, evaluation)?;
                }
            }
        }
        // A checkpoint lies between an update and its evaluation.
        let mut is_made = update > 0;
        while is_made || update < config.training.updates {
            if !is_made {
                // Batches and masks are numbered from 0.
                let loss = self.loss(&mut ensemble, &mut members, update);
                losses.push(loss.clone().inner());
                // Each network's gradient is that of its own loss.
                let gradients = GradientsParams::from_grads(loss.sum().backward(), &ensemble);
                (ensemble, _) = descent.step(ensemble, gradients)?;
                update += 1;

                let stopped = !observer.updated();
                if observer.is_checkpoint_due(stopped) {
                    let numbers = Numbers::new(update, &losses, &members);
                    observer.checkpoint(update, numbers.checkpoint(&ensemble, &descent)?)?;
                }
                if stopped {
                    return Ok(false);
                }
            }
            is_made = false;
            let due = config.training.evaluates_after(update);
            if due || losses.are_many() {
                for (run, diverged) in losses.first_not_finite().into_iter().enumerate() {
                    if let Some(update) = diverged {
                        members[run].end(RunOutcome::Diverged { update }, update, run, observer)?;
                    }
                }
            }
            if due && members.iter().any(|member| !member.ended) {
                let epoch = (update - 1) / updates_per_epoch;
                // Some optimizers evaluate averaged networks.
                let networks = descent.averaged(ensemble.clone());
                let goes_on = &mut || observer.goes_on();
                let evaluations = self.evaluate(&networks, Some(epoch), update, goes_on);
                let own = match config.has_averages() && evaluations.is_some() {
                    true => self.scores(&ensemble, goes_on).map(Some),
                    false => Some(None),
                };
                let (Some(mut evaluations), Some(own)) = (evaluations, own) else {
                    if observer.is_checkpoint_due(true) {
                        let numbers = Numbers::new(update, &losses, &members);
                        observer.checkpoint(update, numbers.checkpoint(&ensemble, &descent)?)?;
                    }
                    return Ok(false);
                };
                for (evaluation, own) in evaluations.iter_mut().zip(own.into_iter().flatten()) {
                    evaluation.not_averaged = Some(own);
                }
                for (run, evaluation) in evaluations.iter().enumerate() {
                    if members[run].ended {
                        continue;
                    }
                    // The last update itself may have diverged.
                    if evaluation.train.loss.is_finite() {
                        observer.evaluated(run, evaluation)?;
                    } else {
                        members[run].end(RunOutcome::Diverged { update }, update, run, observer)?;
                    }
                }
                if update == config.training.updates {
                    observer.trained(&networks)?;
                }
            }
            if members.iter().all(|member| member.ended) {
                return Ok(true);
            }
        }
        for (run, member) in members.iter_mut().enumerate() {
            member.end(RunOutcome::Finished, config.training.updates, run, observer)?;
        }
        Ok(true)
    }

    /// The first run's settings, which all runs share except for the learning rate.
    fn common(&self) -> Result<&TrainingConfig, TrainError> {
        let Some((first, _)) = self.runs.first() else {
            let message = "an ensemble needs at least one run, got none";
            return Err(TrainError::Config(message.into()));
        };
        let common = common_settings(first).ok_or_else(|| {
            TrainError::Config(format!(
                "{} with these settings cannot be trained as an ensemble; train the runs one by \
                 one with --ensemble 1",
                first.optimizer.name()
            ))
        })?;
        let alike = |config| common_settings(config).as_ref() == Some(&common);
        if self.runs.iter().all(|(config, _)| alike(config)) {
            return Ok(first);
        }
        let message = "the runs of an ensemble may differ only in the learning rate, and only with \
                       optimizers whose steps are proportional to it; train them with --ensemble 1";
        Err(TrainError::Config(message.into()))
    }

    fn members(&self) -> Result<Vec<Member>, TrainError> {
        let member = |(config, seed): &(&TrainingConfig, u64)| {
            let training = &config.training;
            let order = training.batch_order;
            Ok(Member {
                batches: Batches::new(order, *seed, training.batch, self.train.len())?,
                seed: *seed,
                ended: false,
            })
        };
        self.runs.iter().map(member).collect()
    }

    fn ensemble(&self) -> Result<Ensemble, TrainError> {
        let device = self.device.clone().autodiff();
        let network = |(config, seed): &(&TrainingConfig, u64)| {
            let mut weights = Stream::new(*seed, Purpose::InitialWeights, 0);
            let mut normal = || weights.normal();
            let (inputs, outputs) = (self.image_size, self.train.classes());
            Mlp::new(&config.model, inputs, outputs, &device, &mut normal)
                .map_err(|error| TrainError::Config(format!("model.{error}")))
        };
        let networks = self.runs.iter().map(network);
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        Ensemble::of(&networks).map_err(|error| TrainError::Config(error.to_string()))
    }

    /// An optimizer with the largest learning rate, which each run scales by its own factor.
    fn descent(&self) -> Result<Descent, TrainError> {
        let rates: Vec<f64> = (self.runs.iter())
            .map(|(config, _)| config.optimizer.learning_rate())
            .collect();
        let largest = rates.iter().copied().fold(f64::MIN, f64::max);
        let configs = self.runs.iter().map(|(config, _)| config);
        let rate = |config: &TrainingConfig| config.optimizer.learning_rate();
        let fastest = configs.max_by(|a, b| rate(a).total_cmp(&rate(b)));
        let fastest = fastest.expect("an ensemble has a run");
        // Optimizers without a learning rate report 0.
        let part = |rate: f64| if rate == largest { 1.0 } else { rate / largest };
        (fastest.descent())
            .with_members(rates.into_iter().map(part).collect())
            .build()
            .map_err(|error| TrainError::Config(error.to_string()))
    }

    /// Returns the loss of each run on the batch of an update (counted from 0), `[runs]`.
    fn loss(&self, ensemble: &mut Ensemble, members: &mut [Member], update: u64) -> Tensor<1> {
        let rows: Vec<usize> = (members.iter_mut())
            .flat_map(|member| member.batches.indices(update))
            .collect();
        let (images, targets) = self.train.batch(&rows);
        let shape = [members.len(), rows.len() / members.len()];
        let images = images.reshape([shape[0], shape[1], self.image_size]);
        let targets = targets.reshape([shape[0], shape[1], self.train.classes()]);
        let seeds = members.iter().map(|member| member.seed);
        let mut masks: Vec<_> = seeds
            .map(|seed| Stream::new(seed, Purpose::DropoutMask, update))
            .collect();
        let mut keep_mask = |member: usize, length, probability| {
            let masks: &mut Stream = &mut masks[member];
            masks.keep_mask(length, probability)
        };
        let (images, targets) = (Tensor::from_inner(images), Tensor::from_inner(targets));
        ensemble.loss(images, targets, &mut keep_mask)
    }

    fn evaluate(
        &self,
        ensemble: &Ensemble,
        epoch: Option<u64>,
        updates: u64,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<Evaluation>> {
        let evaluation = |scores: Scores| Evaluation {
            epoch,
            updates,
            train: scores.train,
            test: scores.test,
            validation: None,
            not_averaged: None,
        };
        let scores = self.scores(ensemble, goes_on)?;
        Some(scores.into_iter().map(evaluation).collect())
    }

    /// `None` if it does not go on.
    fn scores(
        &self,
        ensemble: &Ensemble,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<Scores>> {
        let ensemble = ensemble.valid();
        let train = scores(&ensemble, self.train, goes_on)?;
        let test = scores(&ensemble, self.test, goes_on)?;
        let of_network = |(train, test)| Scores {
            train,
            test,
            validation: None,
        };
        Some(train.into_iter().zip(test).map(of_network).collect())
    }
}

/// Parts of a checkpoint.
const NUMBERS: &str = "numbers";
const NETWORKS: &str = "networks";
const OPTIMIZER: &str = "optimizer";

#[derive(Serialize, Deserialize)]
struct Numbers {
    updates: u64,
    losses: SavedLosses,
    /// By member.
    ended: Vec<bool>,
}

impl Numbers {
    fn new(updates: u64, losses: &Losses, members: &[Member]) -> Self {
        Self {
            updates,
            losses: losses.saved(),
            ended: members.iter().map(|member| member.ended).collect(),
        }
    }

    fn checkpoint(&self, ensemble: &Ensemble, descent: &Descent) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint::new()
            .with_value(NUMBERS, self)?
            .with_module(NETWORKS, ensemble)?
            .with_descent(OPTIMIZER, descent)?)
    }
}

/// A run of the ensemble.
struct Member {
    batches: Batches,
    seed: u64,
    ended: bool,
}

impl Member {
    fn updates_per_epoch(&self) -> u64 {
        self.batches.updates_per_epoch()
    }

    /// Ends the run unless it has ended already.
    fn end(
        &mut self,
        outcome: RunOutcome,
        updates: u64,
        run: usize,
        observer: &mut dyn EnsembleObserver,
    ) -> Result<(), TrainError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let end = RunEnd {
            outcome,
            updates,
            kept: None,
            gradients: None,
        };
        observer.ended(run, &end)
    }
}
