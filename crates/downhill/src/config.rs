//! One config for all optimizers.

use alloc::sync::Arc;

use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::optimizers::*;
use crate::rule::DynRule;
use crate::settings::Settings;
use crate::{InvalidHyperparameter, Preset, UnknownPreset};

/// What makes the enum of a config; Adam's becomes `adam` whatever its decay.
macro_rules! from_config {
    (AdamW($config:ty)) => {};
    ($variant:ident($config:ty)) => {
        impl From<$config> for OptimizerConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        }
    };
}

/// The paper of a config, or the one that is named beside it.
macro_rules! source_of {
    ($config:ty) => {
        <$config as Settings>::SOURCE
    };
    ($config:ty, $source:literal) => {
        $source
    };
}

/// The enum of all configs, and what each of them can do.
macro_rules! configs {
    ($(
        $(#[$attribute:meta])*
        $variant:ident($config:ty) = $name:literal $(from $source:literal)? by $preset:path,
    )+) => {
        /// Any of the optimizers with its settings, as TOML or JSON can say it: the optimizer's
        /// name, and of its settings a preset and whatever differs from it. Without a preset it is
        /// the first of those in the optimizer's documentation.
        ///
        /// ```
        /// use downhill::OptimizerConfig;
        ///
        /// let text = "adam = { preset = 'keras', learning_rate = 0.01 }";
        /// let config: OptimizerConfig = toml::from_str(text).unwrap();
        /// assert_eq!(config.name(), "adam");
        /// assert_eq!(config.learning_rate(), 0.01);
        /// assert!(config.init().is_ok());
        ///
        /// let config: OptimizerConfig = toml::from_str("sgd = { learning_rate = -1 }").unwrap();
        /// let error = config.init().err().unwrap();
        /// assert_eq!(error.to_string(), "learning_rate must be finite and greater than 0, got -1");
        /// ```
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum OptimizerConfig {
            $(
                #[doc = concat!("`", $name, "`")]
                $(#[$attribute])*
                $variant($config),
            )+
        }

        $(from_config!($variant($config));)+

        impl OptimizerConfig {
            /// One of each kind, with its defaults.
            pub fn all() -> alloc::vec::Vec<Self> {
                let default = "the first preset is one of its own";
                alloc::vec![$({
                    let first = <$config as Settings>::PRESETS[0];
                    Self::$variant($preset(first).expect(default))
                },)+]
            }

            /// The settings of a library for the optimizer of this name.
            ///
            /// # Errors
            ///
            /// Names the libraries that have the optimizer where this one has not. `None` where
            /// there is no optimizer of this name.
            pub fn preset(name: &str, preset: Preset) -> Option<Result<Self, UnknownPreset>> {
                match name {
                    $($name => Some($preset(preset).map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// The key of the optimizer in a config file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// The paper that the optimizer comes from, in short: authors, year, and its number at
            /// arXiv or its title. Empty where the optimizer's documentation names none.
            ///
            /// ```
            /// let configs = downhill::OptimizerConfig::all();
            /// let lion = configs.iter().find(|config| config.name() == "lion").unwrap();
            /// assert_eq!(lion.source(), "Chen et al. 2023, arXiv:2302.06675");
            /// ```
            pub fn source(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => source_of!($config $(, $source)?),)+
                }
            }

            /// The learning rate to hand to each step.
            pub fn learning_rate(&self) -> f64 {
                match self {
                    $(Self::$variant(config) => Settings::learning_rate(config),)+
                }
            }

            /// A numeric setting of this name; of a weight decay, its lambda.
            pub fn get(&self, setting: &str) -> Option<f64> {
                match self {
                    $(Self::$variant(config) => Settings::get(config, setting),)+
                }
            }

            /// Gives a numeric setting another value. `false` where the optimizer has none of this
            /// name. The rate and decay of Muon's `others` go with those of matrices.
            pub fn set(&mut self, setting: &str, value: f64) -> bool {
                let old = self.get(setting);
                let is_set = match self {
                    $(Self::$variant(config) => Settings::set(config, setting, value),)+
                };
                if let (Self::Muon(config), Some(old)) = (self, old)
                    && is_set
                {
                    config.set_others(setting, old, value);
                }
                is_set
            }

            /// The optimizer for all parameters of a module.
            ///
            /// # Errors
            ///
            /// Names the field that is out of bounds.
            pub fn init(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
                match self {
                    $(Self::$variant(config) => Settings::optimizer(config),)+
                }
            }

            pub(crate) fn rule(&self) -> Result<Arc<dyn DynRule>, InvalidHyperparameter> {
                match self {
                    $(Self::$variant(config) => Settings::rule(config),)+
                }
            }
        }
    };
}

configs! {
    Sgd(SgdConfig) = "sgd" by SgdConfig::preset,
    Momentum(MomentumConfig) = "momentum" by MomentumConfig::preset,
    Nesterov(NesterovConfig) = "nesterov" by NesterovConfig::preset,
    AdaGrad(AdaGradConfig) = "adagrad" by AdaGradConfig::preset,
    RmsProp(RmsPropConfig) = "rmsprop" by RmsPropConfig::preset,
    AdaDelta(AdaDeltaConfig) = "adadelta" by AdaDeltaConfig::preset,
    Adam(AdamConfig) = "adam" by AdamConfig::preset,
    /// Adam, whose weight decay is decoupled unless it is said otherwise.
    #[serde(deserialize_with = "adamw")]
    AdamW(AdamConfig) = "adamw" from "Loshchilov and Hutter 2017, arXiv:1711.05101"
        by AdamConfig::adamw,
    Adamax(AdamaxConfig) = "adamax" by AdamaxConfig::preset,
    NAdam(NAdamConfig) = "nadam" by NAdamConfig::preset,
    RAdam(RAdamConfig) = "radam" by RAdamConfig::preset,
    AdaBelief(AdaBeliefConfig) = "adabelief" by AdaBeliefConfig::preset,
    Yogi(YogiConfig) = "yogi" by YogiConfig::preset,
    Adan(AdanConfig) = "adan" by AdanConfig::preset,
    Adopt(AdoptConfig) = "adopt" by AdoptConfig::preset,
    AdEmaMix(AdEmaMixConfig) = "ademamix" by AdEmaMixConfig::preset,
    Lion(LionConfig) = "lion" by LionConfig::preset,
    SignSgd(SignSgdConfig) = "signsgd" by SignSgdConfig::preset,
    Rprop(RpropConfig) = "rprop" by RpropConfig::preset,
    Asgd(AsgdConfig) = "asgd" by AsgdConfig::preset,
    Ftrl(FtrlConfig) = "ftrl" by FtrlConfig::preset,
    Madgrad(MadgradConfig) = "madgrad" by MadgradConfig::preset,
    ScheduleFree(ScheduleFreeConfig) = "schedulefree" by ScheduleFreeConfig::preset,
    NovoGrad(NovoGradConfig) = "novograd" by NovoGradConfig::preset,
    Lars(LarsConfig) = "lars" by LarsConfig::preset,
    Lamb(LambConfig) = "lamb" by LambConfig::preset,
    Sm3(Sm3Config) = "sm3" by Sm3Config::preset,
    Adafactor(AdafactorConfig) = "adafactor" by AdafactorConfig::preset,
    Muon(MuonConfig) = "muon" by MuonConfig::preset,
    Dog(DogConfig) = "dog" by DogConfig::preset,
    Dowg(DowgConfig) = "dowg" by DowgConfig::preset,
    DAdaptAdam(DAdaptAdamConfig) = "dadaptadam" by DAdaptAdamConfig::preset,
    Prodigy(ProdigyConfig) = "prodigy" by ProdigyConfig::preset,
    Cocob(CocobConfig) = "cocob" by CocobConfig::preset,
}

fn adamw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AdamConfig, D::Error> {
    let written = AdamWritten::deserialize(deserializer)?;
    written
        .over(AdamConfig::adamw)
        .map_err(serde::de::Error::custom)
}
