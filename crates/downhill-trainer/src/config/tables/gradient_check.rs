//! `[gradient-check]`: backpropagation compared with numerical gradients.

use serde::Deserialize;

use crate::config::layers::Layers;
use crate::error::TrainError;

/// `[gradient-check]` of a config file.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GradientCheckConfig {
    /// The largest absolute difference allowed.
    pub limit: f64,
}

impl GradientCheckConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let Some(check) = experiment.read::<Self>("gradient-check")? else {
            return Ok(None);
        };
        if !(check.limit > 0.0 && check.limit.is_finite()) {
            let message = format!(
                "gradient-check.limit must be finite and greater than 0, got {}",
                check.limit
            );
            return Err(experiment.blame("gradient-check.limit", &message));
        }
        Ok(Some(check))
    }
}
