//! The Python interpreter that has a package of the benchmarks' peers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the first of the interpreters that can import the package.
///
/// # Errors
///
/// If an interpreter does not run, or none has the package; the error says how to install it.
pub fn with_package<'a>(package: &str, pythons: &'a [PathBuf]) -> Result<&'a Path, String> {
    for python in pythons {
        if has(python, package)? {
            return Ok(python);
        }
    }
    let asked: Vec<_> = pythons
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Err(format!(
        "no Python interpreter with the package `{package}` (asked: {}); get it by `{} -m pip \
         install -r crates/downhill-bench/peers/requirements.txt`",
        asked.join(", "),
        asked.first().map_or("python3", String::as_str),
    ))
}

/// Looks for the package without importing it, because importing PyTorch takes seconds.
fn has(python: &Path, package: &str) -> Result<bool, String> {
    let script =
        "import importlib.util, sys; sys.exit(3 * (not importlib.util.find_spec(sys.argv[1])))";
    let mut command = Command::new(python);
    command.args(["-c", script, package]).stdin(Stdio::null());
    let shown = python.display();
    match command.status() {
        Ok(status) => match status.code() {
            Some(0) => Ok(true),
            Some(3) => Ok(false),
            _ => Err(format!(
                "the Python interpreter {shown} does not work: {status}"
            )),
        },
        Err(error) => Err(format!(
            "cannot run the Python interpreter {shown}: {error}"
        )),
    }
}
