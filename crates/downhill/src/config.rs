//! One config for all optimizers.

/// Exports each optimizer and makes the enum of all configs.
macro_rules! optimizers {
    ($(
        $file:ident: $variant:ident($config:ident) $(with $($choice:ident),+)?
            = $name:literal $(or $old_name:literal)?,
    )+) => {
        $(pub use $file::{$variant, $config $($(, $choice)+)?};)+

        /// The settings of any optimizer.
        ///
        /// In TOML or JSON it is the name of the optimizer with a preset and the settings that
        /// differ from it. The default preset is the first in the optimizer's row of
        /// `OPTIMIZERS.md`.
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
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum OptimizerConfig {
            $(
                #[doc = concat!("`", $name, "`")]
                #[serde(rename = $name $(, alias = $old_name)?)]
                $variant($config),
            )+
        }

        $(impl From<$config> for OptimizerConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        })+

        impl OptimizerConfig {
            /// Returns each optimizer with its defaults. `formula` is not among them, for it has
            /// none.
            pub fn all() -> alloc::vec::Vec<Self> {
                let all = [
                    $(<$config as $crate::settings::Settings>::defaults().map(Self::$variant),)+
                ];
                all.into_iter().flatten().collect()
            }

            /// Returns the settings of a library for the optimizer of this name, or `None` if there
            /// is no such optimizer.
            ///
            /// # Errors
            ///
            /// If the library does not have the optimizer; the error names those that do.
            pub fn preset(
                name: &str,
                preset: $crate::Preset,
            ) -> Option<Result<Self, $crate::UnknownPreset>> {
                match name {
                    $($name $(| $old_name)? => Some($config::preset(preset).map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// Returns the current name of a renamed optimizer, or `None` if no optimizer had this
            /// name.
            ///
            /// ```
            /// use downhill::OptimizerConfig;
            ///
            /// assert_eq!(OptimizerConfig::renamed("signsgd"), Some("sign-sgd"));
            /// assert_eq!(OptimizerConfig::renamed("sign-sgd"), None);
            /// ```
            pub fn renamed(old: &str) -> Option<&'static str> {
                match old {
                    $($($old_name => Some($name),)?)+
                    _ => None,
                }
            }

            /// Returns the name of the optimizer, which is its key in a config file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$config as $crate::settings::Settings>::NAME,)+
                }
            }

            /// Returns the paper that the optimizer comes from: authors, year, and its number at
            /// arXiv or its title. Empty if the optimizer's documentation cites none.
            ///
            /// ```
            /// let configs = downhill::OptimizerConfig::all();
            /// let lion = configs.iter().find(|config| config.name() == "lion").unwrap();
            /// assert_eq!(lion.source(), "Chen et al. 2023, arXiv:2302.06675");
            /// ```
            pub fn source(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$config as $crate::settings::Settings>::SOURCE,)+
                }
            }

            /// Returns the renamed settings of this optimizer: pairs of the old name and the
            /// current one.
            pub fn renamed_settings(&self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$variant(_) => <$config as $crate::settings::Settings>::RENAMED,)+
                }
            }

            /// Returns the learning rate, which is an argument of each step.
            pub fn learning_rate(&self) -> f64 {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::learning_rate(config)
                    })+
                }
            }

            /// Returns the numeric setting of this name, or `None` if there is none. The number of
            /// a weight decay is its lambda.
            pub fn get(&self, setting: &str) -> Option<f64> {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::get(config, setting)
                    })+
                }
            }

            /// Sets the numeric setting of this name. Returns `false` if there is none. The rate
            /// and decay of Muon's `others` keep their ratio to those of matrices.
            pub fn set(&mut self, setting: &str, value: f64) -> bool {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::set(config, setting, value)
                    })+
                }
            }

            /// Returns the optimizer for all parameters of a module.
            ///
            /// # Errors
            ///
            /// If a setting is out of bounds; the error names it.
            pub fn init(
                &self,
            ) -> Result<burn::optim::ModuleOptimizer, $crate::InvalidHyperparameter> {
                match self {
                    $(Self::$variant(config) => $crate::settings::Settings::optimizer(config),)+
                }
            }

            pub(crate) fn form(&self) -> alloc::string::String {
                match self {
                    $(Self::$variant(config) => $crate::settings::Settings::form(config),)+
                }
            }

            pub(crate) fn rule(
                &self,
            ) -> Result<alloc::sync::Arc<dyn $crate::rule::Rule>, $crate::InvalidHyperparameter>
            {
                match self {
                    $(Self::$variant(config) => $crate::settings::Settings::rule(config),)+
                }
            }
        }
    };
}

pub(crate) use optimizers;
