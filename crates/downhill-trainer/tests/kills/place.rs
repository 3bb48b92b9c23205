//! A directory in which the program runs, with all that it leaves there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// A small set of images: that of the program takes longer to read than these tests take to train.
static IMAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
    fs::create_dir_all(&directory).expect("a directory");
    let idx = |dimensions: &[u32], bytes: Vec<u8>| {
        let head = [0, 0, 8, dimensions.len() as u8].into_iter();
        let sizes = dimensions.iter().flat_map(|size| size.to_be_bytes());
        head.chain(sizes).chain(bytes).collect::<Vec<u8>>()
    };
    for (part, images) in [("train", 500_u32), ("t10k", 200)] {
        // Each class has a stripe of its own, and there is noise.
        let pixel = |at: u32| match (at % 784) / 78 == (at / 784) % 10 {
            true => 200 + at % 50,
            false => at.wrapping_mul(2_654_435_761) >> 25,
        };
        let pixels = (0..784 * images).map(|at| pixel(at) as u8).collect();
        let labels = (0..images).map(|image| (image % 10) as u8).collect();
        for (name, bytes) in [
            ("images-idx3", idx(&[images, 28, 28], pixels)),
            ("labels-idx1", idx(&[images], labels)),
        ] {
            let path = directory.join(format!("{part}-{name}-ubyte"));
            fs::write(path, bytes).expect("a file of images");
        }
    }
    directory
});

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
            .env("DOWNHILL_DATA_DIR", &*IMAGES)
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

    /// Asserts that the same is kept here as there.
    pub(crate) fn assert_same(&self, expected: &BTreeMap<String, Vec<u8>>, what: &str) {
        let found = self.kept();
        let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        let differ: Vec<_> = (names.into_iter())
            .filter(|name| found.get(*name) != expected.get(*name))
            .collect();
        assert!(differ.is_empty(), "{what}: {differ:?}");
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
    /// The most updates in a complete checkpoint of an ensemble; 0 if there is none.
    pub(crate) fn ensemble_updates(&self) -> u64 {
        let ensembles = fs::read_dir(self.0.path().join("runs/ensembles"));
        let ensembles = ensembles.into_iter().flatten().flatten();
        let files = ensembles.flat_map(|it| fs::read_dir(it.path()).into_iter().flatten());
        let names = files.flatten().map(|file| file.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.split('-').nth(1)?.parse().ok());
        numbers.max().unwrap_or(0)
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
