//! `[target]`: an accuracy for the runs to reach.

use downhill_report::TargetImages;
use serde::Deserialize;

use crate::config::layers::Layers;
use crate::error::TrainError;

/// `[target]` of a config file.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// The accuracy, from 0 to 1.
    pub accuracy: f64,
    /// The images it is measured on: `test`, `validation` or `validation_and_test`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub on: TargetImages,
}

impl TargetConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let Some(target) = experiment.read::<Self>("target")? else {
            return Ok(None);
        };
        if !(target.accuracy > 0.0 && target.accuracy <= 1.0) {
            let message = format!(
                "target.accuracy must be greater than 0 and at most 1, got {}",
                target.accuracy
            );
            return Err(experiment.blame("target.accuracy", &message));
        }
        Ok(Some(target))
    }
}
