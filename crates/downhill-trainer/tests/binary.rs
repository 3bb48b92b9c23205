//! The binary `downhill` where output, files, memory and signals are not as usual.

#![cfg(all(
    target_os = "linux",
    feature = "flex",
    feature = "schema",
    feature = "completions"
))]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

const CONFIG: &str = "\
# Does it train?
seeds = 1
data = { train_images = 50, test_images = 20 }
model.hidden = [5]
training = { batch = 10, updates = 2, evaluate_every = 2 }
";

/// Runs a shell command in a directory with a config; `downhill` is the binary.
fn shell(directory: &Path, command: &str) -> Output {
    fs::write(directory.join("small.toml"), CONFIG).expect("a config");
    let downhill = format!(
        "downhill() {{ '{}' \"$@\"; }}",
        env!("CARGO_BIN_EXE_downhill")
    );
    Command::new("sh")
        .args(["-c", &format!("{downhill}; {command}")])
        .current_dir(directory)
        .output()
        .expect("a shell")
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in [
        "schema",
        "optimizers",
        "optimizers adam",
        "completions zsh",
        "train small.toml --quiet --json",
        "train small.toml --quiet",
        "runs --json",
        "runs",
        "report runs",
    ] {
        let output = shell(directory.path(), &format!("downhill {command} > /dev/full"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{command}: {said}");
        assert!(
            said.contains("cannot write standard output"),
            "{command}: {said}"
        );
    }
    // What was trained is kept.
    let output = shell(directory.path(), "downhill runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 finished runs"));
}

#[test]
fn too_many_open_files_are_an_error() {
    let mut refused = 0;
    for files in 4..40 {
        let directory = tempfile::tempdir().expect("a directory");
        let train = format!("ulimit -n {files}; downhill train small.toml --quiet");
        let output = shell(directory.path(), &train);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{files} files: {said}");
        match output.status.code() {
            Some(0) => break,
            // The program itself could not be loaded.
            Some(127) if refused == 0 => continue,
            code => assert_eq!(code, Some(5), "{files} files: {said}"),
        }
        refused += 1;
    }
    assert!(refused > 0);
}

#[test]
fn a_reader_that_is_gone_is_no_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in ["schema", "completions zsh", "runs"] {
        let text = format!("(sleep 0.2; downhill {command}; echo $? >&2) | true");
        let output = shell(directory.path(), &text);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n", "{command}");
    }
}

#[test]
fn a_file_over_the_limit_of_the_shell_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = shell(
        directory.path(),
        "ulimit -f 1; downhill train small.toml --quiet",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("File too large"), "{said}");
}

#[test]
fn the_first_interrupt_ends_a_gradient_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
    let command = format!(
        "timeout -s INT 0.3 '{}' train {configs}/gradient-check.toml; echo $?; ls",
        env!("CARGO_BIN_EXE_downhill")
    );
    let output = shell(directory.path(), &command);
    // 124 says that the time was up, whatever the exit code was.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.ends_with("124\nsmall.toml\n"),
        "a report was made: {said}"
    );
}

#[cfg(feature = "wgpu")]
#[test]
fn a_gpu_is_looked_for_without_complaints_of_a_missing_desktop() {
    let directory = tempfile::tempdir().expect("a directory");
    // The device is opened before the weights are found to be none.
    let output = shell(
        directory.path(),
        "unset XDG_RUNTIME_DIR; downhill evaluate --weights small.toml --config small.toml \
         --backend wgpu",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("XDG_RUNTIME_DIR"), "{said}");
}

#[test]
fn escape_sequences_of_arguments_are_not_printed_raw() {
    let directory = tempfile::tempdir().expect("a directory");
    for (command, code) in [
        ("train small.toml --set \"$(printf '\\033[2J=1')\"", 2),
        ("train small.toml --method \"$(printf 'a\\rb')\"", 2),
        ("train \"$(printf 'a\\033[31m')\"", 2),
        ("train --\"$(printf 'a\\033[31m')\"", 2),
        (
            "train small.toml --quiet --runs-dir \"$(printf 'a\\033[31m')\"",
            0,
        ),
        ("report \"$(printf 'a\\033[31m')\"", 0),
    ] {
        let output = shell(directory.path(), &format!("downhill {command}"));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(!said.contains(['\u{1b}', '\r']), "{command}: {said}");
    }
}

#[test]
fn a_config_of_any_size_is_answered_in_few_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(100_000);
    for (text, expected) in [
        ("[".repeat(100_000), "invalid TOML"),
        (format!("{long} = 1"), "unknown key"),
        (format!("model.activation = '{long}'"), "model.activation"),
        (format!("model.{long} = '{long}'"), "unknown key"),
        ("#".repeat(2_000_000), "at most 1048576 bytes"),
    ] {
        fs::write(directory.path().join("long.toml"), text).expect("a config");
        let output = shell(directory.path(), "downhill train long.toml --dry-run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{expected}");
        assert!(said.contains(expected), "{said}");
        assert!(said.len() < 5000, "{expected}: {}", said.len());
    }
}

