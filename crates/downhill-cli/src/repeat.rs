//! The command line that repeats a training.

use std::env;

use crate::train::TrainArguments;

/// Returns what the user called: `cargo xtask`, or the program itself if cargo did not start it.
pub fn program() -> &'static str {
    match env::var_os("CARGO_MANIFEST_DIR") {
        Some(_) => "cargo xtask",
        None => "downhill",
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
