//! The runs of a plan: the records of the finished ones, and those that are missing.

use std::io::ErrorKind;
use std::path::Path;

use downhill_report::RunRecord;

use crate::error::TrainError;
use crate::plan::runs::RunPlan;
use crate::runs::store::Store;

/// Runs with their records.
#[derive(Debug)]
pub struct Records<'r, 'p> {
    runs: &'r [RunPlan<'p>],
    /// By the order of the runs.
    states: Vec<State>,
}

/// What is known of a run.
#[derive(Debug)]
enum State {
    Missing,
    Finished(Box<RunRecord>),
    /// The record cannot be read or is damaged.
    Damaged(TrainError),
}

/// The records of a plan once all its runs are trained.
#[derive(Debug)]
pub struct Complete {
    /// The usable records, in the order of the runs.
    pub records: Vec<RunRecord>,
    /// Why the others cannot be used.
    pub damaged: Vec<TrainError>,
}

impl Store {
    /// Reads the records of these runs.
    pub fn runs<'r, 'p>(&self, runs: &'r [RunPlan<'p>]) -> Records<'r, 'p> {
        let state = |run: &RunPlan<'_>| match self.record(run) {
            Ok(None) => State::Missing,
            Ok(Some(record)) => State::Finished(Box::new(record)),
            Err(error) => State::Damaged(error),
        };
        let states = runs.iter().map(state).collect();
        Records { runs, states }
    }

    /// The record of a run, if it is finished; with the config in memory that the plan has.
    fn record(&self, run: &RunPlan<'_>) -> Result<Option<RunRecord>, TrainError> {
        let mut record = self.finished(&run.header.run)?;
        if let Some(record) = &mut record {
            record.header.config.share(&run.header.config);
        }
        Ok(record)
    }
}

impl<'r, 'p> Records<'r, 'p> {
    /// Treats all runs as missing but those that are done.
    pub(crate) fn miss_all_but(
        &mut self,
        is_done: impl Fn(&str) -> Result<bool, TrainError>,
    ) -> Result<(), TrainError> {
        for (run, state) in self.runs.iter().zip(&mut self.states) {
            if !is_done(&run.header.run)? {
                *state = State::Missing;
            }
        }
        Ok(())
    }

    /// Treats finished runs without saved weights as missing. Returns their number. Diverged runs
    /// have no weights.
    pub(crate) fn miss_weights(&mut self, store: &Store) -> usize {
        let mut without = 0;
        for (run, state) in self.runs.iter().zip(&mut self.states) {
            if let State::Finished(record) = state
                && !record.end.outcome.is_diverged()
                && !store.weights(&run.header.run).is_file()
            {
                *state = State::Missing;
                without += 1;
            }
        }
        without
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are no runs.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The finished runs with their records.
    pub fn finished(&self) -> impl Iterator<Item = (&'r RunPlan<'p>, &RunRecord)> {
        let pairs = self.runs.iter().zip(&self.states);
        pairs.filter_map(|(run, state)| match state {
            State::Finished(record) => Some((run, &**record)),
            State::Missing | State::Damaged(_) => None,
        })
    }

    /// The runs without a record.
    pub fn missing(&self) -> Vec<&'r RunPlan<'p>> {
        let pairs = self.runs.iter().zip(&self.states);
        let missing = pairs.filter(|(_, state)| matches!(state, State::Missing));
        missing.map(|(run, _)| run).collect()
    }

    /// Why records cannot be used.
    pub fn damaged(&self) -> impl Iterator<Item = &TrainError> {
        self.states.iter().filter_map(|state| match state {
            State::Damaged(error) => Some(error),
            State::Missing | State::Finished(_) => None,
        })
    }

    /// Returns the records of all runs, reading those that were missing.
    ///
    /// # Errors
    ///
    /// No usable record at all.
    pub fn complete(self, store: &Store) -> Result<Complete, TrainError> {
        let read = |(run, state): (&RunPlan<'_>, State)| match state {
            State::Finished(record) => Ok(*record),
            State::Damaged(error) => Err(error),
            State::Missing => store.record(run)?.ok_or_else(|| {
                let path = Path::new(&run.header.run);
                let absent = ErrorKind::NotFound.into();
                TrainError::file("cannot find the record of run", path)(absent)
            }),
        };
        let (mut records, mut damaged) = (Vec::with_capacity(self.runs.len()), Vec::new());
        for record in self.runs.iter().zip(self.states).map(read) {
            match record {
                Ok(record) => records.push(record),
                Err(error) => damaged.push(error),
            }
        }
        match records.is_empty() {
            true => Err(TrainError::Damaged(damaged)),
            false => Ok(Complete { records, damaged }),
        }
    }
}
