//! The values of a call, by the names of the function's parameters.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::CallError;
use super::grammar::{Call, Kind, Value};
use crate::similar::similar;

/// Longest part of a call in a message.
const LONGEST: usize = 40;

/// A call with its values by name.
pub(super) struct Bound<'c> {
    pub(super) call: &'c Call<'c>,
    values: BTreeMap<&'static str, &'c Value<'c>>,
}

impl<'c> Bound<'c> {
    /// Names the values of a call. `positional` are the parameters that may be given by position.
    ///
    /// # Errors
    ///
    /// If a value has no parameter, or a parameter two values.
    pub(super) fn new(
        call: &'c Call<'c>,
        positional: &[&'static str],
        named: &[&'static str],
    ) -> Result<Self, CallError> {
        let mut values = BTreeMap::new();
        let mut all_named = false;
        for (index, argument) in call.arguments.iter().enumerate() {
            let error = |message| CallError::at(call.text, argument.at, message);
            let function = call.name;
            let name = match argument.name {
                Some(name) => {
                    all_named = true;
                    let mut known = positional.iter().chain(named);
                    let found = known.find(|known| **known == name);
                    *found.ok_or_else(|| unknown(call, argument.at, name, positional, named))?
                }
                None if all_named => {
                    let message = "a value without a name follows one with a name";
                    return Err(error(message.into()));
                }
                None => *positional.get(index).ok_or_else(|| {
                    let most = positional.len();
                    let rest = match named {
                        [] => String::new(),
                        named => alloc::format!("; by name it also has {}", list(named)),
                    };
                    error(alloc::format!(
                        "{function} takes at most {most} values by position{rest}"
                    ))
                })?,
            };
            if values.insert(name, &argument.value).is_some() {
                return Err(error(alloc::format!(
                    "`{name}` of {function} is given twice"
                )));
            }
        }
        Ok(Self { call, values })
    }

    /// The value of a parameter, if it is given.
    pub(super) fn get(&self, name: &str) -> Option<&'c Value<'c>> {
        self.values.get(name).copied()
    }

    /// The value of a parameter, if it is given and not None.
    pub(super) fn some(&self, name: &str) -> Option<&'c Value<'c>> {
        self.get(name)
            .filter(|value| !matches!(value.kind, Kind::None))
    }

    /// An error at the value of a parameter.
    pub(super) fn error(&self, name: &str, message: impl Into<String>) -> CallError {
        let at = self.get(name).map_or(self.call.at, |value| value.at);
        CallError::at(self.call.text, at, message)
    }

    /// An error that a parameter must have another value.
    pub(super) fn must_be(&self, name: &str, expected: &str) -> CallError {
        let function = self.call.name;
        let Some(value) = self.get(name) else {
            return self.call.error(alloc::format!("{function} needs `{name}`"));
        };
        let got = shown(value);
        self.error(
            name,
            alloc::format!("`{name}` of {function} must be {expected}, got {got}"),
        )
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, CallError> {
        match self.get(name).map(number_of) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(self.must_be(name, "a number")),
        }
    }

    /// A number that must be given.
    pub(super) fn needed(&self, name: &str) -> Result<f64, CallError> {
        (self.number(name)?).ok_or_else(|| self.must_be(name, "a number"))
    }

    /// A whole number of at least 0.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, CallError> {
        let is_count = |number: &f64| *number >= 0.0 && number % 1.0 == 0.0 && *number < 1e15;
        match self
            .get(name)
            .map(|value| number_of(value).filter(is_count))
        {
            None => Ok(None),
            Some(Some(count)) => Ok(Some(count as u64)),
            Some(None) => Err(self.must_be(name, "a whole number of at least 0")),
        }
    }

    /// A count that must be given.
    pub(super) fn needed_count(&self, name: &str) -> Result<u64, CallError> {
        (self.count(name)?).ok_or_else(|| self.must_be(name, "a whole number of at least 0"))
    }

    /// A flag, false if it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, CallError> {
        Ok(self.maybe_flag(name)?.unwrap_or(false))
    }

    pub(super) fn maybe_flag(&self, name: &str) -> Result<Option<bool>, CallError> {
        match self.get(name).map(|value| &value.kind) {
            None => Ok(None),
            Some(Kind::Flag(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.must_be(name, "True or False")),
        }
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, CallError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let numbers = match &value.kind {
            Kind::List(values) => values.iter().map(number_of).collect(),
            _ => None,
        };
        let expected = "a tuple or list of numbers";
        numbers
            .map(Some)
            .ok_or_else(|| self.must_be(name, expected))
    }

    /// A nested call that must be given.
    pub(super) fn nested(&self, name: &str) -> Result<&'c Call<'c>, CallError> {
        match self.get(name).map(|value| &value.kind) {
            Some(Kind::Call(call)) => Ok(call),
            _ => Err(self.must_be(name, "a call")),
        }
    }

    /// Refuses a parameter unless it is absent or has one of these values, as they are written.
    pub(super) fn only(&self, name: &str, values: &[&str]) -> Result<(), CallError> {
        match self.get(name) {
            Some(value) if !values.iter().any(|it| is_written(value, it)) => {
                Err(self.must_be(name, &values.join(" or ")))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn number_of(value: &Value<'_>) -> Option<f64> {
    match value.kind {
        Kind::Whole(number) => Some(number as f64),
        Kind::Number(number) => Some(number),
        _ => None,
    }
}

/// Returns three numbers.
pub(super) fn triple(value: &Value<'_>) -> Option<[f64; 3]> {
    match &value.kind {
        Kind::List(values) => match values[..] {
            [ref a, ref b, ref c] => Some([number_of(a)?, number_of(b)?, number_of(c)?]),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a value is this one: as it is written, but numbers by their value.
fn is_written(value: &Value<'_>, other: &str) -> bool {
    match value.kind {
        Kind::Whole(_) | Kind::Number(_) => number_of(value) == other.parse().ok(),
        Kind::Text(text) => other.trim_matches('"') == text && other.starts_with('"'),
        _ => value
            .written
            .split_whitespace()
            .eq(other.split_whitespace()),
    }
}

/// A value in a message.
pub(super) fn shown(value: &Value<'_>) -> String {
    let written: Vec<&str> = value.written.split_whitespace().collect();
    let written = written.join(" ");
    match written.char_indices().nth(LONGEST) {
        Some((end, _)) => alloc::format!("{}...", &written[..end]),
        None => written,
    }
}

/// Names in a message.
pub(super) fn list(names: &[&str]) -> String {
    alloc::format!("`{}`", names.join("`, `"))
}

/// An error that a function has no parameter of this name.
fn unknown(
    call: &Call<'_>,
    at: usize,
    name: &str,
    positional: &[&str],
    named: &[&str],
) -> CallError {
    let all: Vec<&str> = positional.iter().chain(named).copied().collect();
    let remedy = match similar(name, all.iter().copied()) {
        Some(meant) => alloc::format!("did you mean `{meant}`?"),
        None => alloc::format!("it has {}", list(&all)),
    };
    let function = call.name;
    CallError::at(
        call.text,
        at,
        alloc::format!("{function} has no argument `{name}`; {remedy}"),
    )
}
