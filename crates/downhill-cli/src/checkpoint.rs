//! How often checkpoints are saved.

use std::fmt;
use std::str::FromStr;

/// The time, or the number of updates, between two checkpoints of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CheckpointEvery {
    /// No checkpoints.
    Never,
    /// After this many updates; at least 1.
    Updates(u64),
    /// After this many seconds, or more if checkpoints would take over 1 % of the time.
    Seconds(f64),
}

impl CheckpointEvery {
    /// Every 30 seconds.
    pub const DEFAULT: Self = Self::Seconds(30.0);
}

impl fmt::Display for CheckpointEvery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => formatter.write_str("never"),
            Self::Updates(updates) => write!(formatter, "{updates}"),
            Self::Seconds(seconds) => write!(formatter, "{seconds}s"),
        }
    }
}

impl FromStr for CheckpointEvery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be a number of updates such as 1000, of seconds such as 30s, or never, got \
                 {text:?}"
            )
        };
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Some(seconds) = text.strip_suffix('s') {
            let seconds: Option<f64> = seconds.trim_end().parse().ok();
            let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
            return seconds.map(Self::Seconds).ok_or_else(wrong);
        }
        let updates: Option<u64> = text.parse().ok();
        let updates = updates.filter(|updates| *updates > 0);
        updates.map(Self::Updates).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_and_seconds_are_told_apart() {
        let read = |text: &str| text.parse::<CheckpointEvery>();
        assert_eq!(read("1000"), Ok(CheckpointEvery::Updates(1000)));
        assert_eq!(read("2.5s"), Ok(CheckpointEvery::Seconds(2.5)));
        assert_eq!(read("30 s"), Ok(CheckpointEvery::DEFAULT));
        assert_eq!(read("never"), Ok(CheckpointEvery::Never));
        for wrong in ["0", "-1", "1.5", "s", "-1s", "infs", "NaNs", "5 min", ""] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("30s") && error.contains(wrong), "{error}");
        }
        for every in ["7", "30s", "never"] {
            assert_eq!(read(every).unwrap().to_string(), every);
        }
    }
}
