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
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(
            feature = "schema",
            schemars(transform = $crate::custom::add_to_schema)
        )]
        #[non_exhaustive]
        pub enum OptimizerConfig {
            $(
                #[doc = concat!("`", $name, "`")]
                #[cfg_attr(feature = "schema", schemars(rename = $name))]
                $variant($config),
            )+
            /// An optimizer of your own or of another crate; see [`custom`](crate::custom).
            #[cfg_attr(feature = "schema", schemars(skip))]
            Custom($crate::custom::CustomSettings),
        }

        /// How the optimizers of this crate are written in a file.
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(remote = "OptimizerConfig")]
        #[allow(dead_code, reason = "it is there for its derived functions")]
        enum Written {
            $(
                #[serde(rename = $name $(, alias = $old_name)?)]
                $variant($config),
            )+
            #[serde(skip)]
            Custom($crate::custom::CustomSettings),
        }

        impl serde::Serialize for OptimizerConfig {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::Custom(settings) => serde::Serialize::serialize(settings, serializer),
                    built_in => Written::serialize(built_in, serializer),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for OptimizerConfig {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::custom::read_extended(deserializer)
            }
        }

        impl $crate::custom::Extensible for OptimizerConfig {
            fn built_in<'de, D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                Written::deserialize(deserializer)
            }

            fn custom(settings: $crate::custom::CustomSettings) -> Self {
                Self::Custom(settings)
            }
        }

        impl<C: $crate::custom::CustomConfig> From<C> for OptimizerConfig {
            fn from(config: C) -> Self {
                Self::Custom($crate::custom::CustomSettings::new(config))
            }
        }

        $(impl From<$config> for OptimizerConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        })+

        impl OptimizerConfig {
            /// An optimizer of your own or of another crate, such as any of Burn's, whose settings
            /// are not known. Of its settings only the learning rate can be scheduled, and the
            /// config cannot be written to a file; for both, implement
            /// [`CustomConfig`](crate::custom::CustomConfig).
            pub fn custom(
                optimizer: impl Into<$crate::custom::CustomOptimizer>,
                learning_rate: f64,
            ) -> Self {
                let settings = $crate::custom::CustomSettings::bare(optimizer.into(), learning_rate);
                Self::Custom(settings)
            }

            /// Returns each optimizer with its defaults. `formula` and custom optimizers are not
            /// among them, for they have none.
            pub fn all() -> alloc::vec::Vec<Self> {
                let all = [
                    $(<$config as $crate::settings::Settings>::defaults().map(Self::$variant),)+
                ];
                all.into_iter().flatten().collect()
            }

            /// Makes a custom optimizer known by its name to all config files that this program
            /// reads, and to their JSON schema. Call it before the first config is read. A second
            /// time changes nothing.
            ///
            /// # Errors
            ///
            /// If the name is not made of lower-case letters, digits and hyphens, or is that of
            /// another optimizer.
            pub fn register<C: $crate::custom::CustomConfig>()
            -> Result<(), $crate::custom::RegisterError> {
                let is_built_in = Self::preset(C::NAME, $crate::Preset::Torch).is_some();
                $crate::custom::register::<C>(is_built_in)
            }

            /// Returns the names of the registered optimizers, in the order of their registration.
            pub fn registered() -> alloc::vec::Vec<&'static str> {
                $crate::custom::registered()
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
                    Self::Custom(settings) => settings.name(),
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
                    Self::Custom(_) => "",
                }
            }

            /// Returns the renamed settings of this optimizer: pairs of the old name and the
            /// current one.
            pub fn renamed_settings(&self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$variant(_) => <$config as $crate::settings::Settings>::RENAMED,)+
                    Self::Custom(_) => &[],
                }
            }

            /// Returns the learning rate, which is an argument of each step.
            pub fn learning_rate(&self) -> f64 {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::learning_rate(config)
                    })+
                    Self::Custom(settings) => settings.learning_rate(),
                }
            }

            /// Returns the numeric setting of this name, or `None` if there is none. The number of
            /// a weight decay is its lambda.
            pub fn get(&self, setting: &str) -> Option<f64> {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::get(config, setting)
                    })+
                    Self::Custom(settings) => settings.get(setting),
                }
            }

            /// Sets the numeric setting of this name. Returns `false` if there is none. The rate
            /// and decay of Muon's `others` keep their ratio to those of matrices.
            pub fn set(&mut self, setting: &str, value: f64) -> bool {
                match self {
                    $(Self::$variant(config) => {
                        $crate::settings::Settings::set(config, setting, value)
                    })+
                    Self::Custom(settings) => settings.set(setting, value),
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
                    Self::Custom(settings) => settings.optimizer(),
                }
            }

            pub(crate) fn form(&self) -> alloc::string::String {
                match self {
                    $(Self::$variant(config) => $crate::settings::Settings::form(config),)+
                    Self::Custom(settings) => settings.form(),
                }
            }

            pub(crate) fn rule(
                &self,
            ) -> Result<alloc::sync::Arc<dyn $crate::rule::Rule>, $crate::InvalidHyperparameter>
            {
                match self {
                    $(Self::$variant(config) => $crate::settings::Settings::rule(config),)+
                    Self::Custom(settings) => settings.rule(),
                }
            }
        }
    };
}

pub(crate) use optimizers;
