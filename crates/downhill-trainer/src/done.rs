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
    /// The exit code: 0 finished, 4 diverged, 130 interrupted.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Diverged { .. } => 4,
            Self::Interrupted => 130,
        }
    }
}
