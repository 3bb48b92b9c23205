//! One config for all optimizers.

use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

use crate::{
    AdaDeltaConfig, AdaGradConfig, AdamConfig, InvalidHyperparameter, MomentumConfig,
    NesterovConfig, RmsPropConfig, SgdConfig,
};

/// Any of the optimizers with its settings, as TOML or JSON can say it.
///
/// ```
/// use downhill::OptimizerConfig;
///
/// let config: OptimizerConfig = toml::from_str("adam = { learning_rate = 0.01 }").unwrap();
/// assert_eq!(config.name(), "adam");
/// assert_eq!(config.learning_rate(), 0.01);
/// assert!(config.init().is_ok());
///
/// let config: OptimizerConfig = toml::from_str("sgd = { learning_rate = -1 }").unwrap();
/// let error = config.init().err().unwrap();
/// assert_eq!(error.to_string(), "learning_rate must be finite and greater than 0, got -1");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// [`Sgd`](crate::Sgd)
    Sgd(SgdConfig),
    /// [`Momentum`](crate::Momentum)
    Momentum(MomentumConfig),
    /// [`Nesterov`](crate::Nesterov)
    Nesterov(NesterovConfig),
    /// [`AdaGrad`](crate::AdaGrad)
    AdaGrad(AdaGradConfig),
    /// [`RmsProp`](crate::RmsProp)
    RmsProp(RmsPropConfig),
    /// [`AdaDelta`](crate::AdaDelta)
    AdaDelta(AdaDeltaConfig),
    /// [`Adam`](crate::Adam)
    Adam(AdamConfig),
}

impl OptimizerConfig {
    /// The key of the optimizer in a config file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd(_) => "sgd",
            Self::Momentum(_) => "momentum",
            Self::Nesterov(_) => "nesterov",
            Self::AdaGrad(_) => "adagrad",
            Self::RmsProp(_) => "rmsprop",
            Self::AdaDelta(_) => "adadelta",
            Self::Adam(_) => "adam",
        }
    }

    /// The learning rate to hand to each step.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(config) => config.learning_rate,
            Self::Momentum(config) => config.learning_rate,
            Self::Nesterov(config) => config.learning_rate,
            Self::AdaGrad(config) => config.learning_rate,
            Self::RmsProp(config) => config.learning_rate,
            Self::AdaDelta(config) => config.learning_rate,
            Self::Adam(config) => config.learning_rate,
        }
    }

    /// The optimizer for all parameters of a module.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn init(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
        match self {
            Self::Sgd(config) => config.init(),
            Self::Momentum(config) => config.init(),
            Self::Nesterov(config) => config.init(),
            Self::AdaGrad(config) => config.init(),
            Self::RmsProp(config) => config.init(),
            Self::AdaDelta(config) => config.init(),
            Self::Adam(config) => config.init(),
        }
    }
}
