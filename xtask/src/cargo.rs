//! Running cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use downhill_cli::repeat::quoted;

/// The directory of the workspace.
pub(crate) fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("xtask lies in the workspace")
}

/// The target directory: that of cargo's environment variable, or the default.
pub(crate) fn target_directory() -> PathBuf {
    let directory = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace().join(directory)
}

/// `cargo SUBCOMMAND` on this workspace, in the current directory: paths that a user gave keep
/// their meaning.
pub(crate) fn cargo(subcommand: &str) -> Command {
    if subcommand == "fmt" {
        // `cargo fmt --manifest-path` formats the one package, which a virtual manifest has not.
        let mut command = program();
        command.arg(subcommand).current_dir(workspace());
        return command;
    }
    cargo_in(workspace(), subcommand)
}

/// `cargo SUBCOMMAND` on the project of another directory.
pub(crate) fn cargo_in(project: &Path, subcommand: &str) -> Command {
    let mut command = program();
    let manifest = project.join("Cargo.toml");
    command.arg(subcommand).arg("--manifest-path").arg(manifest);
    command
}

fn program() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Replaces this process by another program, whose exit code or signal becomes ours. Ctrl-C reaches
/// it directly.
#[cfg(unix)]
pub(crate) fn become_command(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", line(command)))
}

/// Runs a program to its end and returns its exit code. Ctrl-C also reaches the program; this
/// process ignores it and waits.
#[cfg(not(unix))]
pub(crate) fn become_command(command: &mut Command) -> Result<ExitCode> {
    ctrlc::set_handler(|| {}).context("cannot watch for Ctrl-C")?;
    let status = run(command)?;
    Ok(ExitCode::from(exit_code(status)))
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    let status = command.status();
    status.with_context(|| format!("cannot run {}", line(command)))
}

/// The exit code of a process, as a shell would give it: 128 + n where signal n ended it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + (signal & 0x7f) as u8;
    }
    match status.code() {
        Some(code) => u8::try_from(code).unwrap_or(u8::MAX),
        None => u8::MAX,
    }
}

/// The command as a line for a shell.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = [name].into_iter().chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| quoted(&word.display().to_string()))
        .collect();
    words.join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The arguments of a command, without the path of the manifest.
    pub(crate) fn arguments(command: &Command) -> Vec<String> {
        let arguments = command.get_args();
        let texts = arguments.map(|argument| argument.display().to_string());
        let mut texts: Vec<_> = texts.collect();
        if let Some(place) = texts.iter().position(|text| text == "--manifest-path") {
            texts.drain(place..place + 2);
        }
        texts
    }

    #[test]
    fn the_workspace_is_where_its_lock_file_is() {
        assert!(workspace().join("Cargo.lock").is_file());
    }

    #[cfg(unix)]
    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let code = |script| {
            let status = run(Command::new("sh").args(["-c", script])).unwrap();
            exit_code(status)
        };
        assert_eq!(code("exit 0"), 0);
        assert_eq!(code("exit 101"), 101);
        // Not SIGINT: a shell starts background jobs with it ignored.
        assert_eq!(code("kill -TERM $$"), 143);
        assert_eq!(code("kill -KILL $$"), 137);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(Command::new("/nowhere/carg").arg("test")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run carg test");
    }
}
