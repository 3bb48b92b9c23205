//! What a training reports while it runs.

use downhill_model::{Ensemble, Network};
use downhill_report::record::{Evaluation, Line, RunEnd};

use crate::error::TrainError;

/// Who is told how a run goes, and may stop it.
pub trait Observer {
    /// The network was evaluated.
    ///
    /// # Errors
    ///
    /// End the run.
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError>;

    /// Something else is to be recorded: losses of batches, activations.
    ///
    /// # Errors
    ///
    /// End the run.
    fn seen(&mut self, line: &Line) -> Result<(), TrainError> {
        let _ = line;
        Ok(())
    }

    /// An update was made. The run is given up where this says `false`.
    fn updated(&mut self) -> bool;

    /// Whether the run is to go on where no update of the network is made.
    fn goes_on(&mut self) -> bool {
        true
    }

    /// All updates were made; this is the network that was evaluated last.
    ///
    /// # Errors
    ///
    /// End the run.
    fn trained(&mut self, _network: &Network) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Who is told how the runs of an ensemble go, and may stop them.
pub trait EnsembleObserver {
    /// The network of this run was evaluated.
    ///
    /// # Errors
    ///
    /// End all runs.
    fn evaluated(&mut self, run: usize, evaluation: &Evaluation) -> Result<(), TrainError>;

    /// This run has ended; nothing more is told of it.
    ///
    /// # Errors
    ///
    /// End all runs.
    fn ended(&mut self, run: usize, end: &RunEnd) -> Result<(), TrainError>;

    /// An update was made of all runs that have not ended. They are given up where this says
    /// `false`.
    fn updated(&mut self) -> bool;

    /// All updates were made; these are the networks that were evaluated last, those that diverged
    /// among them.
    ///
    /// # Errors
    ///
    /// End all runs.
    fn trained(&mut self, _networks: &Ensemble) -> Result<(), TrainError> {
        Ok(())
    }
}
