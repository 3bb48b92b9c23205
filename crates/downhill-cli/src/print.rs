//! Output of commands.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};

/// Writes text and flushes. A reader may close the pipe early: that is no error.
///
/// # Errors
///
/// Any other failure, such as a full disk.
pub fn print(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes text to standard error, where nothing can be said of a failure. Control characters are
/// escaped.
pub fn print_error(text: &str) {
    let _ = print(&mut io::stderr(), &escaped(text));
}

/// The text with its control characters escaped, except those of lines and tabs, so that names and
/// values from elsewhere do not change the terminal.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_harmful = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for it in text.chars() {
        match is_harmful(it) {
            true => safe.extend(it.escape_default()),
            false => safe.push(it),
        }
    }
    Cow::Owned(safe)
}

/// The text, without its middle where it is long.
pub fn shortened(text: &str) -> Cow<'_, str> {
    /// Bytes shown at the beginning and at the end.
    const SHOWN: [usize; 2] = [3000, 1000];
    let [first, last] = SHOWN;
    if text.len() <= first + last {
        return Cow::Borrowed(text);
    }
    let (end, start) = (
        text.floor_char_boundary(first),
        text.ceil_char_boundary(text.len() - last),
    );
    let left_out = start - end;
    Cow::Owned(format!(
        "{} [{left_out} bytes left out] {}",
        &text[..end],
        &text[start..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escaped("a\tb\nλ"), "a\tb\nλ");
        assert_eq!(escaped("\u{1b}[2J\r\u{9b}"), "\\u{1b}[2J\\r\\u{9b}");
    }

    #[test]
    fn a_long_text_loses_its_middle() {
        let text = "λ".repeat(1900);
        assert_eq!(shortened(&text), text);
        let text = format!("<{}>", "λ".repeat(50_000));
        let short = shortened(&text);
        assert!(short.len() < 4100 && short.starts_with("<λ") && short.ends_with("λ>"));
        assert!(short.contains("bytes left out"), "{short}");
    }

    #[test]
    fn only_a_reader_that_is_gone_is_no_error() {
        assert!(print(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(print(&mut Failing(ErrorKind::StorageFull), "text").is_err());
    }
}
