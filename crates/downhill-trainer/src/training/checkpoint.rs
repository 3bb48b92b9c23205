//! What a run needs to go on after its process has ended. All else follows from its config and
//! seed: batches, masks and schedules depend on the number of the update alone.

use burn::tensor::Device;
use downhill::{Checkpoint, CheckpointError};
use downhill_model::Network;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::training::early_stopping::{EarlyStopping, SavedStopping};
use crate::training::losses::{Losses, Recorded, SavedLosses, SavedRecorded};
use crate::training::stepper::Stepper;

/// Parts of a checkpoint.
const NUMBERS: &str = "numbers";
pub(super) const NETWORK: &str = "network";

/// A run between two updates.
pub(super) struct Current<'a> {
    pub(super) network: Network,
    pub(super) stepper: Stepper<'a>,
    pub(super) losses: Losses,
    pub(super) recorded: Recorded,
    pub(super) stopping: Option<EarlyStopping<'a>>,
    pub(super) updates: u64,
    pub(super) gradients: u64,
}

/// The numbers of a run, besides its tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbers {
    /// The layer that is being pre-trained, counted from 0; `None` afterwards.
    pub(super) layer: Option<usize>,
    /// Updates made: of this layer, or of the network.
    pub(super) updates: u64,
    pub(super) losses: SavedLosses,
    #[serde(default)]
    gradients: u64,
    #[serde(default)]
    recorded: SavedRecorded,
    #[serde(default)]
    stopping: Option<SavedStopping>,
}

impl Numbers {
    /// Those of a layer that is being pre-trained.
    pub(super) fn of_layer(layer: usize, updates: u64, losses: &Losses) -> Self {
        Self {
            layer: Some(layer),
            updates,
            losses: losses.saved(),
            gradients: 0,
            recorded: SavedRecorded::default(),
            stopping: None,
        }
    }

    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        checkpoint.value(NUMBERS)
    }

    pub(super) fn with_network(&self, network: &Network) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = Checkpoint::new().with_value(NUMBERS, self)?;
        checkpoint.with_module(NETWORK, network)
    }
}

impl Current<'_> {
    pub(super) fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let numbers = Numbers {
            layer: None,
            updates: self.updates,
            gradients: self.gradients,
            losses: self.losses.saved(),
            recorded: self.recorded.saved(),
            stopping: self.stopping.as_ref().map(EarlyStopping::saved),
        };
        let checkpoint = self.stepper.save(numbers.with_network(&self.network)?)?;
        Ok(match &self.stopping {
            Some(stopping) => stopping.save(checkpoint)?,
            None => checkpoint,
        })
    }

    /// Returns the run where it was when the checkpoint was saved. This one is at its beginning.
    pub(super) fn at(
        mut self,
        checkpoint: &Checkpoint,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let numbers = Numbers::read(checkpoint)?;
        if let (Some(stopping), Some(saved)) = (&mut self.stopping, &numbers.stopping) {
            stopping.restore(saved, checkpoint, &self.network)?;
        }
        self.stepper.restore(checkpoint)?;
        Ok(Self {
            network: checkpoint.module(NETWORK, self.network)?,
            losses: Losses::restored(&numbers.losses, device),
            recorded: self.recorded.restored(&numbers.recorded, device),
            updates: numbers.updates,
            gradients: numbers.gradients,
            ..self
        })
    }
}
