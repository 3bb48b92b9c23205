//! Durations of runs.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// SHA-256 of the saved network; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
}

/// A timing as it is stored, with a checksum, because the report's times are drawn from it.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    timing: Timing,
    #[serde(default)]
    check: Option<String>,
}

impl Timing {
    /// The text of `timing.json`.
    pub(crate) fn encoded(&self) -> String {
        let stored = Stored {
            timing: self.clone(),
            check: Some(self.check()),
        };
        serde_json::to_string(&stored).expect("a timing has string keys only")
    }

    /// Reads the text of `timing.json`; `None` if it is damaged or altered.
    pub(crate) fn decoded(text: &str) -> Option<Self> {
        let Stored { timing, check } = serde_json::from_str(text).ok()?;
        let is_usable = timing.seconds.is_finite() && timing.seconds >= 0.0;
        (is_usable && check.is_none_or(|check| check == timing.check())).then_some(timing)
    }

    fn check(&self) -> String {
        let Self {
            seconds,
            device,
            workers,
            members,
            weights,
        } = self;
        let weights = weights.as_deref().unwrap_or("");
        let bits = seconds.to_bits();
        let text = format!("{bits:x} {device} {workers} {members}{weights}");
        downhill_data::hex(&Sha256::digest(text)[..8])
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_timing_is_not_believed() {
        let timing = Timing {
            seconds: 1.25,
            device: "some".to_owned(),
            workers: 2,
            members: 1,
            weights: None,
        };
        let text = timing.encoded();
        assert_eq!(Timing::decoded(&text), Some(timing.clone()));
        assert!(text.contains("1.25"), "{text}");
        assert_eq!(Timing::decoded(&text.replace("1.25", "9999.0")), None);
        assert_eq!(Timing::decoded(&text[1..]), None);
        let before = r#"{"seconds":1.25,"device":"some","workers":2}"#;
        assert_eq!(Timing::decoded(before), Some(timing));
    }
}
