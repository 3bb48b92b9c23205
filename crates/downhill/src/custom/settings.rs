//! The settings of a custom optimizer, whose type is not known.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use burn::optim::ModuleOptimizer;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::{CustomConfig, CustomOptimizer};
use crate::hyperparameter::{InvalidHyperparameter, positive};
use crate::rule::Rule;

/// The settings of a custom optimizer: a [`CustomConfig`], or a bare [`CustomOptimizer`] with its
/// learning rate. An [`OptimizerConfig`](crate::OptimizerConfig) is made of either.
#[derive(Clone)]
pub struct CustomSettings(Arc<dyn Erased>);

impl CustomSettings {
    /// Takes any settings.
    pub fn new(config: impl CustomConfig) -> Self {
        Self(Arc::new(Written(config)))
    }

    /// Takes an optimizer whose settings are not known.
    pub(crate) fn bare(optimizer: CustomOptimizer, learning_rate: f64) -> Self {
        Self(Arc::new(Bare {
            optimizer,
            learning_rate,
        }))
    }

    /// Returns the settings if they are of this type.
    pub fn downcast_ref<C: CustomConfig>(&self) -> Option<&C> {
        let written = (*self.0).as_any().downcast_ref::<Written<C>>()?;
        Some(&written.0)
    }

    /// Returns the name of the optimizer.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    pub(crate) fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    pub(crate) fn get(&self, setting: &str) -> Option<f64> {
        match setting {
            "learning_rate" => Some(self.learning_rate()),
            _ => number_in(setting, self.written()?.get(setting)?),
        }
    }

    pub(crate) fn set(&mut self, setting: &str, value: f64) -> bool {
        let is_there = value == 0.0 && self.get(setting) == Some(0.0);
        match self.0.with(setting, value) {
            Some(changed) => {
                *self = changed;
                true
            }
            None => is_there,
        }
    }

    fn written(&self) -> Option<Value> {
        serde_json::to_value(self.0.settings()?).ok()
    }

    /// Returns what decides the meaning of a memory: the name, and the settings that are not
    /// numbers.
    pub(crate) fn form(&self) -> String {
        let mut form = alloc::format!("custom-{}", self.name());
        if let Some(Value::Object(settings)) = self.written() {
            for (name, value) in &settings {
                if let Some(value) = form_of(value) {
                    form += &alloc::format!(" {name}={value}");
                }
            }
        }
        form
    }

    pub(crate) fn rule(&self) -> Result<Arc<dyn Rule>, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate())?;
        Ok(self.0.build()?.rule())
    }

    pub(crate) fn optimizer(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate())?;
        Ok((self.0.build()?.for_modules)())
    }
}

impl fmt::Debug for CustomSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl PartialEq for CustomSettings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.is_equal(&*other.0)
    }
}

impl Serialize for CustomSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unknown = || {
            S::Error::custom(alloc::format!(
                "the settings of `{}` are not known and cannot be written; implement \
                 `CustomConfig` for them",
                self.name()
            ))
        };
        let settings = self.0.settings().ok_or_else(unknown)?;
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name(), settings)?;
        map.end()
    }
}

/// Returns the number that a setting is, or the one that its variant holds.
fn number_in(name: &str, setting: &Value) -> Option<f64> {
    match setting {
        Value::Number(number) => number.as_f64(),
        Value::String(none) if name == "weight_decay" && none == "none" => Some(0.0),
        Value::Object(variant) if variant.len() == 1 => variant.values().next()?.as_f64(),
        _ => None,
    }
}

/// Replaces the number that a setting is, or the one that its variant holds.
fn set_number_in(setting: &mut Value, value: f64) -> Option<()> {
    match setting {
        Value::Number(number) => {
            // A number without a fraction stays so.
            let is_whole = !number.is_f64() && value == libm::trunc(value);
            *number = match is_whole {
                true => Number::from(value as i64),
                false => Number::from_f64(value)?,
            };
            Some(())
        }
        Value::Object(variant) if variant.len() == 1 => {
            set_number_in(variant.values_mut().next()?, value)
        }
        _ => None,
    }
}

/// Returns what a setting adds to the form; `None` for a number.
fn form_of(setting: &Value) -> Option<String> {
    let parts: Vec<String> = match setting {
        Value::Number(_) => return None,
        Value::Null => return Some("none".to_string()),
        Value::Bool(flag) => return Some(flag.to_string()),
        Value::String(text) => return Some(text.split_whitespace().collect()),
        Value::Array(items) => items.iter().filter_map(form_of).collect(),
        Value::Object(fields) => (fields.iter())
            .map(|(name, value)| match form_of(value) {
                Some(value) => alloc::format!("{name}-{value}"),
                None => name.clone(),
            })
            .collect(),
    };
    (!parts.is_empty()).then(|| parts.join("-"))
}

trait Erased: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn learning_rate(&self) -> f64;
    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter>;
    /// Returns the settings as they are written in a file; `None` if they are not known.
    fn settings(&self) -> Option<&dyn erased_serde::Serialize>;
    /// Returns the settings with another number; `None` if there is none of this name.
    fn with(&self, setting: &str, value: f64) -> Option<CustomSettings>;
    fn is_equal(&self, other: &dyn Erased) -> bool;
    fn as_any(&self) -> &dyn Any;
}

struct Written<C>(C);

impl<C: fmt::Debug> fmt::Debug for Written<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<C: CustomConfig> Erased for Written<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        self.0.build()
    }

    fn settings(&self) -> Option<&dyn erased_serde::Serialize> {
        Some(&self.0)
    }

    fn with(&self, setting: &str, value: f64) -> Option<CustomSettings> {
        let mut settings = serde_json::to_value(&self.0).ok()?;
        set_number_in(settings.get_mut(setting)?, value)?;
        let changed: C = serde_json::from_value(settings).ok()?;
        Some(CustomSettings::new(changed))
    }

    fn is_equal(&self, other: &dyn Erased) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| self.0 == other.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An optimizer whose settings are not known.
#[derive(Debug)]
struct Bare {
    optimizer: CustomOptimizer,
    learning_rate: f64,
}

impl Erased for Bare {
    fn name(&self) -> &'static str {
        self.optimizer.name
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        Ok(self.optimizer.clone())
    }

    fn settings(&self) -> Option<&dyn erased_serde::Serialize> {
        None
    }

    fn with(&self, setting: &str, value: f64) -> Option<CustomSettings> {
        (setting == "learning_rate").then(|| CustomSettings::bare(self.optimizer.clone(), value))
    }

    fn is_equal(&self, _other: &dyn Erased) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
