//! `cargo xtask check`: what must hold before a commit, cheapest first.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::cargo::{cargo, exit_code, line, run as run_command};
use crate::say::say;
use crate::{interface, layers, lines, test};

/// Check format, layers, lints, package and documentation, then run the tests on flex
///
/// Stops at the first failure. Exit codes: 0 all passed, 1 one failed, 5 cargo could not be run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave out the tests, where `cargo xtask test` follows
    #[arg(long)]
    no_tests: bool,
}

/// Runs the checks up to the first that fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let [format, others @ ..] = checks();
    if let Some(code) = failed(format)? {
        return Ok(code);
    }
    for (name, wrong) in [
        ("layers", layers::violations()?),
        ("line width", lines::too_long()?),
    ] {
        say(&format!("\nxtask: {name}"));
        if let Some(code) = differs(name, &wrong) {
            return Ok(code);
        }
    }
    for check in others {
        if let Some(code) = failed(check)? {
            return Ok(code);
        }
    }
    say("\nxtask: interface of downhill");
    if let Some(code) = differs("interface of downhill", &interface::changes()?) {
        return Ok(code);
    }
    match arguments.no_tests {
        true => Ok(ExitCode::SUCCESS),
        false => test::run_flex_built_with_all(),
    }
}

/// Runs a check; returns the exit code if it failed.
fn failed((name, mut command): (&str, Command)) -> Result<Option<ExitCode>> {
    say(&format!("\nxtask: {name}: {}", line(&command)));
    let code = exit_code(run_command(&mut command)?);
    Ok((code != 0).then(|| stopped(name)))
}

/// Says what is wrong; returns the exit code if anything is.
fn differs(name: &str, wrong: &[String]) -> Option<ExitCode> {
    (!wrong.is_empty()).then(|| {
        say(&wrong.join("\n"));
        stopped(name)
    })
}

fn stopped(name: &str) -> ExitCode {
    say(&format!(
        "\nxtask: {name} failed; the checks after it were not run"
    ));
    ExitCode::from(1)
}

fn checks() -> [(&'static str, Command); 6] {
    let mut format = cargo("fmt");
    format.args(["--all", "--check"]);
    let mut lints = cargo("clippy");
    lints
        .args(["--workspace", "--all-targets"])
        .arg(test::ALL_BACKENDS)
        .args(["--", "-D", "warnings"]);
    // Without building the packed sources: that would compile Burn again, and the consumer of the
    // tests builds the same sources. Offline, because everything has been downloaded by now.
    let mut package = cargo("package");
    package
        .args(["-p", "downhill", "--allow-dirty"])
        .args(["--no-verify", "--offline"]);
    // The rules without the passes of flex, as other backends use them.
    let mut without_flex = cargo("clippy");
    without_flex
        .args(["-p", "downhill", "--lib"])
        .args(["--no-default-features", "--features", "burn/std"])
        .args(["--", "-D", "warnings"]);
    // The tests build wgpu without Burn's fusion, with which a software driver is very slow.
    let mut with_fusion = cargo("clippy");
    with_fusion
        .args(["-p", "downhill", "--lib"])
        .args(["--features", "wgpu,fusion"])
        .args(["--", "-D", "warnings"]);
    let mut documentation = cargo("doc");
    documentation
        .args(["--workspace", "--no-deps"])
        .arg(test::ALL_BACKENDS)
        .env("RUSTDOCFLAGS", "-D warnings");
    [
        ("format", format),
        ("lints", lints),
        ("package", package),
        ("without flex", without_flex),
        ("with fusion", with_fusion),
        ("documentation", documentation),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_sources_with_documents_and_licences() {
        let mut list = cargo("package");
        list.args(["-p", "downhill", "--allow-dirty", "--list", "--offline"]);
        let output = list.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let files = String::from_utf8(output.stdout).unwrap();
        let others = ["src/", "Cargo.", ".cargo_vcs_info.json"];
        let documents: Vec<_> = files
            .lines()
            .filter(|file| !others.iter().any(|other| file.starts_with(other)))
            .collect();
        let expected = [
            "COMBINATIONS.md",
            "COVERAGE.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "OPTIMIZERS.md",
            "PRECISION.md",
            "README.md",
        ];
        assert_eq!(documents, expected);
        let library = crate::cargo::workspace().join("crates/downhill");
        for licence in &expected[2..4] {
            let packed = std::fs::read(library.join(licence)).unwrap();
            let licence = crate::cargo::workspace().join(licence);
            assert_eq!(packed, std::fs::read(licence).unwrap());
        }
    }
}
