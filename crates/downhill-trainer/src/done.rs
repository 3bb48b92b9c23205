//! How a command ended that did not fail.

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All runs are finished, or only the plan was asked for.
    Finished,
    /// All runs are finished; in some the loss stopped being finite.
    Diverged {
        /// How many.
        runs: usize,
    },
    /// The user stopped it.
    Interrupted,
}

impl Done {
    /// The process's exit code: 0 finished, 4 diverged, 130 interrupted.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Diverged { .. } => 4,
            Self::Interrupted => 130,
        }
    }
}
