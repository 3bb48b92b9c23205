//! A directory for the files of a benchmark.
//!
//! The crate `tempfile` would turn on further features of crates that Burn depends on, so that the
//! benchmarks would compile Burn once more than the trainer.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, process};

/// A new directory, deleted with its files when it is dropped.
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Creates the directory among the system's temporary files.
    ///
    /// # Errors
    ///
    /// A directory that cannot be created, or is there already.
    pub(crate) fn new() -> io::Result<Self> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("downhill-bench-{}-{number}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
