//! What a training reports while it runs.

use downhill::Checkpoint;
use downhill_model::{Ensemble, Network};
use downhill_report::record::{Evaluation, Line, RunEnd};

use crate::error::TrainError;

/// Decides whether a training goes on, and keeps its checkpoints.
pub trait Control {
    /// Called after each update. Returns `false` to stop the training.
    fn updated(&mut self) -> bool;

    /// Called after each update of pre-training, which ensembles do not have, and before each part
    /// of an evaluation. Returns `false` to stop the training. A checkpoint is then due, except
    /// before the first update.
    fn goes_on(&mut self) -> bool {
        true
    }

    /// Called first. Returns the checkpoint that the training continues from, if it does.
    fn resumes(&mut self) -> Option<Checkpoint> {
        None
    }

    /// Whether to save a checkpoint now. Called after each update, of pre-training too, and when
    /// the training is `stopped`.
    fn is_checkpoint_due(&mut self, stopped: bool) -> bool {
        let _ = stopped;
        false
    }

    /// Called with a checkpoint after it was due. `number` rises from the first to the last.
    ///
    /// # Errors
    ///
    /// An error ends the training.
    fn checkpoint(&mut self, number: u64, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let _ = (number, checkpoint);
        Ok(())
    }
}

/// Follows a run.
pub trait Observer: Control {
    /// Called after each evaluation.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError>;

    /// Called with everything else to record: batch losses, activations, pre-training.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn observe(&mut self, line: &Line) -> Result<(), TrainError> {
        let _ = line;
        Ok(())
    }

    /// Called with the trained network after the last evaluation.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn trained(&mut self, _network: &Network) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Follows the runs of an ensemble.
pub trait EnsembleObserver: Control {
    /// Called after each evaluation of a run.
    ///
    /// # Errors
    ///
    /// An error ends all runs.
    fn evaluated(&mut self, run: usize, evaluation: &Evaluation) -> Result<(), TrainError>;

    /// Called when a run has ended.
    ///
    /// # Errors
    ///
    /// An error ends all runs.
    fn ended(&mut self, run: usize, end: &RunEnd) -> Result<(), TrainError>;

    /// Called with all networks, diverged ones included, after the last evaluation.
    ///
    /// # Errors
    ///
    /// An error ends all runs.
    fn trained(&mut self, _networks: &Ensemble) -> Result<(), TrainError> {
        Ok(())
    }
}
