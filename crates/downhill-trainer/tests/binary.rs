//! The binary `downhill` where its output cannot be written.

#![cfg(all(
    target_os = "linux",
    feature = "flex",
    feature = "schema",
    feature = "completions"
))]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = "\
# Does it train?
seeds = 1
data = { train_images = 50, test_images = 20 }
model.hidden = [5]
training = { batch = 10, updates = 2, evaluate_every = 2 }
";

/// Runs a shell command in a directory with a config; `downhill` is the binary.
fn shell(directory: &Path, command: &str) -> Output {
    fs::write(directory.join("small.toml"), CONFIG).expect("a config");
    let downhill = format!(
        "downhill() {{ '{}' \"$@\"; }}",
        env!("CARGO_BIN_EXE_downhill")
    );
    Command::new("sh")
        .args(["-c", &format!("{downhill}; {command}")])
        .current_dir(directory)
        .output()
        .expect("a shell")
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in [
        "schema",
        "completions zsh",
        "train small.toml --quiet --json",
        "train small.toml --quiet",
        "runs --json",
        "runs",
        "report runs",
    ] {
        let output = shell(directory.path(), &format!("downhill {command} > /dev/full"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{command}: {said}");
        assert!(
            said.contains("cannot write standard output"),
            "{command}: {said}"
        );
    }
    // What was trained is kept.
    let output = shell(directory.path(), "downhill runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 finished runs"));
}

#[test]
fn a_reader_that_is_gone_is_no_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in ["schema", "completions zsh", "runs"] {
        let text = format!("(sleep 0.2; downhill {command}; echo $? >&2) | true");
        let output = shell(directory.path(), &text);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n", "{command}");
    }
}

#[test]
fn a_file_over_the_limit_of_the_shell_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = shell(
        directory.path(),
        "ulimit -f 1; downhill train small.toml --quiet",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("File too large"), "{said}");
}

#[test]
fn the_first_interrupt_ends_a_gradient_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
    let command = format!(
        "timeout -s INT 0.3 '{}' train {configs}/gradient-check.toml; echo $?; ls",
        env!("CARGO_BIN_EXE_downhill")
    );
    let output = shell(directory.path(), &command);
    // 124 says that the time was up, whatever the exit code was.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.ends_with("124\nsmall.toml\n"),
        "a report was made: {said}"
    );
}

#[cfg(feature = "wgpu")]
#[test]
fn a_gpu_is_looked_for_without_complaints_of_a_missing_desktop() {
    let directory = tempfile::tempdir().expect("a directory");
    // The device is opened before the weights are found to be none.
    let output = shell(
        directory.path(),
        "unset XDG_RUNTIME_DIR; downhill evaluate --weights small.toml --config small.toml \
         --backend wgpu",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("XDG_RUNTIME_DIR"), "{said}");
}
