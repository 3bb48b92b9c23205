//! What a `ModuleOptimizer` saves and loads of a descent.

use super::loss_scale::Scale;
use super::settings::ChangedSetting;
use super::state::ParameterState;
use super::{Descent, Slot};

/// The counts of steps, of calls since the last step, of calls skipped, of calls since the loss
/// scale changed, and the bits of this scale. The last two are 0 without one.
pub(crate) type Counts = [u64; 5];

impl Descent {
    /// Whether the config has a schedule for the learning rate.
    pub(crate) fn schedules_its_rate(&self) -> bool {
        self.config.schedules.contains_key("learning_rate")
    }

    /// The [`Counts`].
    pub(crate) fn counts(&self) -> Counts {
        let Scale { scale, calls } = self.scale;
        let scale = self.config.loss_scale.map_or(0, |_| scale.to_bits());
        [self.steps, self.accumulated, self.skipped, calls, scale]
    }

    /// Returns the state of the parameter at a path.
    pub(crate) fn state_of(&self, path: &str) -> ParameterState {
        let new = || ParameterState::new(0, self.config.weights.len());
        self.state.get(path).cloned().unwrap_or_else(new)
    }

    /// What gives the state of the parameter at a path its meaning.
    pub(crate) fn form_of_state(&self, path: &str) -> String {
        self.form_with_averages(self.state_of(path).group)
    }

    /// What gives a state of this parameter its meaning here.
    pub(crate) fn form_here(&self, slot: &Slot) -> String {
        self.form_with_averages(self.group_of(slot))
    }

    fn form_with_averages(&self, group: usize) -> String {
        match self.config.weights.is_empty() {
            true => self.form(group),
            false => format!("{} averages={}", self.form(group), self.weight_names()),
        }
    }

    /// The settings that were changed between steps, as text.
    pub(crate) fn changed_settings(&self) -> Vec<String> {
        self.changed.iter().map(ChangedSetting::to_line).collect()
    }

    /// Makes a change of [`changed_settings`](Self::changed_settings).
    pub(crate) fn change_setting_again(&mut self, line: &str) {
        if let Some(changed) = ChangedSetting::from_line(line) {
            self.change_again(&changed);
        }
    }

    /// Sets the state of the parameter at a path.
    pub(crate) fn adopt(&mut self, path: &str, state: ParameterState) {
        self.is_unchecked = true;
        self.state.insert(path, state);
    }

    /// Sets the [`counts`](Self::counts).
    pub(crate) fn count_from(&mut self, counts: Counts) {
        [self.steps, self.accumulated, self.skipped, ..] = counts;
        self.scale = self.scale_of(counts);
    }

    /// Returns the scale of the loss that goes on from these counts.
    pub(crate) fn scale_of(&self, counts: Counts) -> Scale {
        let [.., calls, scale] = counts;
        match (&self.config.loss_scale, scale) {
            (config, 0) => Scale::first(config.as_ref()),
            (None, _) => Scale::first(None),
            (Some(_), bits) => Scale {
                scale: f64::from_bits(bits),
                calls,
            },
        }
    }
}
