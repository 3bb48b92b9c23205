//! Functions that make an optimizer: what their arguments are called here.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use super::bound::Bound;
use super::error::CallError;
use super::grammar::{Call, Kind};
use super::schedules::Curve;
use super::words::setting;
use crate::similar::similar;
use crate::{DescentConfig, OptimizerConfig, Preset, Schedule};

/// A function that makes an optimizer.
pub(super) struct Signature {
    /// Its name, below the module of the library.
    pub(super) name: &'static str,
    /// The optimizer's key here; those after the first are chosen by arguments.
    pub(super) optimizers: &'static [&'static str],
    /// The arguments that may be given by position, in their order.
    positional: &'static [&'static [Argument]],
    /// The arguments that must be given by name.
    named: &'static [&'static [Argument]],
    /// What is not said argument by argument.
    finish: fn(&mut Reading<'_>) -> Result<(), CallError>,
}

/// How the calls of a library are read.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) preset: Preset,
    /// Arguments by position before those of the signatures, which say nothing here.
    pub(super) before: &'static [&'static str],
    /// Arguments of the signatures that a function does not have.
    pub(super) without: &'static [&'static str],
    /// Takes over what every optimizer has.
    pub(super) last: fn(&mut Reading<'_>) -> Result<(), CallError>,
}

/// An argument.
#[derive(Clone, Copy)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) meaning: Meaning,
    /// Whether None is the same as no value.
    optional: bool,
}

/// What an argument is here.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// The learning rate, a number.
    Rate,
    /// The learning rate, a number or a schedule.
    Scheduled,
    /// A setting that is a number.
    Number(&'static str),
    /// A setting that is the number with the other sign.
    Negative(&'static str),
    /// A setting that is a whole number.
    Count(&'static str),
    /// A setting that is true or false.
    Flag(&'static str),
    /// Settings, in a tuple.
    Numbers(&'static [&'static str]),
    /// A setting, and the kind that holds the number.
    Kind(&'static str, &'static str),
    /// A setting, and its value where the argument is True.
    If(&'static str, &'static str),
    /// A setting, and its value where the argument is False.
    Unless(&'static str, &'static str),
    /// Settings that the signature's `finish` sets.
    Other(&'static [&'static str]),
    /// Without effect on any number.
    Ignored,
    /// Without effect if it is one of these.
    Only(&'static [&'static str]),
    /// Not covered, and what to do.
    Refused(&'static str),
}

use Meaning::{
    Count, Flag, If, Ignored, Negative, Number, Numbers, Only, Other, Rate, Refused, Scheduled,
    Unless,
};

/// An argument of this name and meaning.
pub(super) const fn argument(name: &'static str, meaning: Meaning) -> Argument {
    Argument {
        name,
        meaning,
        optional: false,
    }
}

/// An argument whose None is the same as no value.
pub(super) const fn optional(name: &'static str, meaning: Meaning) -> Argument {
    Argument {
        name,
        meaning,
        optional: true,
    }
}

impl Signature {
    /// A function with these arguments, by position or name.
    pub(super) const fn new(
        name: &'static str,
        optimizers: &'static [&'static str],
        positional: &'static [&'static [Argument]],
    ) -> Self {
        Self {
            name,
            optimizers,
            positional,
            named: &[],
            finish: |_| Ok(()),
        }
    }

    /// Adds arguments that must be given by name.
    pub(super) const fn named(mut self, named: &'static [&'static [Argument]]) -> Self {
        self.named = named;
        self
    }

    /// Sets what is not said argument by argument.
    pub(super) const fn finish(
        mut self,
        finish: fn(&mut Reading<'_>) -> Result<(), CallError>,
    ) -> Self {
        self.finish = finish;
        self
    }

    /// The name without modules.
    pub(super) fn function(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// All arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'static Argument> {
        let (positional, named) = (self.positional, self.named);
        positional.iter().chain(named).copied().flatten()
    }

    /// The config of a call.
    pub(super) fn read(&self, call: &Call<'_>, rules: &Rules) -> Result<DescentConfig, CallError> {
        self.check_names(call, rules)?;
        let names = |parts: &'static [&'static [Argument]]| {
            let arguments = parts.iter().copied().flatten();
            let names = arguments.map(|it| it.name);
            names
                .filter(|name| !rules.without.contains(name))
                .collect::<Vec<_>>()
        };
        let mut positional = rules.before.to_vec();
        positional.extend(names(self.positional));
        let mut reading = Reading {
            bound: Bound::new(call, &positional, &names(self.named))?,
            preset: rules.preset,
            optimizer: self.optimizers[0],
            settings: Map::new(),
            schedules: BTreeMap::new(),
            around: DescentConfig::new(OptimizerConfig::all().swap_remove(0)),
        };
        for argument in self.arguments() {
            reading.take(argument)?;
        }
        (self.finish)(&mut reading)?;
        (rules.last)(&mut reading)?;
        reading.config()
    }

    /// Names the argument that is meant by an unknown name.
    fn check_names(&self, call: &Call<'_>, rules: &Rules) -> Result<(), CallError> {
        let all = || {
            self.arguments()
                .filter(|it| !rules.without.contains(&it.name))
        };
        let known = |name: &str| {
            rules.before.contains(&name) || all().any(|argument| argument.name == name)
        };
        for argument in &call.arguments {
            let Some(name) = argument.name.filter(|name| !known(name)) else {
                continue;
            };
            let names = || all().map(|argument| argument.name);
            let same = |it: &&Argument| it.meaning.settings().contains(&setting(name));
            let meant = similar(name, names()).or_else(|| Some(all().find(same)?.name));
            let remedy = match meant {
                Some(meant) => alloc::format!("did you mean `{meant}`?"),
                None => {
                    let names: Vec<_> = names().collect();
                    alloc::format!("it has {}", super::bound::list(&names))
                }
            };
            let function = call.name;
            let message = alloc::format!("{function} has no argument `{name}`; {remedy}");
            return Err(CallError::at(call.text, argument.at, message));
        }
        Ok(())
    }
}

