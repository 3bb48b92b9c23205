//! Generated documents of the library.

use std::fs;
use std::path::Path;

/// Checks that a document of `crates/downhill` is what the code makes. If this fails after an
/// intended change, the expected document is in `target/tmp`; the message has the command that
/// copies it.
#[track_caller]
pub(crate) fn assert_up_to_date(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/downhill");
    let path = path.join(name);
    let found = fs::read_to_string(&path).expect("the document is there");
    // Git may have changed the ends of lines.
    if found.lines().eq(expected.lines()) {
        return;
    }
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&copy, expected).expect("the document can be written");
    panic!(
        "{} is out of date; update it with\ncp {} {}",
        path.display(),
        copy.display(),
        path.display()
    );
}
