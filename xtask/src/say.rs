//! Messages of xtask itself.

use std::io::{self, Write};

/// Prints a line to stderr, where cargo writes too. Ignores a closed pipe.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
