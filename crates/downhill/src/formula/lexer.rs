//! A text as words, numbers and signs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::FormulaError;

/// The longest text, in bytes.
const LONGEST: usize = 10_000;

/// A word, a number or a sign, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The bytes of the text that it takes.
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Name(String),
    Number(f64),
    Sign(&'static str),
    /// The end of a line outside parentheses, or a semicolon.
    LineEnd,
    End,
}

/// All signs; those that begin with another come first.
const SIGNS: [&str; 16] = [
    "<=", ">=", "==", "!=", "**", "<", ">", "+", "-", "*", "/", "^", "(", ")", ",", "=",
];

/// The text of one key of a config.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// An error about the place at this byte.
    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> FormulaError {
        FormulaError {
            line_and_column: Some(line_and_column(self.text, at)),
            ..FormulaError::of(self.key, message)
        }
    }

    /// Splits the text.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, FormulaError> {
        let text = self.text;
        if text.len() > LONGEST {
            let message = format!("it has {} bytes, and {LONGEST} are allowed", text.len());
            return Err(FormulaError::of(self.key, message));
        }
        let (mut tokens, mut open) = (Vec::new(), 0_usize);
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let (kind, length) = match first {
                '\n' | ';' if open == 0 => (Kind::LineEnd, 1),
                '#' => {
                    at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                ' ' | '\t' | '\r' | '\n' => {
                    at += 1;
                    continue;
                }
                first if first.is_ascii_alphabetic() || first == '_' => {
                    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                    (Kind::Name(rest[..length].to_string()), length)
                }
                first if first.is_ascii_digit() || first == '.' => self.number(at)?,
                first => {
                    let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
                        return Err(self.error(at, format!("`{first}` has no meaning here")));
                    };
                    match *sign {
                        "==" | "!=" => {
                            let message = format!(
                                "`{sign}` is not there, for numbers are hardly ever equal; compare \
                                 with <, <=, > or >="
                            );
                            return Err(self.error(at, message));
                        }
                        "**" => return Err(self.error(at, "write a power as `a ^ b`")),
                        "(" => open += 1,
                        ")" => open = open.saturating_sub(1),
                        _ => {}
                    }
                    (Kind::Sign(sign), sign.len())
                }
            };
            let end = at + length;
            tokens.push(Token {
                kind,
                start: at,
                end,
            });
            at = end;
        }
        tokens.push(Token {
            kind: Kind::End,
            start: at,
            end: at,
        });
        Ok(tokens)
    }

    /// Reads the number at this byte: digits, a point, an exponent.
    fn number(&self, at: usize) -> Result<(Kind, usize), FormulaError> {
        let rest = &self.text[at..];
        let bytes = rest.as_bytes();
        let digits = |mut from: usize| {
            while bytes.get(from).is_some_and(u8::is_ascii_digit) {
                from += 1;
            }
            from
        };
        let mut length = digits(0);
        if bytes.get(length) == Some(&b'.') {
            length = digits(length + 1);
        }
        if let Some(b'e' | b'E') = bytes.get(length) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let end = digits(length + 1 + sign);
            if end > length + 1 + sign {
                length = end;
            }
        }
        let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let more = bytes[length..].iter().take_while(|byte| goes_on(byte));
        let whole = &rest[..length + more.count()];
        let number: Option<f64> = whole.parse().ok().filter(|_| whole.len() == length);
        let Some(number) = number else {
            let message = format!("`{whole}` is not a number; write `*` between factors");
            return Err(self.error(at, message));
        };
        let is_zero = !whole[..whole.find(['e', 'E']).unwrap_or(whole.len())]
            .contains(|digit: char| ('1'..='9').contains(&digit));
        if !number.is_finite() || number == 0.0 && !is_zero {
            let message = format!("`{whole}` is beyond the range of f64");
            return Err(self.error(at, message));
        }
        Ok((Kind::Number(number), length))
    }
}

/// The line and column of a byte, counted from 1, the column in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

/// Whether a text is a word.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns a text without spaces, comments and empty lines, on one line.
pub(super) fn on_one_line(text: &str, tokens: &[Token]) -> String {
    let mut line = String::new();
    for token in tokens {
        match token.kind {
            Kind::LineEnd | Kind::End => {
                let end = line.trim_end_matches(['\u{20}', ';']).len();
                line.truncate(end);
                if !line.is_empty() {
                    line.push_str("; ");
                }
            }
            _ => {
                line.push_str(&text[token.start..token.end]);
                line.push(' ');
            }
        }
    }
    line.trim_end_matches(['\u{20}', ';']).to_string()
}
