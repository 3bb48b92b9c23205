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
    /// By the order of the runs; `None` if a run is missing.
    records: Vec<Option<RunRecord>>,
}

impl Store {
    /// Reads the records of these runs.
    ///
    /// # Errors
    ///
    /// A record that cannot be read or is damaged.
    pub fn runs<'r, 'p>(&self, runs: &'r [RunPlan<'p>]) -> Result<Records<'r, 'p>, TrainError> {
        let records = runs.iter().map(|run| self.finished(&run.header.run));
        let records = records.collect::<Result<_, _>>()?;
        Ok(Records { runs, records })
    }
}

impl<'r, 'p> Records<'r, 'p> {
    /// Treats all runs as missing, so that all are trained again.
    pub fn none(runs: &'r [RunPlan<'p>]) -> Self {
        let records = vec![None; runs.len()];
        Self { runs, records }
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
        let pairs = self.runs.iter().zip(&self.records);
        pairs.filter_map(|(run, record)| Some((run, record.as_ref()?)))
    }

    /// The runs without a record.
    pub fn missing(&self) -> Vec<&'r RunPlan<'p>> {
        let pairs = self.runs.iter().zip(&self.records);
        let missing = pairs.filter(|(_, record)| record.is_none());
        missing.map(|(run, _)| run).collect()
    }

    /// Returns the records of all runs, reading those that were missing.
    ///
    /// # Errors
    ///
    /// A record that is still missing, cannot be read or is damaged.
    pub fn complete(self, store: &Store) -> Result<Vec<RunRecord>, TrainError> {
        let read = |(run, record): (&RunPlan<'_>, Option<RunRecord>)| {
            if let Some(record) = record {
                return Ok(record);
            }
            let run = &run.header.run;
            store.finished(run)?.ok_or_else(|| {
                let path = Path::new(run);
                TrainError::file("cannot find the record of run", path)(ErrorKind::NotFound.into())
            })
        };
        self.runs.iter().zip(self.records).map(read).collect()
    }
}
