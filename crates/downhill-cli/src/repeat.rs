//! The command line that repeats a training.

use std::env;
use std::path::Path;

use crate::train::TrainArguments;

/// Returns what the user called: `cargo xtask`; `cargo run --` in a project that extends the
/// laboratory; or the program itself if cargo did not start it.
pub fn program() -> String {
    match env::var("CARGO_PKG_NAME") {
        Ok(package) if package == "xtask" || package.starts_with("downhill-") => {
            "cargo xtask".to_owned()
        }
        Ok(_) => "cargo run --".to_owned(),
        Err(_) => {
            let executable = env::current_exe().ok();
            let name = executable.as_deref().and_then(Path::file_stem);
            name.map_or_else(|| "downhill".to_owned(), |name| name.display().to_string())
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
