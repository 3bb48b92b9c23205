//! The settings of a network.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Activation, BatchNormConvention, DropoutConfig, Initialization};

/// The settings of an [`Mlp`](crate::Mlp); its inputs and outputs follow from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Units of each hidden layer, from the input on; none makes it a softmax regression.
    pub hidden: Vec<usize>,
    /// The function applied to each hidden unit.
    pub activation: Activation,
    /// Standard deviation of the weights before the first update.
    pub initialization: Initialization,
    /// Normalization of each hidden layer, before its activation.
    pub batch_norm: BatchNormConvention,
    /// Dropout of each hidden layer, after its activation.
    pub dropout: DropoutConfig,
    /// The lambda of the penalty `lambda / 2 * sum(w^2)` that is added to the loss: over the
    /// weights of all layers, not over biases nor batch normalization. At least 0.
    pub weight_decay: f64,
}

impl Default for MlpConfig {
    /// One hidden layer of 50 ReLU units, He initialization, no regularization.
    fn default() -> Self {
        Self {
            hidden: vec![50],
            activation: Activation::Relu,
            initialization: Initialization::He,
            batch_norm: BatchNormConvention::None,
            dropout: DropoutConfig::default(),
            weight_decay: 0.0,
        }
    }
}

impl MlpConfig {
    /// Whether every setting is within its bounds.
    ///
    /// # Errors
    ///
    /// Names the setting, its bound and its value.
    pub fn check(&self) -> Result<(), InvalidModel> {
        if self.hidden.contains(&0) {
            return Err(InvalidModel::new("hidden", "hold widths of at least 1", &0));
        }
        if let Initialization::Std(std) = self.initialization
            && !(std.is_finite() && std >= 0.0)
        {
            let must = "be finite and at least 0";
            return Err(InvalidModel::new("initialization.std", must, &std));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            let must = "be finite and at least 0";
            return Err(InvalidModel::new("weight_decay", must, &self.weight_decay));
        }
        self.dropout.check()
    }
}

/// A setting of a network that is out of its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{key} must {must}, got {value}")]
pub struct InvalidModel {
    key: &'static str,
    must: &'static str,
    value: String,
}

impl InvalidModel {
    pub(crate) fn new(key: &'static str, must: &'static str, value: &impl ToString) -> Self {
        Self {
            key,
            must,
            value: value.to_string(),
        }
    }

    /// The setting, in its place within [`MlpConfig`].
    pub fn key(&self) -> &'static str {
        self.key
    }
}
