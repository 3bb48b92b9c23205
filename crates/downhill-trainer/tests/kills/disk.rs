//! Faults at each operation on the disk, by a library that the program loads first (`disk.c`).

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::Instant;

use crate::place::{Place, is_long, text};

/// One run with evaluations, checkpoints, weights and a report.
const RUN: Case = Case {
    config: "\
# Is it on the disk?
seeds = 1
data = { train_images = 100, test_images = 50, validation_images = 20 }
model = { hidden = [10], batch_norm = 'torch' }
training = { batch = 20, updates = 6, evaluate_every = 3 }
[methods.adam]
[methods.adam.training.early_stopping]
",
    arguments: &[
        "--quiet",
        "--save-weights",
        "--checkpoint-every",
        "2",
        "--workers",
        "1",
    ],
};

/// Three runs that train together.
const ENSEMBLE: Case = Case {
    config: "\
# Are they on the disk?
seeds = 3
data = { train_images = 100, test_images = 50 }
model.hidden = [10]
training = { batch = 20, updates = 4, evaluate_every = 2 }
[methods.sgd]
",
    arguments: &[
        "--quiet",
        "--checkpoint-every",
        "2",
        "--workers",
        "1",
        "--ensemble",
        "3",
    ],
};

/// A config and the arguments that train it.
struct Case {
    config: &'static str,
    arguments: &'static [&'static str],
}

/// The library, compiled once. Rust's linker is a C compiler, too.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kills/disk.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .args([&library, &source])
        .output()
        .expect("a C compiler");
    assert!(built.status.success(), "{}", text(&built.stderr));
    library
});

/// What a program does to the disk, and to which file.
#[derive(Debug)]
struct Operation {
    name: String,
    path: String,
    /// The new name.
    to: String,
}

impl Place {
    fn root(&self) -> PathBuf {
        fs::canonicalize(self.0.path()).expect("a directory")
    }

    /// The training with the library.
    fn with_library(&self, case: &Case) -> Command {
        let mut program = self.command(case.arguments);
        program
            .env("LD_PRELOAD", &*LIBRARY)
            .env("DISK_BELOW", self.root().join("runs"))
            .env("DISK_LOG", self.root().join("operations"));
        program
    }

    /// Trains with a fault at an operation, from 1.
    fn train_with(&self, case: &Case, fault: &str, number: usize) -> Output {
        let mut program = self.with_library(case);
        program
            .env("DISK_FAULT", fault)
            .env("DISK_AT", number.to_string());
        program.output().expect("it ends")
    }

    /// The names of all files.
    fn names(&self) -> Vec<String> {
        fn walk(directory: &Path, into: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => walk(&path, into),
                    path => into.push(path),
                }
            }
        }
        let mut paths = Vec::new();
        walk(&self.0.path().join("runs"), &mut paths);
        let root = self.0.path();
        let relative = |path: &PathBuf| path.strip_prefix(root).map(|it| it.display().to_string());
        let mut names: Vec<_> = paths
            .iter()
            .filter_map(|path| relative(path).ok())
            .collect();
        names.sort();
        names
    }

    /// Asserts that the command, repeated without a fault, leaves what it would have left.
    fn assert_continues_to(&self, whole: &Self, case: &Case, what: &str) {
        let output = self.train(case.arguments);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{what}: {said}");
        assert_eq!(said, "", "{what}: no checkpoint is damaged");
        assert_eq!(self.names(), whole.names(), "{what}");
        assert!(self.kept() == whole.kept(), "{what}");
    }
}

/// What an uninterrupted command leaves, and its operations.
fn whole(case: &Case) -> (Place, Vec<Operation>) {
    let place = Place::new(case.config);
    let output = place.with_library(case).output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let log = fs::read_to_string(place.0.path().join("operations")).expect("a log");
    let log = log.replace(&format!("{}/", place.root().display()), "");
    let operation = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let (name, path, to) = (next(), next(), next());
        Operation { name, path, to }
    };
    (place, log.lines().map(operation).collect())
}

/// The numbers of the operations up to the first figure of the report; all others of a report are
/// like these.
fn numbers(operations: &[Operation]) -> std::ops::RangeInclusive<usize> {
    let figure = operations.iter().position(|it| it.to.ends_with(".svg"));
    1..=figure.expect("a figure") + 1
}

#[test]
fn a_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_anything_is_deleted() {
    let (_place, operations) = whole(&RUN);
    let mut synced = HashSet::new();
    let (mut committed, mut made) = (0, 0);
    for (number, Operation { name, path, to }) in operations.iter().enumerate() {
        match name.as_str() {
            "sync" => drop(synced.insert(path.clone())),
            "write" => drop(synced.remove(path)),
            "rename" => {
                assert!(synced.contains(path), "{path} is not on the disk");
                synced.insert(to.clone());
            }
            _ => {}
        }
        let is_commit = name == "rename"
            && (to.ends_with("record.jsonl") || to.contains("checkpoints/checkpoint-"));
        if is_commit {
            let directory = to.rsplit_once('/').expect("a directory").0;
            let next = &operations[number + 1];
            assert_eq!(
                (next.name.as_str(), next.path.as_str()),
                ("sync", directory)
            );
            committed += 1;
        }
        // A file is lost with its directory if the name of that is not on the disk.
        if name == "mkdir" && path != "runs" {
            let above = path.rsplit_once('/').expect("a directory").0;
            let next = &operations[number + 1];
            assert_eq!((next.name.as_str(), next.path.as_str()), ("sync", above));
            made += 1;
        }
    }
    assert!(made > 4, "{made} directories");
    assert_eq!(committed, 4, "three checkpoints and a record");
}

