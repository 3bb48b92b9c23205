//! Output of commands.

use std::io::Write;

/// Writes text and flushes. Ignores errors: a reader may close the pipe early.
pub fn print(out: &mut dyn Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
