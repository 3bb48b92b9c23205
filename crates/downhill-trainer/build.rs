//! Gives the program the fingerprint of its code.

use std::path::Path;

#[path = "src/code/fingerprint.rs"]
mod fingerprint;

fn main() {
    let root = Path::new("../..");
    println!("cargo::rerun-if-changed=src/code/fingerprint.rs");
    for source in fingerprint::SOURCES.iter().chain([&fingerprint::LOCK]) {
        println!("cargo::rerun-if-changed=../../{source}");
    }
    // Without the workspace around it, its version says which code it is.
    let code = fingerprint::fingerprint(root).unwrap_or_else(|_| env!("CARGO_PKG_VERSION").into());
    println!("cargo::rustc-env=DOWNHILL_CODE={code}");
}
