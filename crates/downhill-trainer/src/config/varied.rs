//! A setting that a grid or a search varies.

use toml::{Table, Value};

use crate::config::keys::check_training;
use crate::config::layers::{at, nested};
use crate::config::recipe::spell_out;
use crate::config::tables::search::{Range, SearchedRange};
use crate::error::TrainError;

/// A setting of a method that takes several values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Varied {
    path: String,
    form: Form,
}

/// How a value of the setting is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Number,
    Whole,
    /// A list of one whole number, such as the width of a single hidden layer.
    List,
}

impl Varied {
    /// The setting of a method with this optimizer and these resolved settings; `*` in the path
    /// stands for the optimizer.
    ///
    /// # Errors
    ///
    /// An unknown key, and a setting of another optimizer than the method's.
    pub(crate) fn new(
        setting: &str,
        optimizer: &str,
        resolved: &Table,
        origin: &str,
    ) -> Result<Self, TrainError> {
        let path = setting.replace('*', optimizer);
        check_training(&nested(&path, Value::Float(1.0)), &|_| origin.to_owned())?;
        let mut keys = path.split('.');
        if let (Some("optimizer"), Some(other), Some(key)) = (keys.next(), keys.next(), keys.next())
            && other != optimizer
        {
            return Err(TrainError::Config(format!(
                "{origin}: `{path}` is a setting of {other}, but the method trains with \
                 {optimizer}; write `optimizer.*.{key}` for the optimizer of each method"
            )));
        }
        let form = match at(resolved, &path) {
            Some(Value::Integer(_)) => Form::Whole,
            // A number of images, or "all".
            Some(Value::String(all)) if all == "all" => Form::Whole,
            Some(Value::Array(_)) => Form::List,
            _ => Form::Number,
        };
        Ok(Self { path, form })
    }

    /// Whether the values are whole numbers.
    pub(crate) fn is_whole(&self) -> bool {
        self.form != Form::Number
    }

    /// The range of the values that the setting takes; `None` if it is empty.
    pub(crate) fn bounds(&self, range: &SearchedRange) -> Option<Range> {
        let (from, to) = match self.is_whole() {
            true => (range.from.ceil(), range.to.floor()),
            false => (range.from, range.to),
        };
        (from <= to).then_some(Range { from, to })
    }

    /// The value that the setting takes nearest to this one.
    pub(crate) fn rounded(&self, value: f64) -> f64 {
        match self.is_whole() {
            true => value.round(),
            false => value,
        }
    }

    /// The setting with this value, to lay over a method's settings.
    pub(crate) fn with(&self, value: f64) -> Table {
        let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
        let number = match self.is_whole() && is_whole {
            true => Value::Integer(value as i64),
            false => Value::Float(value),
        };
        let value = match self.form {
            Form::List => Value::Array(vec![number]),
            Form::Number | Form::Whole => number,
        };
        let mut setting = nested(&self.path, value);
        spell_out(&mut setting);
        setting
    }
}
