//! Many runs, and long ones: memory and open files do not grow. Minutes each, so `cargo xtask test
//! --long` runs them.

use std::fs;
use std::process::{Child, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::{Place, text};

/// What a process takes at a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Runs that were begun, or updates.
    work: f64,
    /// KiB of memory.
    memory: f64,
    files: usize,
}

/// KiB in a line of `/proc/PID/status`.
fn status(process: &Child, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix(line))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Samples until the process ends. `work` says how far it is.
fn samples(process: &mut Child, work: impl Fn() -> f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    while process.try_wait().expect("its state").is_none() {
        thread::sleep(Duration::from_millis(50));
        let files = fs::read_dir(format!("/proc/{}/fd", process.id())).map(Iterator::count);
        if let (Some(memory), Ok(files)) = (status(process, "RssAnon"), files) {
            let work = work();
            samples.push(Sample {
                work,
                memory,
                files,
            });
        }
    }
    samples
}

/// KiB for each unit of work, by least squares.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (work, memory) = (mean(|it| it.work), mean(|it| it.memory));
    let products = samples
        .iter()
        .map(|it| (it.work - work) * (it.memory - memory));
    let squares = samples.iter().map(|it| (it.work - work).powi(2));
    products.sum::<f64>() / squares.sum::<f64>()
}

/// Asserts that less than 1 KiB is kept for each unit of work, and no file stays open. Returns what
/// was found.
fn assert_flat(samples: &[Sample], of: &str) -> String {
    assert!(samples.len() > 50, "{} samples", samples.len());
    let slope = slope(samples);
    let most = |samples: &[Sample]| samples.iter().map(|it| it.files).max();
    let (before, after) = samples.split_at(samples.len() / 2);
    let (before, after) = (most(before), most(after));
    assert!(slope < 1.0, "{slope} KiB for each {of}");
    // Two workers have a record open, a lock and a file that is being written.
    assert!(
        after <= before.map(|it| it + 2),
        "{before:?}, then {after:?} open files"
    );
    format!(
        "{slope:.3} KiB for each {of}; at most {before:?} open files, then {after:?}; {:.0} MiB",
        samples.last().map_or(0.0, |it| it.memory / 1024.0)
    )
}

const SMALL: &str = "\
# Does memory stay flat?
data = { train_images = 200, test_images = 100 }
model.hidden = [10]
";

#[test]
#[ignore = "4,000 runs: `cargo xtask test --long`"]
fn four_thousand_runs_take_the_memory_of_one_thousand() {
    let config = "seeds = 4000\ntraining = { batch = 20, updates = 10, evaluate_every = 5 }";
    let place = Place::new(&format!("{config}\n{SMALL}[methods.adam]\n"));
    let mut process = place.start(&["--quiet", "--checkpoint-every", "never"]);
    let runs = place.0.path().join("runs/trainings");
    let samples = samples(&mut process, || {
        fs::read_dir(&runs).map_or(0.0, |it| it.count() as f64)
    });
    assert!(process.wait().expect("it ends").success());
    // Not the report, nor the first quarter, in which the allocator takes what it then keeps.
    let trained: Vec<_> = samples
        .into_iter()
        .filter(|it| it.work > 1000.0 && it.work < 4000.0)
        .collect();
    println!("{}", assert_flat(&trained, "run"));
}

#[test]
#[ignore = "200,000 updates: `cargo xtask test --long`"]
fn a_long_run_takes_the_memory_of_a_short_one() {
    let config = "seeds = 1\ntraining = { batch = 20, updates = 200000, evaluate_every = 1000 }";
    let place = Place::new(&format!("{config}\n{SMALL}[methods.adam]\n"));
    let mut process = place.start(&["--quiet", "--checkpoint-every", "1s"]);
    let start = Instant::now();
    let mut samples = samples(&mut process, || start.elapsed().as_secs_f64());
    assert!(process.wait().expect("it ends").success());
    // Updates take the same time from the first to the last.
    let seconds = start.elapsed().as_secs_f64();
    samples.iter_mut().for_each(|it| it.work *= 200.0 / seconds);
    samples.retain(|it| it.work > 20.0 && it.work < 190.0);
    println!("{}", assert_flat(&samples, "1,000 updates"));
}

/// Runs a command. Returns its output, its seconds and its largest memory in MiB.
fn measured(mut process: Child) -> (Output, f64, f64) {
    let start = Instant::now();
    let mut peak = 0.0;
    while process.try_wait().expect("its state").is_none() {
        peak = status(&process, "VmHWM").unwrap_or(peak);
        thread::sleep(Duration::from_millis(5));
    }
    let seconds = start.elapsed().as_secs_f64();
    let output = process.wait_with_output().expect("it ended");
    (output, seconds, peak / 1024.0)
}

#[test]
#[ignore = "10,000 runs: `cargo xtask test --long`"]
fn ten_thousand_runs_are_listed_and_reported() {
    let methods = [
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam",
        "lion",
    ];
    let methods: String = (methods.iter())
        .map(|name| format!("[methods.{name}.optimizer.{name}]\n"))
        .collect();
    let config = "seeds = 1000\ntraining = { batch = 20, updates = 10, evaluate_every = 5 }";
    let place = Place::new(&format!("{config}\n{SMALL}{methods}"));
    let train = ["--quiet", "--checkpoint-every", "never"];
    let (output, seconds, memory) = measured(place.start(&train));
    assert!(output.status.success(), "{}", text(&output.stderr));
    println!("10,000 runs: {seconds:.1} s, {memory:.0} MiB");
    let runs = place.runs();
    assert_eq!(runs.len(), 10_000);
    fs::write(runs[1234].join("record.jsonl"), "damaged").expect("a file");
    let name = runs[1234].display().to_string();
    for (arguments, code) in [
        (vec!["runs"], 5),
        (vec!["report", "runs"], 5),
        (vec!["train", "some.toml", "--quiet"], 5),
    ] {
        let process = place.program(&arguments).spawn().expect("it starts");
        let (output, seconds, memory) = measured(process);
        let said = text(&output.stderr);
        println!("{arguments:?}: {seconds:.1} s, {memory:.0} MiB");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        let short = name.rsplit('/').next().unwrap_or_default();
        assert!(
            said.contains(short),
            "{arguments:?} names the damaged one: {said}"
        );
        assert!(memory < 500.0, "{arguments:?}: {memory} MiB");
    }
}
