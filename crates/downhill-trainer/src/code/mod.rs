//! Which code makes a run: versions, fingerprint and commit.

mod fingerprint;

use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, OnceLock};
use std::{env, fs};

use downhill::OptimizerConfig;
use downhill_data::hex;
use downhill_report::record::Versions;
use sha2::{Digest, Sha256};

use crate::error::TrainError;

use fingerprint::fingerprint;

/// The version of Burn that all crates here are pinned to.
const BURN_VERSION: &str = "0.22.1";

/// The fingerprint of the program, if it has code of others that computes.
static OF_PROGRAM: OnceLock<String> = OnceLock::new();

/// Makes the program itself a part of what tells its code apart: its sources are not known.
pub(crate) fn include_executable() -> Result<(), TrainError> {
    if OF_PROGRAM.get().is_some() {
        return Ok(());
    }
    let path = env::current_exe().unwrap_or_default();
    let program = fs::read(&path).map_err(TrainError::file("cannot read", &path))?;
    OF_PROGRAM.get_or_init(|| {
        let mut hash = hex(&Sha256::digest(program));
        hash.truncate(env!("DOWNHILL_CODE").len());
        hash
    });
    Ok(())
}

/// Returns the versions of this program.
pub(crate) fn versions() -> Versions {
    static COMMIT: LazyLock<Option<String>> = LazyLock::new(commit);
    if !OptimizerConfig::registered().is_empty() {
        // `Laboratory` has said why if it fails.
        let _ = include_executable();
    }
    let code = OF_PROGRAM
        .get()
        .map_or(env!("DOWNHILL_CODE"), String::as_str);
    Versions {
        downhill: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN_VERSION.to_owned(),
        code: code.to_owned(),
        commit: COMMIT.clone(),
    }
}

/// The commit that this program was built from, if its sources are still there and are the same.
fn commit() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if fingerprint(&root).ok()? != env!("DOWNHILL_CODE") {
        return None;
    }
    let commit = git(&root, &["rev-parse", "--short=12", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--", fingerprint::LOCK];
    status.extend(fingerprint::SOURCES);
    match git(&root, &status)?.is_empty() {
        true => Some(commit),
        false => Some(format!("{commit} with changes")),
    }
}

/// What git prints in a directory; `None` without git or outside a repository.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .args(["--no-optional-locks", "-C"])
        .arg(root)
        .args(arguments);
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
