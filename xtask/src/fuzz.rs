//! Inputs that libFuzzer makes for the readers of files from outside.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo_in, target_directory, workspace};

/// Its targets, each with a corpus of the same name.
pub(crate) const TARGETS: [&str; 2] = ["idx", "record"];

/// What instruments the code for libFuzzer, on stable Rust.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The memory above which an input has failed, in MiB: of the whole process.
const MEMORY: u32 = 64;

/// Runs a target on this many inputs, from those of its corpus on.
pub(crate) fn fuzz(target: &str, inputs: u64) -> Result<Command> {
    let directory = workspace().join("tests/fuzz");
    let work = target_directory().join("fuzz");
    // Inputs that the last call found; each call makes the same ones.
    let found = work.join(format!("found-{target}"));
    if found.exists() {
        fs::remove_dir_all(&found).with_context(|| format!("cannot empty {}", found.display()))?;
    }
    fs::create_dir_all(&found).with_context(|| format!("cannot create {}", found.display()))?;
    let mut command = cargo_in(&directory, "run");
    command
        .args(["--release", "--bin", target])
        // With a target named, the flags hold for it alone, not for macros and build scripts.
        .args(["--target", &host()?])
        .arg("--target-dir")
        .arg(&work)
        .arg("--")
        .arg(&found)
        .arg(directory.join("corpus").join(target))
        .arg(format!("-runs={inputs}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .args([
            "-seed=1",
            "-max_len=4096",
            "-timeout=5",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-artifact_prefix={}/{target}-", work.display()))
        .env("RUSTFLAGS", FLAGS);
    Ok(command)
}

/// The name of this machine's target.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).arg("-vV").output();
    let output = output.with_context(|| format!("cannot run {}", rustc.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("`rustc -vV` names no host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_corpus() {
        let directory = workspace().join("tests/fuzz");
        let names = |of: &str| {
            let entries = fs::read_dir(directory.join(of)).unwrap();
            let stems = entries.map(|entry| {
                let path = entry.unwrap().path();
                path.file_stem().unwrap().display().to_string()
            });
            let mut stems: Vec<_> = stems.collect();
            stems.sort();
            stems
        };
        assert_eq!(names("targets"), TARGETS);
        assert_eq!(names("corpus"), TARGETS);
        for target in TARGETS {
            let corpus = directory.join("corpus").join(target);
            assert!(fs::read_dir(corpus).unwrap().count() > 0, "{target}");
        }
    }
}
