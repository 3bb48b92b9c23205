//! What changes the weights: a descent, or L-BFGS.

use burn::optim::GradientsParams;
use burn::tensor::{Bytes, Device, Tensor};
use downhill::{Checkpoint, CheckpointError, Descent, Lbfgs, LbfgsStop, SamConfig};
use downhill_model::Network;

use crate::config::training::TrainingConfig;
use crate::error::TrainError;

/// The loss of a network on the batch of an update, `[1]`, and its gradients.
type GradientsOf<'a> = dyn FnMut(&mut Network) -> (Tensor<1>, GradientsParams) + 'a;

/// The part of a checkpoint with the state.
const STATE: &str = "optimizer";

/// What changes the weights.
pub(super) struct Stepper<'a> {
    config: &'a TrainingConfig,
    /// Without autodiff.
    device: &'a Device,
    method: Method<'a>,
}

enum Method<'a> {
    Descent(Box<Descent>, Option<&'a SamConfig>),
    Lbfgs(Box<Lbfgs>),
}

/// An update that was made.
pub(super) struct Updated {
    pub(super) network: Network,
    /// The loss before it, `[1]`.
    pub(super) loss: Tensor<1>,
    /// The number of gradients computed.
    pub(super) gradients: u64,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(config: &'a TrainingConfig, device: &'a Device) -> Result<Self, TrainError> {
        let method = match &config.lbfgs {
            Some(lbfgs) => lbfgs
                .build()
                .map(Box::new)
                .map(Method::Lbfgs)
                .map_err(|error| unusable(&error))?,
            None => {
                let descent = config.descent().build().map_err(|error| unusable(&error))?;
                Method::Descent(Box::new(descent), config.sam.as_ref())
            }
        };
        Ok(Self {
            config,
            device,
            method,
        })
    }

    /// Adds the state to a checkpoint.
    pub(super) fn save(&self, checkpoint: Checkpoint) -> Result<Checkpoint, TrainError> {
        Ok(match &self.method {
            Method::Descent(descent, _) => checkpoint.with_descent(STATE, descent)?,
            Method::Lbfgs(lbfgs) => {
                let bytes = lbfgs.to_bytes().map_err(|error| unusable(&error))?;
                checkpoint.with_bytes(STATE, bytes.to_vec())
            }
        })
    }

    /// Continues from a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        match &mut self.method {
            Method::Descent(descent, _) => {
                checkpoint.load_descent(STATE, descent, self.device)?;
            }
            Method::Lbfgs(lbfgs) => {
                let bytes = checkpoint.bytes(STATE).unwrap_or_default().to_vec();
                let loaded = lbfgs.load_bytes(Bytes::from_bytes_vec(bytes), self.device);
                loaded.map_err(|error| CheckpointError::Part {
                    name: STATE.to_owned(),
                    reason: error.to_string(),
                })?;
            }
        }
        Ok(())
    }

    /// Makes an update.
    pub(super) fn update(
        &mut self,
        mut network: Network,
        gradients_of: &mut GradientsOf<'_>,
    ) -> Result<Updated, TrainError> {
        let (network, loss, gradients) = match &mut self.method {
            Method::Descent(descent, sam) => {
                let (loss, mut gradients) = gradients_of(&mut network);
                let (mut computed, mut told) = (1, loss.clone());
                if let Some(sam) = sam {
                    let ascended = sam.ascend(network.clone(), gradients);
                    // The running statistics of this copy are dropped with it.
                    computed += 1;
                    let mut ascended = ascended.map_err(|error| unusable(&error))?;
                    (told, gradients) = gradients_of(&mut ascended);
                }
                if descent.needs_loss() {
                    descent.tell_loss(told.into_scalar());
                }
                let (network, _) = descent.step(network, gradients)?;
                (network, loss, computed)
            }
            Method::Lbfgs(lbfgs) => {
                let (network, outcome) = lbfgs.step(network, |network: &Network| {
                    let (loss, gradients) = gradients_of(&mut network.clone());
                    (loss.into_scalar(), gradients)
                });
                let loss = match outcome.stop {
                    LbfgsStop::NotFinite => f64::NAN,
                    _ => outcome.initial_loss,
                };
                let loss = Tensor::from_floats([loss as f32], self.device);
                (network, loss, outcome.evaluations as u64)
            }
        };
        Ok(Updated {
            network: network.bounded(),
            loss,
            gradients,
        })
    }

    /// Returns the network with the averages of its weights, if there are any.
    pub(super) fn averaged(&self, network: &Network) -> Option<Network> {
        match &self.method {
            Method::Descent(descent, _) if self.config.has_averages() => {
                Some(descent.averaged(network.clone()))
            }
            _ => None,
        }
    }
}

fn unusable(error: &impl ToString) -> TrainError {
    TrainError::Config(error.to_string())
}
