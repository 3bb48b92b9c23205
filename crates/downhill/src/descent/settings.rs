//! The settings of a descent between steps, and their schedules.

use super::error::StepError;
use super::group::GroupState;
use super::{Descent, DescentConfig, InvalidDescent};
use crate::hyperparameter::not_negative;
use crate::{InvalidHyperparameter, OptimizerConfig};

pub(super) const LEARNING_RATE: &str = "learning_rate";

impl Descent {
    /// Returns the learning rate of the next step, for parameters of no group.
    pub fn learning_rate(&self) -> f64 {
        self.rate_of(&self.groups[0])
    }

    /// Sets the learning rate from the next step on; 0 is allowed. A schedule of the rate starts
    /// from it. Groups with a rate of their own keep their ratio to it.
    ///
    /// Like every change between steps, it is saved with the state.
    ///
    /// ```
    /// use downhill::{DescentConfig, Parameters, SgdConfig};
    ///
    /// let mut descent = DescentConfig::new(SgdConfig::torch())
    ///     .with_setting(Parameters::RankAtMost(1), "learning_rate", 0.002)
    ///     .build()?;
    /// assert_eq!(descent.learning_rate(), 0.001);
    /// descent.set_learning_rate(0.5)?;
    /// assert_eq!(descent.learning_rate(), 0.5);
    /// assert_eq!(descent.get_in_group(0, "learning_rate"), Some(1.0));
    /// # Ok::<(), downhill::InvalidDescent>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the rate is negative or not finite; then nothing is changed.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<(), InvalidHyperparameter> {
        not_negative(LEARNING_RATE, rate)?;
        for group in &mut self.groups {
            group.rate = rate * group.rate_factor;
        }
        self.note(None, LEARNING_RATE, rate);
        Ok(())
    }

    /// Returns a setting of the next step, for parameters of no group: `learning_rate` or another
    /// number of the optimizer. `None` if the optimizer does not have it.
    pub fn get(&self, setting: &str) -> Option<f64> {
        self.scheduled(&self.groups[0], setting)
    }

    /// Sets a number of the optimizer from the next step on, for all parameters except those whose
    /// group has its own. A schedule of the setting starts from it. The learning rate is set as by
    /// [`set_learning_rate`](Self::set_learning_rate).
    ///
    /// # Errors
    ///
    /// If the setting is out of bounds or the optimizer does not have it; then nothing is changed.
    pub fn set(&mut self, setting: &str, value: f64) -> Result<(), InvalidDescent> {
        if setting == LEARNING_RATE {
            return Ok(self.set_learning_rate(value)?);
        }
        let mut config = self.config.clone();
        if !config.optimizer.set(setting, value) {
            return Err(unknown(&config.optimizer, setting));
        }
        self.rebuild(config)?;
        self.note(None, setting, value);
        Ok(())
    }

    /// Returns a setting of the next step, for the parameters of a group, counted from 0 in the
    /// order of the config. `None` if there is no such group or setting.
    pub fn get_in_group(&self, group: usize, setting: &str) -> Option<f64> {
        self.scheduled(self.groups.get(group.checked_add(1)?)?, setting)
    }

    /// Sets a number of a group's optimizer from the next step on. Groups are counted from 0 in the
    /// order of the config. A schedule of the setting starts from it.
    ///
    /// ```
    /// use downhill::{AdamConfig, DescentConfig, Parameters};
    ///
    /// let mut descent = DescentConfig::new(AdamConfig::torch())
    ///     .with_setting(Parameters::Like("head.*".into()), "beta_1", 0.8)
    ///     .build()?;
    /// descent.set_in_group(0, "beta_1", 0.7)?;
    /// assert_eq!(descent.get_in_group(0, "beta_1"), Some(0.7));
    /// assert_eq!(descent.get("beta_1"), Some(0.9));
    /// # Ok::<(), downhill::InvalidDescent>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the config does not have the group, or the setting is out of bounds, or the group's
    /// optimizer does not have it; then nothing is changed.
    pub fn set_in_group(
        &mut self,
        group: usize,
        setting: &str,
        value: f64,
    ) -> Result<(), InvalidDescent> {
        let groups = self.config.groups.len();
        if group >= groups {
            return Err(InvalidDescent::UnknownGroup { group, groups });
        }
        if setting == LEARNING_RATE {
            not_negative(LEARNING_RATE, value)?;
            let first = &self.groups[0];
            let base_rate = if first.rate > 0.0 {
                first.rate
            } else {
                first.base.learning_rate()
            };
            let state = &mut self.groups[group + 1];
            (state.rate, state.rate_factor) = (value, value / base_rate);
            self.note(Some(group), setting, value);
            return Ok(());
        }
        let mut config = self.config.clone();
        (config.groups[group].set).insert(setting.to_string(), value);
        self.rebuild(config)?;
        self.note(Some(group), setting, value);
        Ok(())
    }

    /// Notes a change, in the place of an earlier one of the same setting.
    fn note(&mut self, group: Option<usize>, setting: &str, value: f64) {
        let is_other = |one: &ChangedSetting| one.group != group || one.setting != setting;
        self.changed.retain(is_other);
        let setting = setting.to_string();
        let changed = ChangedSetting {
            group,
            setting,
            value,
        };
        self.changed.push(changed);
    }

    /// Makes a change that was saved. A config without the group or the setting has no use for it.
    pub(super) fn change_again(&mut self, changed: &ChangedSetting) {
        let ChangedSetting {
            group,
            setting,
            value,
        } = changed;
        let _ = match group {
            Some(group) => self.set_in_group(*group, setting, *value),
            None => self.set(setting, *value),
        };
    }

    /// Takes over a config that differs in settings alone. Rates stay as they were set.
    fn rebuild(&mut self, config: DescentConfig) -> Result<(), InvalidDescent> {
        let fresh = Self::new(config)?;
        let rates: Vec<_> = (self.groups.iter())
            .map(|group| (group.rate, group.rate_factor))
            .collect();
        self.config = fresh.config;
        self.groups = fresh.groups;
        for (group, rates) in self.groups.iter_mut().zip(rates) {
            (group.rate, group.rate_factor) = rates;
        }
        Ok(())
    }

    /// The learning rate of each group at the next step, with `rate` in place of that of the first
    /// group if it is given.
    pub(super) fn rates(&self, rate: Option<f64>) -> Vec<f64> {
        let rate_of = |group: &GroupState| match rate {
            Some(rate) => rate * group.rate_factor,
            None => self.rate_of(group),
        };
        self.groups.iter().map(rate_of).collect()
    }

    /// Builds the rules of the groups whose scheduled settings have changed since the last step.
    /// The learning rate is not among them: it is an argument of the step, and may be 0.
    pub(super) fn follow_schedules(&mut self, rate: Option<f64>) -> Result<(), StepError> {
        let step = self.steps + 1;
        let at_step = |error| StepError::OutOfBounds { step, error };
        for rate in self.rates(rate) {
            not_negative(LEARNING_RATE, rate).map_err(at_step)?;
        }
        let settings: Vec<&String> = (self.config.schedules.keys())
            .filter(|setting| *setting != LEARNING_RATE)
            .collect();
        if settings.is_empty() {
            return Ok(());
        }
        let mut changed = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let value = |setting: &&String| self.scheduled(group, setting);
            let values: Vec<Option<f64>> = settings.iter().map(value).collect();
            if values == group.scheduled {
                continue;
            }
            let mut now = group.base.clone();
            for (setting, value) in settings.iter().zip(&values) {
                if let Some(value) = value {
                    // A momentum that is 0 for now has a memory as well.
                    let is_momentum = setting.as_str() == "momentum";
                    let value = match *value {
                        0.0 if is_momentum => f64::MIN_POSITIVE,
                        value => value,
                    };
                    now.set(setting, value);
                }
            }
            changed.push((index, now.rule().map_err(at_step)?, values));
        }
        for (index, rule, values) in changed {
            self.groups[index].rule = rule;
            self.groups[index].scheduled = values;
        }
        Ok(())
    }

    fn rate_of(&self, group: &GroupState) -> f64 {
        self.at_next_step(LEARNING_RATE, group.rate)
    }

    /// Returns a setting of the next step, for a group counted from 1, or 0 for none.
    pub(super) fn scheduled_in(&self, group: usize, setting: &str) -> Option<f64> {
        self.scheduled(&self.groups[group], setting)
    }

    fn scheduled(&self, group: &GroupState, setting: &str) -> Option<f64> {
        let base = match setting {
            LEARNING_RATE => group.rate,
            _ => group.base.get(setting)?,
        };
        Some(self.at_next_step(setting, base))
    }

    fn at_next_step(&self, setting: &str, base: f64) -> f64 {
        match self.config.schedules.get(setting) {
            Some(schedule) => schedule.value(base, self.steps),
            None => base,
        }
    }
}

pub(super) fn unknown(optimizer: &OptimizerConfig, setting: &str) -> InvalidDescent {
    InvalidDescent::UnknownSetting {
        optimizer: optimizer.name(),
        setting: setting.to_string(),
    }
}

/// A setting that was changed between steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChangedSetting {
    /// The group in the order of the config; `None` for all parameters.
    group: Option<usize>,
    setting: String,
    value: f64,
}

impl ChangedSetting {
    /// Returns it as text, exact to the bit.
    pub(super) fn to_line(&self) -> String {
        let group = self.group.map_or(-1, |group| group as i64);
        format!("{group} {} {}", self.setting, self.value)
    }

    pub(super) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let group: i64 = words.next()?.parse().ok()?;
        Some(Self {
            group: usize::try_from(group).ok(),
            setting: words.next()?.to_string(),
            value: words.next()?.parse().ok()?,
        })
    }
}
