//! Pre-training of the hidden layers, one after the other.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use downhill::{Checkpoint, Descent, DescentConfig};
use downhill_data::{Batches, Purpose, Stream};
use downhill_model::{Autoencoder, Mlp, Network};
use downhill_report::record::{Line, Pretraining};

use crate::config::training::TrainingConfig;
use crate::device::set::DeviceSet;
use crate::error::TrainError;
use crate::training::checkpoint::{NETWORK, Numbers};
use crate::training::losses::Losses;
use crate::training::observer::Observer;

/// Lines of the record for each layer.
const LINES: u64 = 20;

/// How pre-training ended.
pub(crate) enum Pretrained {
    /// All layers are trained, or the config asks for none.
    Done,
    /// A loss was not finite.
    Diverged,
    /// The observer stopped the run.
    Stopped,
}

/// Parts of a checkpoint.
const AUTOENCODER: &str = "autoencoder";
const OPTIMIZER: &str = "optimizer";

/// Trains the hidden layers as the config says, from their beginning or from a checkpoint.
pub(crate) fn pretrain(
    mlp: &mut Mlp,
    config: &TrainingConfig,
    seed: u64,
    train: &DeviceSet,
    batches: &mut Batches,
    saved: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<Pretrained, TrainError> {
    let pretraining = &config.training.pretraining;
    if pretraining.updates == 0 {
        return Ok(Pretrained::Done);
    }
    let mut saved = match saved {
        Some(saved) => Some((saved, Numbers::read(saved)?)),
        None => None,
    };
    if let Some((saved, _)) = &saved {
        *mlp = saved.module(NETWORK, mlp.clone())?;
    }
    let first = saved.as_ref().and_then(|(_, numbers)| numbers.layer);
    for layer in first.unwrap_or(0)..mlp.hidden.len() {
        let below = mlp.valid();
        let mut autoencoder = Autoencoder::of(mlp, layer)
            .map_err(|error| TrainError::Config(format!("model.{error}")))?;
        let mut descent = DescentConfig::new(config.optimizer.clone())
            .build()
            .map_err(|error| TrainError::Config(error.to_string()))?;
        let every = pretraining.updates.div_ceil(LINES);
        let mut losses = Losses::default();
        let mut made = 0;
        if let Some((saved, numbers)) = saved.take() {
            let device = train.device();
            autoencoder = saved.module(AUTOENCODER, autoencoder)?;
            saved.load_descent(OPTIMIZER, &mut descent, &device)?;
            losses = Losses::restored(&numbers.losses, &device);
            made = numbers.updates;
        }
        for update in made + 1..=pretraining.updates {
            let inputs = inputs(train, &batches.indices(update - 1), &below, layer);
            let counter = (layer as u64) << 32 | (update - 1);
            let mut masks = Stream::new(seed, Purpose::Corruption, counter);
            let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
            let inputs = Tensor::from_inner(inputs);
            let loss = autoencoder.loss(inputs, pretraining.corruption, &mut keep_mask);
            losses.push(loss.clone().inner());
            if descent.needs_loss() {
                descent.tell_loss(loss.clone().into_scalar());
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &autoencoder);
            (autoencoder, _) = descent.step(autoencoder, gradients)?;
            if update % every == 0 || update == pretraining.updates {
                if losses.first_not_finite().iter().any(Option::is_some) {
                    return Ok(Pretrained::Diverged);
                }
                let seen = losses.last_seen();
                let sum: f64 = seen.iter().copied().map(f64::from).sum();
                observer.observe(&Line::Pretraining(Pretraining {
                    layer: layer + 1,
                    updates: update,
                    loss: sum / seen.len().max(1) as f64,
                }))?;
            }
            let stopped = !observer.goes_on();
            if observer.is_checkpoint_due(stopped) {
                let numbers = Numbers::of_layer(layer, update, &losses);
                let checkpoint = checkpoint(&numbers, mlp, &autoencoder, &descent)?;
                let number = layer as u64 * pretraining.updates + update;
                observer.checkpoint(number, checkpoint)?;
            }
            if stopped {
                return Ok(Pretrained::Stopped);
            }
        }
        // Some optimizers evaluate averaged parameters.
        descent.averaged(autoencoder).into_layer(mlp);
    }
    Ok(Pretrained::Done)
}

fn checkpoint(
    numbers: &Numbers,
    mlp: &Mlp,
    autoencoder: &Autoencoder,
    descent: &Descent,
) -> Result<Checkpoint, TrainError> {
    let checkpoint = numbers
        .with_network(&Network::Mlp(mlp.clone()))?
        .with_module(AUTOENCODER, autoencoder)?
        .with_descent(OPTIMIZER, descent)?;
    Ok(checkpoint)
}

/// The inputs of a layer, `[rows, inputs]`.
fn inputs(train: &DeviceSet, rows: &[usize], below: &Mlp, layer: usize) -> Tensor<2> {
    let (images, _) = train.batch(rows);
    below.input_of(layer, images)
}
