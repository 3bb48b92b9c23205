//! What all configs have in common.

use alloc::sync::Arc;

use burn::optim::ModuleOptimizer;

use crate::rule::DynRule;
use crate::{InvalidHyperparameter, Preset, UnknownPreset, WeightDecay};

/// The settings of one optimizer. [`settings!`] implements it.
pub(crate) trait Settings: Sized {
    /// The libraries that have the optimizer; the first gives the defaults.
    const PRESETS: &'static [Preset];
    /// The paper that the optimizer's documentation names, empty where it names none.
    const SOURCE: &'static str;

    fn preset(preset: Preset) -> Result<Self, UnknownPreset>;

    fn learning_rate(&self) -> f64;

    /// A numeric setting, if there is one of this name.
    fn get(&self, name: &str) -> Option<f64>;

    /// Gives a numeric setting another value, unless there is none of this name.
    fn set(&mut self, name: &str, value: f64) -> bool;

    fn rule(&self) -> Result<Arc<dyn DynRule>, InvalidHyperparameter>;

    fn optimizer(&self) -> Result<ModuleOptimizer, InvalidHyperparameter>;
}

/// A field of a config, as [`Settings::set`] sees it.
pub(crate) trait Setting {
    /// The number, if it is one.
    fn get(&self) -> Option<f64> {
        None
    }

    /// Whether it is one that a number can be given to.
    fn set(&mut self, _value: f64) -> bool {
        false
    }
}

impl Setting for f64 {
    fn get(&self) -> Option<f64> {
        Some(*self)
    }

    fn set(&mut self, value: f64) -> bool {
        *self = value;
        true
    }
}

impl Setting for WeightDecay {
    fn get(&self) -> Option<f64> {
        Some(self.lambda())
    }

    fn set(&mut self, value: f64) -> bool {
        *self = self.with_lambda(value);
        *self != Self::None || value == 0.0
    }
}

/// A config with its presets, read from a file as a preset and what is written over it.
///
/// The libraries are constructors of the config, by these names; the first is its default. The
/// source is the paper in short, as the optimizer's documentation has it.
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $config:ident for $rule:ident, $name:literal {
            $($(#[$field_about:meta])* pub $field:ident: $type:ty,)+
        }
        presets: $first:ident $(, $more:ident)*
        source: $source:literal
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "Written")]
        pub struct $config {
            $($(#[$field_about])* pub $field: $type,)+
        }

        /// The config as a file has it: what is absent is the preset's.
        #[derive(serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(inline))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Written {
            /// The library whose settings fill in those that are absent.
            preset: Option<$crate::Preset>,
            $($(#[$field_about])* $field: Option<$type>,)+
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $config {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> alloc::borrow::Cow<'static, str> {
                stringify!($config).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Written as schemars::JsonSchema>::json_schema(generator)
            }
        }

        impl Written {
            pub(crate) fn over(
                self,
                preset: impl FnOnce($crate::Preset) -> Result<$config, $crate::UnknownPreset>,
            ) -> Result<$config, $crate::UnknownPreset> {
                let first = $crate::settings::preset!($first);
                let preset = preset(self.preset.unwrap_or(first))?;
                Ok($config {
                    $($field: self.$field.unwrap_or(preset.$field),)+
                })
            }
        }

        impl TryFrom<Written> for $config {
            type Error = $crate::UnknownPreset;

            fn try_from(written: Written) -> Result<Self, $crate::UnknownPreset> {
                written.over(Self::preset)
            }
        }

        impl $config {
            /// The settings of a library.
            ///
            /// # Errors
            ///
            /// Names the libraries that have the optimizer where this one has not.
            pub fn preset(preset: $crate::Preset) -> Result<Self, $crate::UnknownPreset> {
                <Self as $crate::settings::Settings>::preset(preset)
            }

            /// The rule for all parameters of a module.
            ///
            /// # Errors
            ///
            /// Names the field that is out of bounds.
            pub fn init(
                &self,
            ) -> Result<burn::optim::ModuleOptimizer, $crate::InvalidHyperparameter> {
                self.build().map(burn::optim::ModuleOptimizer::from)
            }
        }

        impl Default for $config {
            fn default() -> Self {
                Self::$first()
            }
        }

        impl $crate::settings::Settings for $config {
            const PRESETS: &'static [$crate::Preset] = &[
                $crate::settings::preset!($first),
                $($crate::settings::preset!($more),)*
            ];
            const SOURCE: &'static str = $source;

            fn preset(preset: $crate::Preset) -> Result<Self, $crate::UnknownPreset> {
                if preset == $crate::settings::preset!($first) {
                    return Ok(Self::$first());
                }
                $(if preset == $crate::settings::preset!($more) {
                    return Ok(Self::$more());
                })*
                Err($crate::UnknownPreset {
                    optimizer: $name,
                    preset,
                    presets: Self::PRESETS,
                })
            }

            fn learning_rate(&self) -> f64 {
                self.learning_rate
            }

            fn get(&self, name: &str) -> Option<f64> {
                match name {
                    $(stringify!($field) => $crate::settings::Setting::get(&self.$field),)+
                    _ => None,
                }
            }

            fn set(&mut self, name: &str, value: f64) -> bool {
                match name {
                    $(stringify!($field) => {
                        $crate::settings::Setting::set(&mut self.$field, value)
                    })+
                    _ => false,
                }
            }

            fn rule(
                &self,
            ) -> Result<
                alloc::sync::Arc<dyn $crate::rule::DynRule>,
                $crate::InvalidHyperparameter,
            > {
                Ok(alloc::sync::Arc::new(self.build()?))
            }

            fn optimizer(
                &self,
            ) -> Result<burn::optim::ModuleOptimizer, $crate::InvalidHyperparameter> {
                self.init()
            }
        }
    };
}

/// The preset of a constructor's name.
macro_rules! preset {
    (book) => {
        $crate::Preset::Book
    };
    (theano) => {
        $crate::Preset::Theano
    };
    (torch) => {
        $crate::Preset::Torch
    };
    (keras) => {
        $crate::Preset::Keras
    };
    (optax) => {
        $crate::Preset::Optax
    };
    (burn) => {
        $crate::Preset::Burn
    };
}

pub(crate) use {preset, settings};
