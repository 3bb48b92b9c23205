//! Output of commands.

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

/// Writes text to standard error, where nothing can be said of a failure.
pub fn print_error(text: &str) {
    let _ = print(&mut io::stderr(), text);
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
    fn only_a_reader_that_is_gone_is_no_error() {
        assert!(print(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(print(&mut Failing(ErrorKind::StorageFull), "text").is_err());
    }
}
