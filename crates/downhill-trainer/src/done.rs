//! How a command ended if it did not fail.

/// How a command ended if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All runs are finished, or only the plan was requested.
    Finished,
    /// All runs ended, but some diverged: their loss was not finite.
    Diverged {
        /// The number of diverged runs.
        runs: usize,
    },
    /// The user stopped it.
    Interrupted,
}

impl Done {
    /// All runs ended, and this many diverged, which may be expected.
    pub(crate) fn with_diverged(runs: usize, may_diverge: bool) -> Self {
        match runs {
            0 => Self::Finished,
            _ if may_diverge => Self::Finished,
            runs => Self::Diverged { runs },
        }
    }

    /// The exit code: 0 finished, 4 diverged, 130 interrupted.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Diverged { .. } => 4,
            Self::Interrupted => 130,
        }
    }
}
