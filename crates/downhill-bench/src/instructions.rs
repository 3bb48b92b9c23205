//! Instructions of fixed work, counted by valgrind: what noise cannot touch.
//!
//! Each piece of work is done a few times and many times, in processes of their own; the difference
//! is what it takes, without what comes before and after. valgrind knows no AVX-512 and hides it,
//! so that the paths by AVX2 are counted. It counts an instruction for each byte that `rep stosb`
//! and `rep movsb` write, so glibc is told not to fill and copy with those.

mod counts;
mod work;

use std::env;
use std::io::Write;
use std::process::Command;

use counts::{Counts, FILE};

pub(crate) use work::{Work, perform};

use crate::failure::Failure;

/// How often the work is done in the two processes.
const TIMES: [u64; 2] = [3, 8];

/// How much a count may grow.
const BOUND: f64 = 1.03;

/// Tells glibc to fill and copy with vectors, whatever the size.
const WITH_VECTORS: &str = "glibc.cpu.x86_rep_stosb_threshold=1073741824:\
                            glibc.cpu.x86_rep_movsb_threshold=1073741824";

/// Counts, then compares with the record or replaces it.
pub(crate) fn run(write: bool) -> Result<(), Failure> {
    if !has_avx2() {
        return Err("the counts on record are of AVX2, which this processor has not".into());
    }
    let mut counts = Counts::default();
    for work in Work::ALL {
        counts.insert(work.name(), count(work)?);
    }
    let mut out = std::io::stdout();
    if write {
        counts.write()?;
        writeln!(out, "{counts}\nwritten to {FILE}")?;
        return Ok(());
    }
    let recorded = Counts::read()?;
    writeln!(out, "{}", counts.beside(&recorded))?;
    let grown = counts.grown_since(&recorded, BOUND);
    if grown.is_empty() {
        return Ok(());
    }
    let percent = (BOUND - 1.0) * 100.0;
    Err(format!(
        "more than {percent:.0} % more instructions than on record: {}; if that is meant, or the \
         compiler is another, renew {FILE} by `cargo xtask bench --instructions --write`",
        grown.join(", ")
    )
    .into())
}

/// Instructions of the work done once.
fn count(work: Work) -> Result<u64, Failure> {
    let [few, many] = TIMES;
    let [of_few, of_many] = [total(work, few)?, total(work, many)?];
    Ok(of_many.saturating_sub(of_few) / (many - few))
}

/// Returns the instructions of a whole process that does the work this number of times.
fn total(work: Work, times: u64) -> Result<u64, Failure> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--perform", work.name()])
        .args(["--times", &times.to_string()])
        // Waiting threads spin for a while before they sleep.
        .env("RAYON_NUM_THREADS", "1")
        .env("GLIBC_TUNABLES", WITH_VECTORS);
    let output = command.output();
    let output = output.map_err(|error| format!("cannot run valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| {
        let (_, number) = line.split_once("Collected : ")?;
        number.trim().parse().ok()
    });
    match collected {
        Some(instructions) if output.status.success() => Ok(instructions),
        _ => Err(format!("`{}` failed under valgrind:\n{said}", work.name()).into()),
    }
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
