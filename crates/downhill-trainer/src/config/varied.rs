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
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Number,
    Whole,
    /// An element of a list of whole numbers, such as the width of a hidden layer, by its place;
    /// the list is that of the method.
    Element(usize, Vec<Value>),
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
        let (path, form) = form(path, resolved, origin)?;
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

    /// The settings with these values, to lay over a method's settings one after the other.
    pub(crate) fn with(settings: &[Self], values: &[f64]) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        for (setting, &value) in settings.iter().zip(values) {
            let value = match &setting.form {
                // Another setting may be an element of the same list.
                Form::Element(at_place, list) => {
                    let before = tables.iter().rev();
                    let mut before =
                        before.filter_map(|table| at(table, &setting.path)?.as_array());
                    let mut list = before.next().unwrap_or(list).clone();
                    list[*at_place] = setting.number(value);
                    Value::Array(list)
                }
                Form::Number | Form::Whole => setting.number(value),
            };
            let mut table = nested(&setting.path, value);
            spell_out(&mut table);
            tables.push(table);
        }
        tables
    }

    fn number(&self, value: f64) -> Value {
        let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
        match self.is_whole() && is_whole {
            true => Value::Integer(value as i64),
            false => Value::Float(value),
        }
    }
}

/// How the values of a setting are written, and its path without the place in a list.
fn form(path: String, resolved: &Table, origin: &str) -> Result<(String, Form), TrainError> {
    let wrong = |message: String| Err(TrainError::Config(format!("{origin}: {message}")));
    if let Some((list_path, place)) = path.rsplit_once('.')
        && let (Some(Value::Array(list)), Ok(place)) = (at(resolved, list_path), place.parse())
    {
        if place >= list.len() {
            let length = list.len();
            let values = if length == 1 { "value" } else { "values" };
            return wrong(format!(
                "`{list_path}` has {length} {values} here, so there is no `{path}`"
            ));
        }
        return Ok((list_path.to_owned(), Form::Element(place, list.clone())));
    }
    let form = match at(resolved, &path) {
        Some(Value::Integer(_)) => Form::Whole,
        // A number of images, or "all".
        Some(Value::String(all)) if all == "all" => Form::Whole,
        Some(Value::Array(list)) if list.len() == 1 => Form::Element(0, list.clone()),
        Some(Value::Array(list)) if list.is_empty() => {
            return wrong(format!(
                "`{path}` is empty here, so there is nothing to vary"
            ));
        }
        Some(Value::Array(list)) => {
            let length = list.len();
            return wrong(format!(
                "`{path}` has {length} values here, and one is varied; write `{path}.0` for the \
                 first of them"
            ));
        }
        _ => Form::Number,
    };
    Ok((path, form))
}
