//! Early stopping, and the best network of a run.

use downhill::{Checkpoint, CheckpointError};
use downhill_model::Network;
use downhill_report::record::Evaluation;
use serde::{Deserialize, Serialize};

use crate::config::training::{EarlyStoppingConfig, Measure};

/// Follows the score on the validation images.
pub(super) struct EarlyStopping<'a> {
    config: &'a EarlyStoppingConfig,
    best: Option<Best>,
    /// Evaluations since the best one.
    waited: u64,
}

struct Best {
    /// Higher is better.
    score: f64,
    /// The updates made until then.
    updates: u64,
    /// `None` if the last network is to be kept.
    network: Option<Network>,
}

/// The best evaluation in a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedStopping {
    best: Option<SavedBest>,
    waited: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedBest {
    /// The bits of the score, which may be infinite.
    score: u64,
    updates: u64,
    has_network: bool,
}

/// The part of a checkpoint with the best network.
const BEST: &str = "best";

impl<'a> EarlyStopping<'a> {
    pub(super) fn new(config: &'a EarlyStoppingConfig) -> Self {
        Self {
            config,
            best: None,
            waited: 0,
        }
    }

    /// Takes an evaluation of a network. Returns whether the run ends with it. A score that is not
    /// a number improves on none.
    pub(super) fn ends_with(&mut self, evaluation: &Evaluation, network: &Network) -> bool {
        let score = evaluation.validation.map(|it| match self.config.measure {
            Measure::Accuracy => it.accuracy,
            Measure::Loss => -it.loss,
        });
        let best = self.best.as_ref().map(|best| best.score);
        let improves = score.filter(|score| match best {
            Some(best) => *score > best + self.config.min_delta,
            None => !score.is_nan(),
        });
        match improves {
            Some(score) => {
                self.waited = 0;
                self.best = Some(Best {
                    score,
                    updates: evaluation.updates,
                    network: self.config.keep_best.then(|| network.clone()),
                });
            }
            None => self.waited += 1,
        }
        (self.config.patience).is_some_and(|patience| self.waited >= patience)
    }

    pub(super) fn saved(&self) -> SavedStopping {
        let best = self.best.as_ref().map(|best| SavedBest {
            score: best.score.to_bits(),
            updates: best.updates,
            has_network: best.network.is_some(),
        });
        SavedStopping {
            best,
            waited: self.waited,
        }
    }

    /// Adds the best network to a checkpoint.
    pub(super) fn save(&self, checkpoint: Checkpoint) -> Result<Checkpoint, CheckpointError> {
        match self.best.as_ref().and_then(|best| best.network.as_ref()) {
            Some(network) => checkpoint.with_module(BEST, network),
            None => Ok(checkpoint),
        }
    }

    /// Continues from a checkpoint of a run whose networks are like this one.
    pub(super) fn restore(
        &mut self,
        saved: &SavedStopping,
        checkpoint: &Checkpoint,
        like: &Network,
    ) -> Result<(), CheckpointError> {
        self.waited = saved.waited;
        let best = saved.best.as_ref().map(|best| {
            let network = best
                .has_network
                .then(|| checkpoint.module(BEST, like.clone()));
            Ok(Best {
                score: f64::from_bits(best.score),
                updates: best.updates,
                network: network.transpose()?,
            })
        });
        self.best = best.transpose()?;
        Ok(())
    }

    /// Returns the network to keep instead of the last, and the updates made until then.
    pub(super) fn best(self) -> Option<(Network, u64)> {
        let best = self.best?;
        Some((best.network?, best.updates))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;
    use downhill_model::MlpConfig;
    use downhill_report::record::Score;

    use super::*;

    /// The evaluation with which the run ends, and the one kept.
    fn ended(config: &EarlyStoppingConfig, losses: &[f64]) -> (Option<u64>, Option<u64>) {
        let device = Device::flex();
        let network = Network::new(&MlpConfig::default(), [1, 2, 2], 10, &device, &mut || 0.1);
        let network = network.expect("a network");
        let mut stopping = EarlyStopping::new(config);
        let mut evaluations = (1..).zip(losses).map(|(updates, loss)| {
            let score = Score {
                loss: *loss,
                accuracy: 1.0 / (1.0 + loss),
            };
            Evaluation {
                epoch: None,
                updates,
                train: score,
                test: score,
                validation: Some(score),
                not_averaged: None,
            }
        });
        let end = evaluations.find(|it| stopping.ends_with(it, &network));
        (
            end.map(|end| end.updates),
            stopping.best().map(|(_, kept)| kept),
        )
    }

    #[test]
    fn a_run_ends_after_its_patience_and_keeps_the_best_network() {
        let losses = [3.0, 2.0, 2.5, 1.9, 1.95, 2.0, 1.0];
        for measure in [Measure::Accuracy, Measure::Loss] {
            let config = |patience, min_delta| EarlyStoppingConfig {
                measure,
                patience,
                min_delta,
                keep_best: true,
            };
            assert_eq!(ended(&config(Some(2), 0.0), &losses), (Some(6), Some(4)));
            assert_eq!(ended(&config(Some(3), 0.0), &losses), (None, Some(7)));
            assert_eq!(ended(&config(None, 0.0), &losses), (None, Some(7)));
            // 2.0 to 1.9 is too little, in accuracy from 0.333 to 0.345.
            let delta = match measure {
                Measure::Accuracy => 0.02,
                Measure::Loss => 0.2,
            };
            assert_eq!(ended(&config(Some(2), delta), &losses), (Some(4), Some(2)));
        }
        let last = EarlyStoppingConfig {
            patience: Some(1),
            keep_best: false,
            ..EarlyStoppingConfig::default()
        };
        assert_eq!(ended(&last, &losses), (Some(3), None));
        assert_eq!(ended(&last, &[f64::NAN, f64::NAN]), (Some(1), None));
    }
}
