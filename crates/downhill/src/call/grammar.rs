//! The grammar: a call of a function with values for its arguments, as in Python.
//!
//! ```text
//! call      name ( arguments )
//! name      word . word ...
//! arguments value or word = value, separated by commas; a last comma may stand at the end
//! value     call, name, number, string, True, False, None, ( values ), [ values ] or
//!           { value: value, .. }
//! ```
//!
//! Spaces, line ends and comments from `#` to the end of the line may stand between these.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::CallError;

/// Deepest nesting of calls and lists.
const DEEPEST: usize = 32;

/// A call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// The function's name, with the modules before it.
    pub(super) name: &'a str,
    /// Where the name begins, in bytes.
    pub(super) at: usize,
    pub(super) arguments: Vec<Argument<'a>>,
}

/// A value for an argument.
#[derive(Debug)]
pub(super) struct Argument<'a> {
    /// Its name, if it is given by name.
    pub(super) name: Option<&'a str>,
    /// Where the name or the value begins, in bytes.
    pub(super) at: usize,
    pub(super) value: Value<'a>,
}

/// A value, with the part of the text that it is written in.
#[derive(Debug)]
pub(super) struct Value<'a> {
    pub(super) at: usize,
    pub(super) written: &'a str,
    pub(super) kind: Kind<'a>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    None,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(&'a str),
    /// The name of a variable.
    Name,
    Call(Call<'a>),
    /// A tuple or a list.
    List(Vec<Value<'a>>),
    /// The keys and values of a dictionary.
    Dictionary(Vec<(Value<'a>, Value<'a>)>),
}

impl<'a> Call<'a> {
    /// Reads a text that is one call.
    pub(super) fn read(text: &'a str) -> Result<Self, CallError> {
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        let value = reader.value()?;
        reader.skip();
        let Kind::Call(call) = value.kind else {
            let remedy = match (&value.kind, reader.rest().starts_with('=')) {
                (Kind::Name, true) => "; leave out the name and the `=` before it",
                (Kind::Name, false) => "; write the arguments in parentheses after the name",
                _ => ", such as torch.optim.Adam(lr=0.001)",
            };
            let message = alloc::format!("`{}` is not a call{remedy}", value.written);
            return Err(CallError::at(text, value.at, message));
        };
        match reader.rest() {
            "" => Ok(call),
            _ => Err(reader.misplaced("nothing may follow the call")),
        }
    }

    /// An error about the function.
    pub(super) fn error(&self, message: impl Into<String>) -> CallError {
        CallError::at(self.text, self.at, message)
    }

    /// The function's name without the modules before it.
    pub(super) fn function(&self) -> &'a str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The modules before the function's name.
    pub(super) fn module(&self) -> &'a str {
        self.name.rsplit_once('.').map_or("", |(module, _)| module)
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    /// How many parentheses are open.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Skips what may stand between values.
    fn skip(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    /// Skips a mark. Returns whether it was there.
    fn mark(&mut self, mark: char) -> bool {
        self.skip();
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len_utf8() } else { 0 };
        found
    }

    /// An error about the next character.
    fn misplaced(&self, rule: &str) -> CallError {
        let message = match self.next() {
            Some('+' | '-' | '*' | '/' | '%') => {
                alloc::format!("{rule}; nothing is computed, write the number itself")
            }
            Some(found) => alloc::format!("{rule}, got `{found}`"),
            None => alloc::format!("{rule}, got the end of the text"),
        };
        CallError::at(self.text, self.at, message)
    }

    /// Takes the characters for which this holds.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn value(&mut self) -> Result<Value<'a>, CallError> {
        self.skip();
        let at = self.at;
        if self.depth == DEEPEST {
            let message = alloc::format!("more than {DEEPEST} parentheses inside one another");
            return Err(CallError::at(self.text, at, message));
        }
        self.depth += 1;
        let kind = self.kind()?;
        self.depth -= 1;
        let written = &self.text[at..self.at];
        Ok(Value { at, written, kind })
    }

    fn kind(&mut self) -> Result<Kind<'a>, CallError> {
        match self.next() {
            Some(quote @ ('"' | '\'')) => self.string(quote),
            Some('(') => self.parenthesis(),
            Some('[') => Ok(Kind::List(self.list('[', ']', Self::value)?)),
            Some('{') => Ok(Kind::Dictionary(self.list('{', '}', Self::entry)?)),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(),
            Some(c) if c.is_ascii_digit() || "+-.".contains(c) => self.number(),
            _ => Err(self.misplaced("a value must stand here")),
        }
    }

    /// A name, a constant or a call.
    fn name(&mut self) -> Result<Kind<'a>, CallError> {
        let at = self.at;
        let name = self.take(|c| c.is_alphanumeric() || c == '_' || c == '.');
        match name {
            "None" => return Ok(Kind::None),
            "True" => return Ok(Kind::Flag(true)),
            "False" => return Ok(Kind::Flag(false)),
            _ => {}
        }
        let end = self.at;
        self.skip();
        if self.next() != Some('(') {
            self.at = end;
            return Ok(Kind::Name);
        }
        let arguments = self.list('(', ')', Self::argument)?;
        Ok(Kind::Call(Call {
            text: self.text,
            name,
            at,
            arguments,
        }))
    }

    fn number(&mut self) -> Result<Kind<'a>, CallError> {
        let at = self.at;
        let sign = self.take(|c| c == '+' || c == '-');
        let digits = self.take(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let signed_exponent = digits.ends_with(['e', 'E']) && !digits.starts_with("0x");
        if signed_exponent && self.rest().starts_with(['+', '-']) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        let written = self.text[at..self.at].replace('_', "");
        let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let number = match (sign.len() < 2 && plain, written.parse::<i64>()) {
            (true, Ok(whole)) => Some(Kind::Whole(whole)),
            (true, Err(_)) => written.parse().ok().map(Kind::Number),
            (false, _) => None,
        };
        number.ok_or_else(|| {
            let message = alloc::format!("`{}` is not a number", &self.text[at..self.at]);
            CallError::at(self.text, at, message)
        })
    }

    fn string(&mut self, quote: char) -> Result<Kind<'a>, CallError> {
        let at = self.at;
        self.at += 1;
        let inside = self.take(|c| c != quote && c != '\n' && c != '\\');
        if self.next() != Some(quote) {
            let message = match self.next() {
                Some('\\') => "a string with a backslash is not read",
                _ => "the string does not end",
            };
            return Err(CallError::at(self.text, at, message));
        }
        self.at += 1;
        Ok(Kind::Text(inside))
    }

    /// A tuple, or a value in parentheses.
    fn parenthesis(&mut self) -> Result<Kind<'a>, CallError> {
        let at = self.at;
        let mut values = self.list('(', ')', Self::value)?;
        let inside = self.text[at..self.at - 1].trim_end();
        match values.pop() {
            Some(only) if values.is_empty() && !inside.ends_with(',') => Ok(only.kind),
            last => {
                values.extend(last);
                Ok(Kind::List(values))
            }
        }
    }

    /// Parts between two marks, separated by commas.
    fn list<T>(
        &mut self,
        open: char,
        close: char,
        part: impl Fn(&mut Self) -> Result<T, CallError>,
    ) -> Result<Vec<T>, CallError> {
        let opened = self.at;
        self.at += open.len_utf8();
        let mut parts = Vec::new();
        while !self.mark(close) {
            if self.next().is_none() {
                let message = alloc::format!("`{open}` has no `{close}`");
                return Err(CallError::at(self.text, opened, message));
            }
            parts.push(part(self)?);
            self.skip();
            if self.next().is_some() && !self.mark(',') && self.next() != Some(close) {
                return Err(self.misplaced(&alloc::format!("`,` or `{close}` must follow")));
            }
        }
        Ok(parts)
    }

    fn argument(&mut self) -> Result<Argument<'a>, CallError> {
        self.skip();
        let at = self.at;
        let value = self.value()?;
        self.skip();
        if !matches!(value.kind, Kind::Name) || !self.rest().starts_with('=') {
            let name = None;
            return Ok(Argument { name, at, value });
        }
        self.at += 1;
        Ok(Argument {
            name: Some(value.written),
            at,
            value: self.value()?,
        })
    }

    fn entry(&mut self) -> Result<(Value<'a>, Value<'a>), CallError> {
        let key = self.value()?;
        match self.mark(':') {
            true => Ok((key, self.value()?)),
            false => Err(self.misplaced("`:` must follow the key")),
        }
    }
}
