//! Durations of runs.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Duration and device of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Seconds from start to end; in an ensemble, the run's share of its seconds.
    pub seconds: f64,
    /// Processor or GPU.
    pub device: String,
    /// Number of runs, or of ensembles, trained at the same time.
    pub workers: usize,
    /// Number of runs in the ensemble; 1 for a run trained alone.
    #[serde(default = "one")]
    pub members: usize,
}

fn one() -> usize {
    1
}

/// The timings of several runs.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    device: Option<String>,
    by_run: HashMap<String, f64>,
}

impl Timings {
    pub(crate) fn of<'r>(timings: impl IntoIterator<Item = (&'r str, Option<Timing>)>) -> Self {
        let mut all = Self::default();
        for (run, timing) in timings {
            if let Some(timing) = timing {
                all.device.get_or_insert(timing.device);
                all.by_run.insert(run.to_owned(), timing.seconds);
            }
        }
        all
    }

    /// The device of the first run with a timing.
    pub fn device(&self) -> String {
        let unknown = || "a device that was not recorded".to_owned();
        self.device.clone().unwrap_or_else(unknown)
    }

    /// The seconds of a run; `None` if it has no timing.
    pub fn seconds(&self, run: &str) -> Option<f64> {
        self.by_run.get(run).copied()
    }

    /// The total seconds of these runs; `None` if a run has no timing.
    pub fn total<'r>(&self, runs: impl IntoIterator<Item = &'r str>) -> Option<f64> {
        runs.into_iter().map(|run| self.seconds(run)).sum()
    }
}
