//! Gives the program the fingerprint of its code, and its experiments.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "src/code/fingerprint.rs"]
mod fingerprint;

fn main() -> io::Result<()> {
    let root = Path::new("../..");
    println!("cargo::rerun-if-changed=src/code/fingerprint.rs");
    for source in fingerprint::SOURCES.iter().chain([&fingerprint::LOCK]) {
        println!("cargo::rerun-if-changed=../../{source}");
    }
    // Without the workspace around it, its version says which code it is.
    let code = fingerprint::fingerprint(root).unwrap_or_else(|_| env!("CARGO_PKG_VERSION").into());
    println!("cargo::rustc-env=DOWNHILL_CODE={code}");

    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_CONFIGS").is_some() {
        files = configs(&root.join("configs"))?;
    }
    let mut text = "const CONFIGS: &[(&str, &str)] = &[\n".to_owned();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let contents = fs::read_to_string(&file)?;
        let _ = writeln!(text, "    ({name:?}, {contents:?}),");
    }
    text.push_str("];\n");
    let directory = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(directory.join("configs.rs"), text)
}

/// The files of a directory of experiments, in the order of their names.
fn configs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
