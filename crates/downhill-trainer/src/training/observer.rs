//! What a training reports while it runs.

use downhill_model::{Ensemble, Network};
use downhill_report::record::{Evaluation, Line, RunEnd};

use crate::error::TrainError;

/// Follows a run, and may stop it.
pub trait Observer {
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

    /// Called after each update. Returns `false` to stop the run.
    fn updated(&mut self) -> bool;

    /// Called after each update of pre-training and during evaluations. Returns `false` to stop the
    /// run.
    fn goes_on(&mut self) -> bool {
        true
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

/// Follows the runs of an ensemble, and may stop them.
pub trait EnsembleObserver {
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

    /// Called after each update of the runs that have not ended. Returns `false` to stop them.
    fn updated(&mut self) -> bool;

    /// Called with all networks, diverged ones included, after the last evaluation.
    ///
    /// # Errors
    ///
    /// An error ends all runs.
    fn trained(&mut self, _networks: &Ensemble) -> Result<(), TrainError> {
        Ok(())
    }
}
