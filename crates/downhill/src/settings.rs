//! What all configs have in common.

use alloc::string::String;
use alloc::sync::Arc;

use burn::optim::ModuleOptimizer;

use crate::hyperparameter::InvalidHyperparameter;
use crate::preset::{Preset, UnknownPreset};
use crate::rule::Rule;
use crate::weight_decay::WeightDecay;

/// The settings of one optimizer. [`settings!`] implements it.
pub(crate) trait Settings: Sized {
    /// The key of the optimizer in a config file.
    const NAME: &'static str;
    /// The libraries that have the optimizer; the first gives the defaults.
    const PRESETS: &'static [Preset];
    /// The paper that the optimizer's documentation cites, or nothing.
    const SOURCE: &'static str;
    /// Renamed settings: the old name, then the new one.
    const RENAMED: &'static [(&'static str, &'static str)];

    /// Returns the defaults, unless there are none.
    fn defaults() -> Option<Self>;

    fn preset(preset: Preset) -> Result<Self, UnknownPreset>;

    fn learning_rate(&self) -> f64;

    fn weight_decay(&self) -> WeightDecay;

    /// Returns the number of this name, or `None` if there is none.
    fn get(&self, name: &str) -> Option<f64>;

    /// Sets the number of this name. Returns `false` if there is none.
    fn set(&mut self, name: &str, value: f64) -> bool;

    /// Returns what decides the meaning of a memory: the optimizer and its settings that are not
    /// numbers, except those of epsilon and of the step alone.
    fn form(&self) -> String;

    fn rule(&self) -> Result<Arc<dyn Rule>, InvalidHyperparameter>;

    fn optimizer(&self) -> Result<ModuleOptimizer, InvalidHyperparameter>;
}

/// The type of a field of a config.
pub(crate) trait Setting {
    /// Returns the value if it is a number.
    fn get(&self) -> Option<f64> {
        None
    }

    /// Sets the value if it is a number. Returns `false` if it is not.
    fn set(&mut self, _value: f64) -> bool {
        false
    }

    /// Returns the value if it is a weight decay.
    fn decay(&self) -> Option<WeightDecay> {
        None
    }

    /// Checks what the type itself demands.
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        Ok(())
    }

    /// Called after the config's number of this name has been changed.
    fn follow(&mut self, _name: &str, _old: f64, _new: f64) {}
}

impl Setting for bool {}

impl Setting for u64 {}

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

    #[inline(always)]
    fn decay(&self) -> Option<WeightDecay> {
        Some(*self)
    }

    fn check(&self) -> Result<(), InvalidHyperparameter> {
        WeightDecay::check(*self)
    }
}

/// The text that [`Settings::form`] returns.
pub(crate) struct Form(pub(crate) String);

impl Form {
    /// AdamW is Adam under another name.
    pub(crate) fn of(optimizer: &str) -> Self {
        Self(match optimizer {
            "adamw" => "adam".into(),
            name => name.into(),
        })
    }

    pub(crate) fn add(&mut self, field: &str, is_number: bool, value: &impl core::fmt::Debug) {
        // These numbers decide which memory a parameter has.
        let counts = ["min_dim_size_to_factor", "max_precondition_dim"].contains(&field);
        // What these say is about a step alone.
        let of_step = ["preconditioning", "adaptive", "normalize"].contains(&field);
        if field.starts_with("epsilon") || of_step || (is_number && !counts) {
            return;
        }
        let text = alloc::format!("{value:?}");
        let is_part = |c: char| c.is_alphanumeric() || "._+-".contains(c);
        let words = (text.split(|c| !is_part(c)))
            .filter(|word| !word.is_empty() && (counts || word.parse::<f64>().is_err()));
        let words: alloc::vec::Vec<&str> = words.collect();
        if !words.is_empty() {
            self.0 += &alloc::format!(" {field}={}", words.join("-"));
        }
    }
}

/// Why the settings in a file are invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSettings {
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
    #[error("`{old}` is now `{new}`")]
    Renamed {
        old: &'static str,
        new: &'static str,
    },
}