#[test]
fn files_that_are_no_weights_are_refused_with_a_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    for (bytes, expected) in [
        (&b"PK\x03\x04 and so on"[..], "safetensors.torch.save_file"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "git lfs pull",
        ),
        (b"", "it is empty"),
    ] {
        fs::write(directory.path().join("weights"), bytes).expect("a file");
        let output = shell(directory.path(), "downhill evaluate weights");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn weights_are_evaluated_with_the_name_of_their_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let command = "downhill train small.toml --quiet --save-weights > /dev/null && \
                   downhill evaluate runs/trainings/*/weights.safetensors && \
                   downhill evaluate --weights runs/trainings/*/weights.safetensors";
    let output = shell(directory.path(), command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let whose = "weights of small, method sgd, seed 0\n";
    assert_eq!(said.matches(whose).count(), 2, "{said}");
    assert!(!said.contains("other images"), "{said}");
}

#[test]
fn divergence_that_is_expected_is_no_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for (expected, code) in [("false", 4), ("true", 0)] {
        let command = format!(
            "downhill train small.toml --quiet --set optimizer.sgd.learning_rate=1e300 \
             --set training.updates=20 --set may_diverge={expected}"
        );
        let output = shell(directory.path(), &command);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("diverged"), "{said}");
    }
}

#[test]
fn a_report_lies_in_its_runs_directory_and_a_copied_run_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let command = "downhill train small.toml --quiet --runs-dir here > /dev/null && \
                   downhill report here && test -f here/reports/report.html && \
                   downhill report here/trainings/* && test ! -e runs && \
                   cp -r here/trainings/* here/trainings/a-copy && downhill report here";
    let output = shell(directory.path(), command);
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("report: ").count(), 3, "{said}{error}");
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert!(
        error.contains("a-copy/record.jsonl: it is a copy"),
        "{error}"
    );
    assert!(!said.contains("(2)"), "{said}");
}

#[test]
fn a_search_goes_on_without_a_damaged_trial_and_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let search = "\n[search]\ntrials = 4\nrounds = 2\nbest = 2\n\
                  ranges.'optimizer.*.learning_rate' = { from = 1e-3, to = 0.1 }\n";
    let config = CONFIG.replace(
        "test_images = 20",
        "test_images = 20, validation_images = 10",
    );
    let config = config + search;
    fs::write(directory.path().join("search.toml"), config).expect("a config");
    let train = "downhill train search.toml --quiet";
    let first = shell(directory.path(), train);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let damage = "for i in runs/trainings/*/; do grep -q 'round 1, trial 2' $i/record.jsonl && \
                  echo x >> $i/record.jsonl; done";
    let output = shell(directory.path(), &format!("{damage}; {train}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}{error}");
    assert!(said.contains("report: "), "{said}");
    assert_eq!(error.matches("record.jsonl").count(), 1, "{error}");
}