impl Meaning {
    /// The settings here.
    pub(super) fn settings(&self) -> &[&'static str] {
        match self {
            Rate | Scheduled => &["learning_rate"],
            Number(setting)
            | Negative(setting)
            | Count(setting)
            | Flag(setting)
            | Self::Kind(setting, _)
            | If(setting, _)
            | Unless(setting, _) => core::slice::from_ref(setting),
            Numbers(settings) | Other(settings) => settings,
            Ignored | Only(_) | Refused(_) => &[],
        }
    }
}

/// A call that is being read.
pub(super) struct Reading<'c> {
    pub(super) bound: Bound<'c>,
    preset: Preset,
    /// The optimizer's key.
    pub(super) optimizer: &'static str,
    settings: Map<String, Value>,
    schedules: BTreeMap<String, Schedule>,
    /// What is around the optimizer.
    pub(super) around: DescentConfig,
}

impl Reading<'_> {
    /// Sets a setting.
    pub(super) fn set(&mut self, setting: &str, value: impl Into<Value>) {
        self.settings.insert(setting.into(), value.into());
    }

    /// Sets a setting that no argument has set.
    pub(super) fn default(&mut self, setting: &str, value: impl Into<Value>) {
        if !self.settings.contains_key(setting) {
            self.set(setting, value);
        }
    }

    /// Leaves a setting to the preset.
    pub(super) fn drop(&mut self, setting: &str) {
        self.settings.remove(setting);
    }

    /// The value that a number of the optimizer has, given or not.
    pub(super) fn value(&self, setting: &str) -> f64 {
        let given = self.settings.get(setting).and_then(Value::as_f64);
        let preset = || {
            OptimizerConfig::preset(self.optimizer, self.preset)?
                .ok()?
                .get(setting)
        };
        given.or_else(preset).unwrap_or(0.0)
    }

    /// Whether the learning rate is a schedule.
    pub(super) fn is_scheduled(&self) -> bool {
        !self.schedules.is_empty()
    }

    /// Takes over what an argument says.
    fn take(&mut self, argument: &Argument) -> Result<(), CallError> {
        let name = argument.name;
        let Some(value) = self.bound.get(name) else {
            return Ok(());
        };
        if argument.optional && matches!(value.kind, Kind::None) {
            return Ok(());
        }
        match argument.meaning {
            Scheduled => {
                let Curve { base, schedule } = Curve::of_rate(&self.bound, name)?;
                self.set("learning_rate", base);
                if schedule != Schedule::Constant {
                    self.schedules.insert("learning_rate".into(), schedule);
                }
            }
            Rate => {
                let rate = self.bound.needed(name)?;
                self.set("learning_rate", rate);
            }
            Number(setting) => {
                let number = self.bound.needed(name)?;
                self.set(setting, number);
            }
            Negative(setting) => {
                let number = self.bound.needed(name)?;
                self.set(setting, -number);
            }
            Count(setting) => {
                let count = self.bound.needed_count(name)?;
                self.set(setting, count);
            }
            Flag(setting) => {
                let flag = self.bound.flag(name)?;
                self.set(setting, flag);
            }
            Numbers(settings) => {
                let numbers = self.bound.numbers(name)?.unwrap_or_default();
                if numbers.len() != settings.len() {
                    let expected = alloc::format!("a tuple of {} numbers", settings.len());
                    return Err(self.bound.must_be(name, &expected));
                }
                for (setting, number) in settings.iter().zip(numbers) {
                    self.set(setting, number);
                }
            }
            Meaning::Kind(setting, kind) => {
                let number = self.bound.needed(name)?;
                self.set_kind(setting, kind, number);
            }
            If(setting, chosen) => {
                if self.bound.flag(name)? {
                    self.set(setting, chosen);
                }
            }
            Unless(setting, chosen) => {
                if !self.bound.flag(name)? {
                    self.set(setting, chosen);
                }
            }
            Other(_) | Ignored => {}
            Only(values) => self.bound.only(name, values)?,
            Refused(remedy) => {
                let function = self.bound.call.name;
                let message = alloc::format!("`{name}` of {function} is not covered; {remedy}");
                return Err(self.bound.error(name, message));
            }
        }
        Ok(())
    }

    /// Sets a setting to a number of this kind. The 0 of a preset stays as it is.
    pub(super) fn set_kind(&mut self, setting: &str, kind: &str, number: f64) {
        let preset = OptimizerConfig::preset(self.optimizer, self.preset);
        let own = preset.and_then(Result::ok).and_then(|it| it.get(setting));
        if number != 0.0 || own != Some(0.0) {
            self.set(setting, json!({ kind: number }));
        }
    }

    /// The config.
    fn config(mut self) -> Result<DescentConfig, CallError> {
        let error = |error: &dyn ToString| self.bound.call.error(error.to_string());
        self.settings
            .insert("preset".into(), self.preset.name().into());
        let written = json!({ self.optimizer: self.settings });
        self.around.optimizer = serde_json::from_value(written).map_err(|it| error(&it))?;
        self.around.schedules.append(&mut self.schedules);
        Ok(self.around)
    }
}

/// SGD, which Keras and optax give a momentum: three optimizers here.
pub(super) fn sgd(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let is_nesterov = reading.bound.flag("nesterov")?;
    reading.optimizer = match reading.value("momentum") {
        0.0 => "sgd",
        _ if is_nesterov => "nesterov",
        _ => "momentum",
    };
    if reading.optimizer == "sgd" {
        reading.drop("momentum");
    }
    Ok(())
}
