//! A directory in which the program runs, with all that it leaves there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A directory with a config.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("some.toml"), config).expect("a config");
        Self(directory)
    }

    /// The program with these arguments.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_downhill"));
        program
            .args(arguments)
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        program
    }

    /// The training with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut program = self.program(&["train", "some.toml"]);
        program.args(arguments);
        program
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("it starts")
    }

    pub(crate) fn train(&self, arguments: &[&str]) -> Output {
        let program = self.start(arguments);
        program.wait_with_output().expect("it ends")
    }

    /// The directories of the runs.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.0.path().join("runs/trainings"));
        let mut runs: Vec<_> = (runs.into_iter().flatten().flatten())
            .map(|run| run.path())
            .collect();
        runs.sort();
        runs
    }

    /// All that does not depend on the time that it took: records, weights, and what reports
    /// contain besides their pages.
    pub(crate) fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let reports = self.0.path().join("runs/reports");
        let reports = fs::read_dir(reports).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = reports.map(|entry| entry.path()).collect();
        for run in self.runs() {
            let entries = fs::read_dir(run).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()));
        }
        let name = |path: &Path| {
            let root = self.0.path();
            path.strip_prefix(root)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        files.retain(|path| !path.ends_with("timing.json") && !path.ends_with("lock"));
        files.retain(|path| {
            path.extension()
                .is_none_or(|it| it != "html" && it != "csv")
        });
        let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| error.to_string().into());
        files.iter().map(|path| (name(path), read(path))).collect()
    }

    /// The complete checkpoints of all runs, oldest first.
    pub(crate) fn checkpoints(&self) -> Vec<PathBuf> {
        let directories = self.runs().into_iter().map(|run| run.join("checkpoints"));
        let entries = directories.flat_map(|it| fs::read_dir(it).into_iter().flatten().flatten());
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_none());
        files.sort();
        files
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn signal(program: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &program.id().to_string()])
        .status();
    assert!(kill.is_ok_and(|status| status.success()));
}

/// Whether the long tests run: `cargo xtask test --long`.
pub(crate) fn is_long() -> bool {
    std::env::var_os("DOWNHILL_LONG").is_some()
}
