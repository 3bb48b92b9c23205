//! A group of parameters at the time of a step.

use alloc::sync::Arc;

use crate::rule::Rule;
use crate::{InvalidHyperparameter, OptimizerConfig};

/// A group with the rule that steps it. The first one holds the parameters of no group.
#[derive(Clone)]
pub(super) struct GroupState {
    /// Its optimizer, before schedules.
    pub(super) base: OptimizerConfig,
    pub(super) frozen: bool,
    /// Its learning rate, before schedules.
    pub(super) rate: f64,
    /// Its learning rate relative to that of the first group.
    pub(super) rate_factor: f64,
    /// The values of the scheduled settings that the rule was built with; empty before the first.
    pub(super) scheduled: Vec<Option<f64>>,
    pub(super) rule: Arc<dyn Rule>,
}

impl GroupState {
    /// A group whose rate is relative to `base_rate`.
    pub(super) fn new(
        base: OptimizerConfig,
        frozen: bool,
        base_rate: f64,
    ) -> Result<Self, InvalidHyperparameter> {
        let rate = base.learning_rate();
        Ok(Self {
            frozen,
            rate,
            rate_factor: rate / base_rate,
            scheduled: Vec::new(),
            rule: base.rule()?,
            base,
        })
    }
}
