//! Formulas that cannot be used, and where.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::message::escaped;
use crate::similar::similar;

/// A formula that cannot be used, or one of its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}{}: {message}", place(.line_and_column))]
#[non_exhaustive]
pub struct FormulaError {
    /// The key of the config: `update`, `state.NAME`, `settings.NAME` or `learning_rate`; of a
    /// [`FormulaFunction`](crate::FormulaFunction), `function` or `variables`.
    pub key: String,
    /// The line and column in the text of the key, counted from 1; `None` if it is about all of it.
    pub line_and_column: Option<(usize, usize)>,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl FormulaError {
    /// An error about a key as a whole.
    pub(super) fn of(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: escaped(key.into()),
            line_and_column: None,
            message: escaped(message.into()),
        }
    }
}

fn place(line_and_column: &Option<(usize, usize)>) -> String {
    match line_and_column {
        Some((line, column)) => alloc::format!(", line {line}, column {column}"),
        None => String::new(),
    }
}

/// Returns the remedy for a word that is not known: the most similar of those that are.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    match similar(word, known.iter().copied()) {
        Some(other) => alloc::format!("did you mean `{other}`?"),
        None if known.is_empty() => "none is known here".to_owned(),
        None => alloc::format!("known here: {}", known.join(", ")),
    }
}