/// A config with its presets. In a file it is a preset and the settings that differ from it.
///
/// ```text
/// settings! {
///     pub struct XConfig for X, "x" {       // X is a struct with the field `config: XConfig`
///         pub field: f64 => bound,          // a function of hyperparameter.rs; may be absent
///     }
///     presets: torch, optax                 // constructors of XConfig; the first is the default
///     source: "the paper, in short"
///     check: relations                      // a method that checks fields together; may be absent
///     renamed: old => new                   // earlier names of fields; may be absent
/// }
/// ```
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $config:ident for $rule:ident, $name:literal {
            $($(#[$field_about:meta])* pub $field:ident: $type:ty $(=> $bound:ident)?,)+
        }
        presets: $first:ident $(, $more:ident)*
        source: $source:literal
        $(check: $check:ident)?
        $(renamed: $($old:ident => $new:ident),+)?
    ) => {
        $crate::setters::setters! {
            $(#[$about])*
            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(try_from = "Written")]
            pub struct $config {
                $($(#[$field_about])* pub $field: $type,)+
            }
        }

        /// The config as it is written in a file: what is absent is the preset's.
        #[derive(serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(inline))]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Written {
            /// The library whose defaults apply to absent settings.
            preset: Option<$crate::Preset>,
            $($(#[$field_about])* $field: Option<$type>,)+
            $($(
                #[cfg_attr(feature = "schema", schemars(skip))]
                $old: Option<serde::de::IgnoredAny>,
            )+)?
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

        impl TryFrom<Written> for $config {
            type Error = $crate::settings::InvalidSettings;

            fn try_from(written: Written) -> Result<Self, $crate::settings::InvalidSettings> {
                $($(
                    if written.$old.is_some() {
                        let (old, new) = (stringify!($old), stringify!($new));
                        return Err($crate::settings::InvalidSettings::Renamed { old, new });
                    }
                )+)?
                let preset = written.preset.unwrap_or($crate::settings::preset!($first));
                let preset = Self::preset(preset)?;
                Ok(Self {
                    $($field: written.$field.unwrap_or(preset.$field),)+
                })
            }
        }

        impl $config {
            /// Returns the settings of a library.
            ///
            /// # Errors
            ///
            /// If the library does not have the optimizer; the error names those that do.
            pub fn preset(preset: $crate::Preset) -> Result<Self, $crate::UnknownPreset> {
                <Self as $crate::settings::Settings>::preset(preset)
            }

            /// Returns the bare rule, for a parameter group of Burn's. A rule that needs the loss
            /// panics when Burn steps it; only a [`Descent`](crate::Descent) is told the loss.
            ///
            /// # Errors
            ///
            /// If a setting is out of bounds; the error names it.
            pub fn build(&self) -> Result<$rule, $crate::InvalidHyperparameter> {
                $(
                    $($crate::hyperparameter::$bound(stringify!($field), self.$field)?;)?
                    $crate::settings::Setting::check(&self.$field)?;
                )+
                $(self.$check()?;)?
                Ok($rule {
                    config: self.clone().into(),
                })
            }

            /// Returns the optimizer for all parameters of a module.
            ///
            /// # Errors
            ///
            /// If a setting is out of bounds; the error names it. Also if the optimizer needs the
            /// loss, which only a [`Descent`](crate::Descent) is told.
            pub fn init(
                &self,
            ) -> Result<burn::optim::ModuleOptimizer, $crate::InvalidHyperparameter> {
                let rule = self.build()?;
                $crate::hyperparameter::ensure(
                    !$crate::rule::Rule::needs_loss(&rule),
                    "loss",
                    "be told in each step, which only a `Descent` can be",
                    f64::NAN,
                )?;
                Ok(burn::optim::ModuleOptimizer::from(rule))
            }
        }

        impl Default for $config {
            fn default() -> Self {
                Self::$first()
            }
        }

        impl $crate::settings::Settings for $config {
            const NAME: &'static str = $name;
            const PRESETS: &'static [$crate::Preset] = &[
                $crate::settings::preset!($first),
                $($crate::settings::preset!($more),)*
            ];
            const SOURCE: &'static str = $source;
            const RENAMED: &'static [(&'static str, &'static str)] =
                &[$($((stringify!($old), stringify!($new)),)+)?];

            fn defaults() -> Option<Self> {
                Some(Self::default())
            }

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

            #[inline(always)]
            fn weight_decay(&self) -> $crate::WeightDecay {
                let decay = None;
                $(let decay = decay.or($crate::settings::Setting::decay(&self.$field));)+
                decay.unwrap_or_default()
            }

            fn get(&self, name: &str) -> Option<f64> {
                match name {
                    $(stringify!($field) => $crate::settings::Setting::get(&self.$field),)+
                    _ => None,
                }
            }

            fn set(&mut self, name: &str, value: f64) -> bool {
                let old = $crate::settings::Settings::get(self, name);
                let is_set = match name {
                    $(stringify!($field) => {
                        $crate::settings::Setting::set(&mut self.$field, value)
                    })+
                    _ => false,
                };
                if let (true, Some(old)) = (is_set, old) {
                    $($crate::settings::Setting::follow(&mut self.$field, name, old, value);)+
                }
                is_set
            }

            fn form(&self) -> alloc::string::String {
                let mut form = $crate::settings::Form::of($name);
                $({
                    let is_number = $crate::settings::Setting::get(&self.$field).is_some();
                    form.add(stringify!($field), is_number, &self.$field);
                })+
                form.0
            }

            fn rule(
                &self,
            ) -> Result<alloc::sync::Arc<dyn $crate::rule::Rule>, $crate::InvalidHyperparameter>
            {
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

/// The preset that a constructor is named after.
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
    (pytorch_optimizer) => {
        $crate::Preset::PytorchOptimizer
    };
}

pub(crate) use {preset, settings};