#[test]
fn the_first_interrupt_says_what_the_second_does() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("small.toml"), CONFIG).expect("a config");
    let mut program = Command::new(env!("CARGO_BIN_EXE_downhill"));
    let program = program
        .args(["train", "small.toml", "--quiet"])
        .args(["--set", "training.updates=100000000"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = program.spawn().expect("it starts");
    let begun = || {
        let runs = fs::read_dir(directory.path().join("runs/trainings"));
        let mut runs = runs.into_iter().flatten().flatten();
        runs.any(|run| run.path().join("record.jsonl.partial").is_file())
    };
    while !begun() && program.try_wait().expect("its state").is_none() {
        thread::sleep(Duration::from_millis(20));
    }
    let mut kill = Command::new("kill");
    let kill = kill.args(["-INT", &program.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    let output = program.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Ctrl-C again ends at once"), "{said}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("stopped: "), "{said}");
}

#[test]
fn many_methods_have_a_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let methods: String = (0..150).map(|at| format!("[methods.m{at}]\n")).collect();
    fs::write(
        directory.path().join("many.toml"),
        CONFIG.to_owned() + &methods,
    )
    .expect("a config");
    let train = "downhill train many.toml --quiet && downhill report runs";
    let output = shell(directory.path(), train);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{output:?}");
    assert!(said.contains("report: runs/reports/many"), "{said}");
    assert!(said.contains("report: runs/reports/report.html"), "{said}");
}

/// Directories, files and experiments of any name are taken as they are, or refused before anything
/// is trained. Nothing is written where the command does not say so.
#[test]
fn paths_of_any_form_are_taken_or_refused() {
    let outside = tempfile::tempdir().expect("a directory");
    let directory = outside.path().join("here");
    fs::create_dir(&directory).expect("a directory");
    let prepare = "mkdir ../target && ln -s ../target linked && ln -s loop loop && touch plain && \
                   long=$(printf 'a%.0s' $(seq 300)); stem=$(printf 'b%.0s' $(seq 250)); \
                   line=$(printf 'a\\nb'); latin=$(printf 'a\\377b'); \
                   for file in \"$line\" 'a b' ./-x ../up \"$stem\"; do \
                   cp small.toml \"$file.toml\" || exit 99; done; \
                   method='[methods.\"%s\"]\\noptimizer = \"sgd\"\\n'; cp small.toml names.toml; \
                   printf \"$method\" ../../../up /etc/up .. >> names.toml; \
                   cp small.toml nul.toml; printf \"$method\" 'a\\u0000' >> nul.toml; ";
    let train = "downhill train --quiet --seeds 1";
    for (command, code, expected) in [
        // Directories.
        (
            "small.toml --runs-dir ../other",
            0,
            "report: ../other/reports/small",
        ),
        (
            "small.toml --runs-dir \"$PWD/absolute\"",
            0,
            "here/absolute/reports/small",
        ),
        (
            "small.toml --runs-dir 'a b'",
            0,
            "report: a b/reports/small",
        ),
        ("small.toml --runs-dir \"$line\"", 0, "b/reports/small"),
        ("small.toml --runs-dir \"$latin\"", 0, "b/reports/small"),
        ("small.toml --runs-dir=-x", 0, "report: -x/reports/small"),
        (
            "small.toml --runs-dir linked/deeper",
            0,
            "report: linked/deeper/reports/small",
        ),
        ("small.toml --runs-dir -x", 2, "unexpected argument '-x'"),
        ("small.toml --runs-dir \"$long\"", 5, "File name too long"),
        ("small.toml --runs-dir loop", 5, "loop is not a directory"),
        ("small.toml --runs-dir plain", 5, "plain is not a directory"),
        ("small.toml --runs-dir ''", 2, "a value is required"),
        ("small.toml --data-dir \"$long\"", 3, "aaa"),
        // Files.
        ("../up.toml", 0, "report: runs/reports/up"),
        ("\"$PWD/small.toml\"", 0, "report: runs/reports/small"),
        ("'a b.toml'", 0, "report: runs/reports/a b"),
        ("\"$line.toml\"", 0, "report: runs/reports/a\nb"),
        ("\"$stem.toml\"", 0, "report: runs/reports/bbb"),
        ("-- -x.toml", 0, "report: runs/reports/-x"),
        ("\"$long.toml\"", 2, "no config file"),
        ("\"$latin.toml\"", 2, "invalid UTF-8"),
        ("loop", 2, "loop"),
        // Names in a config.
        (
            "names.toml --tensorboard=events --save-weights",
            0,
            "tensorboard --logdir events",
        ),
        ("nul.toml", 2, "must not contain control characters"),
    ] {
        let output = shell(&directory, &format!("{prepare}{train} {command}"));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(said.contains(expected), "{command}: {said}");
        let names = |path: &Path| {
            let entries = fs::read_dir(path).expect("it is there");
            let names = entries.map(|entry| entry.expect("it is there").file_name());
            let mut names: Vec<_> = names.filter(|name| name != "here").collect();
            names.sort();
            names
        };
        let (other, linked) = (command.contains("../other"), command.contains("linked"));
        let expected = match other {
            true => vec!["other", "target", "up.toml"],
            false => vec!["target", "up.toml"],
        };
        assert_eq!(names(outside.path()), expected, "{command}");
        let expected = if linked { vec!["deeper"] } else { vec![] };
        assert_eq!(names(&outside.path().join("target")), expected, "{command}");
        assert_eq!(
            directory.join("events").exists(),
            command.contains("events"),
            "{command}"
        );
        if command.contains("events") {
            let methods = names(&directory.join("events/names"));
            let expected = ["%2E.", "%2E.%2F..%2F..%2Fup", "%2Fetc%2Fup"];
            assert_eq!(methods, expected, "{command}");
            assert_eq!(names(&directory.join("events")), ["names"], "{command}");
        }
        for path in [outside.path().join("other"), outside.path().join("target")] {
            fs::remove_dir_all(path).ok();
        }
        fs::remove_dir_all(&directory).expect("it can be removed");
        fs::create_dir(&directory).expect("a directory");
    }
}

/// Runs that version 0.1.0 wrote: `tests/saved/runs`.
#[test]
fn runs_of_earlier_versions_are_reported_and_evaluated() {
    let directory = tempfile::tempdir().expect("a directory");
    let saved = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/saved/runs");
    let command = format!(
        "cp -r '{saved}' runs && downhill report runs && downhill runs && \
         for file in runs/trainings/*/weights.safetensors; do \
         downhill evaluate --weights $file || exit; done"
    );
    let output = shell(directory.path(), &command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{output:?}");
    for method in ["adam", "momentum"] {
        let whose = format!("weights of saved, method {method}, seed 0\n");
        assert!(said.contains(&whose), "{said}");
    }
    assert!(said.contains("report: runs/reports/report.html"), "{said}");
    // Of a later version. (For records see `another_format_is_refused_whatever_its_keys`.)
    let later = r#"sed -i 's/"format": *1/"format": 99/' runs/experiments/*.json"#;
    let output = shell(
        directory.path(),
        &format!("{later} && downhill report runs"),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("its format must be 1, got 99"), "{said}");
}
