//! Why a call cannot be read.

use alloc::string::String;
use core::fmt;

use crate::message::escaped;

/// Why a call of another library cannot be read as a config: what is wrong, and where in the text.
///
/// ```
/// use downhill::DescentConfig;
///
/// let error = DescentConfig::from_call("torch.optim.Adam(lr=1e-3, beta=0.9)").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "column 27: torch.optim.Adam has no argument `beta`; did you mean `betas`?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallError {
    /// The line of the text, counted from 1.
    pub line: usize,
    /// The place in the line, in characters, counted from 1.
    pub column: usize,
    /// What is wrong there, and what is possible.
    pub message: String,
}

impl CallError {
    /// An error at a byte of a text.
    pub(super) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: escaped(message.into()),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(formatter, "line {}, ", self.line)?;
        }
        write!(formatter, "column {}: {}", self.column, self.message)
    }
}

impl core::error::Error for CallError {}
