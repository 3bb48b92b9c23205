//! What a `Learner`'s optimizer carries of a descent.

use super::{Descent, Kept};

impl Descent {
    /// Whether the learning rate is its own matter.
    pub(crate) fn schedules_its_rate(&self) -> bool {
        self.config.schedules.contains_key("learning_rate")
    }

    /// Steps, calls since the last step, calls skipped.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [self.steps, self.accumulated, self.skipped]
    }

    /// What is remembered of the parameter at a path.
    pub(crate) fn kept(&self, path: &str) -> Kept {
        let nothing = || Kept::new(0, self.config.weights.len());
        self.kept.get(path).cloned().unwrap_or_else(nothing)
    }

    /// Takes over what another descent remembered of a parameter.
    pub(crate) fn adopt(&mut self, path: &str, kept: Kept) {
        self.kept.insert(path, kept);
    }

    /// Goes on from another descent's steps, calls since the last step, calls skipped.
    pub(crate) fn count_from(&mut self, counts: [u64; 3]) {
        [self.steps, self.accumulated, self.skipped] = counts;
    }
}
