//! `cargo xtask check`: what must hold before a commit, cheapest first.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cargo::{cargo, exit_code, line, run as run_command};
use crate::{say, test};

/// Runs the checks up to the first that fails.
pub(crate) fn run() -> Result<ExitCode> {
    for (name, mut command) in checks() {
        say(&format!("\nxtask: {name}: {}", line(&command)));
        let code = exit_code(run_command(&mut command)?);
        if code != 0 {
            say(&format!(
                "\nxtask: {name} failed (exit code {code}); what follows was not run"
            ));
            return Ok(ExitCode::from(1));
        }
    }
    test::run_flex_built_with_all()
}

fn checks() -> [(&'static str, Command); 3] {
    let mut format = cargo("fmt");
    format.args(["--all", "--check"]);
    let mut lints = cargo("clippy");
    lints
        .args(["--workspace", "--all-targets"])
        .arg(test::ALL_BACKENDS)
        .args(["--", "-D", "warnings"]);
    let mut documentation = cargo("doc");
    documentation
        .args(["--workspace", "--no-deps"])
        .arg(test::ALL_BACKENDS)
        .env("RUSTDOCFLAGS", "-D warnings");
    [
        ("format", format),
        ("lints", lints),
        ("documentation", documentation),
    ]
}
