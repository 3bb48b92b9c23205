//! The command line that repeats a training.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::path::Path;

use crate::train::TrainArguments;

/// Returns what the user called: `cargo xtask`; `cargo run --` in a project that extends the
/// laboratory; or the program itself if cargo did not start it.
pub fn program() -> String {
    let package = env::var("CARGO_PKG_NAME").ok();
    program_of(package.as_deref(), env::args_os().next().as_deref())
}

/// The packages that `cargo xtask` runs, and those of the tests.
const OWN: [&str; 5] = [
    "xtask",
    "downhill-bench",
    "downhill-cli",
    "downhill-tests",
    "downhill-trainer",
];

fn program_of(package: Option<&str>, called: Option<&OsStr>) -> String {
    match package {
        Some(package) if OWN.contains(&package) => "cargo xtask".to_owned(),
        Some(_) => "cargo run --".to_owned(),
        None => {
            let name = called.and_then(|called| Path::new(called).file_name()?.to_str());
            let name = name.map(|name| name.strip_suffix(EXE_SUFFIX).unwrap_or(name));
            quoted(name.unwrap_or("downhill"))
        }
    }
}

/// Returns the command that repeats the training.
pub fn command(arguments: &TrainArguments) -> String {
    let mut words = vec![format!("{} train", program()), quoted(&arguments.config)];
    words.push(format!("--backend {}", arguments.backend.name()));
    words.extend(
        arguments
            .overrides
            .iter()
            .map(|text| format!("--set {}", quoted(text))),
    );
    words.extend(arguments.seed.map(|seed| format!("--seed {seed}")));
    words.extend(arguments.seeds.map(|seeds| format!("--seeds {seeds}")));
    words.extend(
        arguments
            .methods
            .iter()
            .map(|name| format!("--method {}", quoted(name))),
    );
    words.extend((arguments.ensemble).map(|members| format!("--ensemble {members}")));
    if let Some(directory) = &arguments.data_dir {
        words.push(format!(
            "--data-dir {}",
            quoted(&directory.display().to_string())
        ));
    }
    words.join(" ")
}

/// Returns the word, quoted for a POSIX shell if necessary.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_as_it_was_called() {
        let named = |package, called: &str| program_of(package, Some(OsStr::new(called)));
        assert_eq!(named(Some("xtask"), "target/debug/xtask"), "cargo xtask");
        assert_eq!(named(Some("downhill-trainer"), "downhill"), "cargo xtask");
        assert_eq!(named(Some("downhill-of-mine"), "lab"), "cargo run --");
        assert_eq!(named(None, "/usr/bin/downhill-0.1.0"), "downhill-0.1.0");
        assert_eq!(named(None, "./my lab"), "'my lab'");
        assert_eq!(program_of(None, None), "downhill");
    }
}
