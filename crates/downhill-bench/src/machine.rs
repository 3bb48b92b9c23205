//! Where and when figures were made, and of what.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::process::Command;

use serde::Serialize;

/// The conditions of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    date: String,
    commit: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cores = std::thread::available_parallelism();
        Self {
            processor: processor(),
            cores: cores.map_or(1, std::num::NonZero::get),
            date: said_by("date", &["-u", "+%Y-%m-%d"]),
            commit: said_by("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            cores,
            date,
            commit,
        } = self;
        write!(f, "{processor}, {cores} cores, {date}, commit {commit}")
    }
}

/// As Linux names it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let mut name = name.unwrap_or_else(|| "unknown processor".to_owned());
    if text.contains("avx512f") {
        name.push_str(" (AVX-512)");
    }
    name
}

/// What a program prints, or that it is unknown.
fn said_by(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
