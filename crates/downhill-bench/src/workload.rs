//! What all contenders train: a network on the training images of MNIST.

use downhill_data::{BatchOrder, Batches, ImageSet};
use downhill_model::{BatchNormConvention, DropoutConfig, DropoutKind, MlpConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Seed of weights, batches and masks.
pub(crate) const SEED: u64 = 1;
pub(crate) const CLASSES: usize = 10;
pub(crate) const LEARNING_RATE: f64 = 1e-3;

/// A network and how it is trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(crate) hidden: Vec<usize>,
    pub(crate) batch: usize,
    /// Dropout of 0.2, batch normalization and weight decay.
    pub(crate) regularized: bool,
    /// That one step may use.
    pub(crate) threads: usize,
}

impl Workload {
    pub(crate) fn new(layers: usize, units: usize, batch: usize) -> Self {
        Self {
            hidden: vec![units; layers],
            batch,
            regularized: false,
            threads: 1,
        }
    }

    pub(crate) fn regularized(self) -> Self {
        Self {
            regularized: true,
            ..self
        }
    }

    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        let [layers, units] = [self.hidden.len(), self.hidden[0]];
        let regularized = match self.regularized {
            true => ", dropout 0.2, batch normalization and weight decay",
            false => "",
        };
        let threads = match self.threads {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        format!(
            "784-{units}x{layers}-10, batch {}{regularized}, {threads}",
            self.batch
        )
    }

    pub(crate) fn model(&self) -> MlpConfig {
        let plain = MlpConfig {
            hidden: self.hidden.clone(),
            ..MlpConfig::default()
        };
        if !self.regularized {
            return plain;
        }
        MlpConfig {
            batch_norm: BatchNormConvention::Torch,
            dropout: DropoutConfig {
                probability: DROPOUT,
                kind: DropoutKind::Inverted,
                ..DropoutConfig::default()
            },
            weight_decay: WEIGHT_DECAY,
            ..plain
        }
    }

    /// Drawn with replacement: no contender gains by a shuffle that is paid once in an epoch.
    pub(crate) fn batches(&self, images: &ImageSet) -> Result<Batches, Failure> {
        let order = BatchOrder::WithReplacement;
        Ok(Batches::new(order, SEED, self.batch, images.len())?)
    }

    /// The same for a peer.
    pub(crate) fn for_peer(&self) -> Value {
        json!({
            "hidden": self.hidden,
            "batch": self.batch,
            "dropout": if self.regularized { DROPOUT } else { 0.0 },
            "batch_norm": self.regularized,
            "weight_decay": if self.regularized { WEIGHT_DECAY } else { 0.0 },
            "learning_rate": LEARNING_RATE,
            "threads": self.threads,
        })
    }
}

const DROPOUT: f64 = 0.2;
const WEIGHT_DECAY: f64 = 1e-4;