#[test]
fn a_kill_at_each_operation_on_the_disk_loses_nothing() {
    for (name, case) in [("run", &RUN), ("ensemble", &ENSEMBLE)] {
        let (whole, operations) = whole(case);
        let mut kills = 0;
        for number in numbers(&operations) {
            let place = Place::new(case.config);
            let operation = &operations[number - 1];
            let what = format!("{name}: killed at operation {number}, {operation:?}");
            let output = place.train_with(case, "kill", number);
            assert_eq!(output.status.signal(), Some(9), "{what}");
            kills += 1;
            if is_long() {
                // The one that continues is killed, too, at an operation of its own.
                let output = place.train_with(case, "kill", number / 2 + 1);
                kills += usize::from(output.status.signal() == Some(9));
            }
            place.assert_continues_to(&whole, case, &what);
        }
        let all = operations.len();
        println!("{name}: {kills} kills at {all} operations, 0 files differ");
    }
}

#[test]
fn a_disk_that_is_full_or_fails_at_any_operation_is_an_error_and_loses_nothing() {
    let (whole, operations) = whole(&RUN);
    // No space, an error of the device, a read-only file system.
    let faults = [
        ("28", "No space left on device"),
        ("5", "Input/output error"),
        ("30", "Read-only file system"),
    ];
    let numbers = numbers(&operations);
    let mut errors = 0;
    for number in numbers {
        for (kind, (fault, error)) in faults.iter().enumerate() {
            if !is_long() && kind != number % 3 {
                continue;
            }
            let operation = &operations[number - 1];
            if ["unlink", "rmdir"].contains(&operation.name.as_str()) {
                continue;
            }
            let place = Place::new(RUN.config);
            let what = format!("error {fault} at operation {number}, {operation:?}");
            let output = place.train_with(&RUN, fault, number);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(5), "{what}: {said}");
            assert!(
                said.contains(error) && said.contains("runs/"),
                "{what}: {said}"
            );
            errors += 1;
            place.assert_continues_to(&whole, &RUN, &what);
        }
    }
    println!(
        "{errors} errors at {} operations, 0 files differ",
        operations.len()
    );
}

#[test]
fn a_first_interrupt_at_each_operation_stops_in_order_and_a_second_at_once() {
    for case in [&RUN, &ENSEMBLE] {
        let (whole, operations) = whole(case);
        let numbers: Vec<_> = numbers(&operations).collect();
        let mut stopped = 0;
        for number in numbers
            .iter()
            .copied()
            .step_by(if is_long() { 1 } else { 6 })
        {
            let operation = &operations[number - 1];
            let what = format!("interrupted at operation {number}, {operation:?}");
            let place = Place::new(case.config);
            let output = place.train_with(case, "interrupt", number);
            // A record that is being completed is completed.
            let code = output.status.code();
            let is_done = place
                .names()
                .iter()
                .any(|name| name.ends_with("record.jsonl"));
            assert!(
                code == Some(130) || code == Some(0) && is_done,
                "{what}: {output:?}"
            );
            stopped += usize::from(code == Some(130));
            place.assert_continues_to(&whole, case, &what);

            let place = Place::new(case.config);
            let start = Instant::now();
            let output = place.train_with(case, "twice", number);
            assert_eq!(output.status.code(), Some(130), "{what}: {output:?}");
            // A fifth of a second, unless the machine is busy; the operation takes a minute.
            assert!(start.elapsed().as_secs() < 30, "{what}");
            place.assert_continues_to(&whole, case, &what);
        }
        assert!(
            4 * stopped > numbers.len() / if is_long() { 1 } else { 6 },
            "{stopped}"
        );
    }
}

#[test]
fn a_file_system_without_locks_is_warned_of_once() {
    let (whole, _) = whole(&RUN);
    let place = Place::new(RUN.config);
    let mut program = place.with_library(&RUN);
    let output = program.env("DISK_NO_LOCKS", "1").output().expect("it ends");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("cannot be locked").count(), 1, "{said}");
    assert!(
        said.contains("let no other process use this runs directory"),
        "{said}"
    );
    assert!(place.kept() == whole.kept());
}

#[test]
fn a_thread_that_cannot_be_started_is_an_error() {
    let (whole, _) = whole(&RUN);
    let mut errors = 0;
    for number in 1.. {
        let place = Place::new(RUN.config);
        let mut program = place.with_library(&RUN);
        let output = program.env("DISK_THREAD", number.to_string()).output();
        let output = output.expect("it ends");
        let said = text(&output.stderr);
        let log = fs::read_to_string(place.0.path().join("operations")).unwrap_or_default();
        if !log.contains("no thread") {
            assert!(output.status.success(), "{said}");
            break;
        }
        // The thread that waits for Ctrl-C is not needed.
        let is_warned = said.contains("warning: Ctrl-C will end the process at once");
        let expected = if is_warned { 0 } else { 5 };
        assert_eq!(
            output.status.code(),
            Some(expected),
            "thread {number}: {said}"
        );
        errors += usize::from(expected == 5);
        assert!(number < 50, "ever more threads");
        place.assert_continues_to(&whole, &RUN, &format!("without thread {number}"));
    }
    assert!(errors > 0, "a worker has threads");
}
