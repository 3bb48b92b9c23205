//! The program as its user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, process};

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_own-optimizer");
    let directory = env!("CARGO_MANIFEST_DIR");
    let mut command = Command::new(program);
    let command = command.current_dir(directory).args(arguments);
    command.output().expect("the program starts")
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("own-optimizer-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("its name is text")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The experiment, with two seeds of a few updates.
fn train(runs: &Directory, more: &[&str]) -> Output {
    let mut arguments = vec!["train", "braked.toml", "--seeds", "2"];
    arguments.extend(["--runs-dir", runs.path()]);
    arguments.extend(["--set", "training.updates=20"]);
    arguments.extend(["--set", "training.evaluate_every=20"]);
    arguments.extend(["--set", "grid.values=[0.03]"]);
    arguments.extend(["--set", "data.train_images=500"]);
    arguments.extend(["--set", "data.validation_images=100"]);
    arguments.extend(["--set", "data.test_images=500"]);
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn an_experiment_trains_it_beside_the_others() {
    let runs = Directory::new("train");
    let output = train(&runs, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    assert!(text.contains("6 of 6 runs trained"), "{text}");
    let report = text.lines().find_map(|line| line.strip_prefix("report: "));
    let page = fs::read_to_string(Path::new(report.expect("a report")));
    assert!(page.expect("a page").contains("braked"));
    // The runs are there.
    let again = train(&runs, &[]);
    let text = String::from_utf8_lossy(&again.stdout);
    assert!(
        again.status.success() && !text.contains("updates in"),
        "{text}"
    );
}

#[test]
fn a_setting_that_is_wrong_is_named() {
    let runs = Directory::new("wrong");
    for (setting, part) in [
        (
            "methods.braked.optimizer.braked.brake=2",
            "brake must lie in [0, 1], got 2",
        ),
        (
            "methods.braked.optimizer.braked.brakes=1",
            "unknown key `optimizer.braked.brakes`; did you mean `brake`?",
        ),
        (
            "methods.braked.optimizer.braked.brake=true",
            "brake must be a number, got true",
        ),
    ] {
        let output = train(&runs, &["--dry-run", "--set", setting]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{setting}: {error}");
        assert!(error.contains(part), "{setting}: {error}");
    }
}

#[test]
fn it_is_among_the_optimizers() {
    let list = succeeds(&["optimizers"]);
    assert!(
        list.contains("\nbraked ") && list.contains("\nadam "),
        "{list}"
    );
    let braked = succeeds(&["optimizers", "braked"]);
    assert!(braked.contains("of this program"), "{braked}");
    assert!(braked.contains("\nbrake "), "{braked}");
    let error = run(&["optimizers", "brakd"]).stderr;
    let error = String::from_utf8_lossy(&error);
    assert!(error.contains("did you mean `braked`?"), "{error}");
}

#[test]
fn its_name_alone_means_its_defaults() {
    let directory = Directory::new("name");
    let config = directory.0.join("alone.toml");
    fs::write(&config, "optimizer = \"braked\"\n").expect("a file");
    let config = config.to_str().expect("its name is text");
    let text = succeeds(&["train", config, "--dry-run"]);
    for part in [
        "optimizer.braked.brake = 0.5",
        "optimizer.braked.momentum = 0.9",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
