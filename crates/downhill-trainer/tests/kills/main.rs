//! Tests of processes that are killed or stopped, or that run at the same time: which files they
//! leave, and how the next process continues.

#![cfg(all(target_os = "linux", feature = "flex"))]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::{Place, is_long, signal, text};

mod disk;
mod place;
mod sharing;
mod soak;

/// Five methods of 20 epochs, with all that a checkpoint has to hold.
const CONFIG: &str = "\
# Does it survive?
seeds = 2
data = { train_images = 400, test_images = 200, validation_images = 100 }
model.hidden = [40]
training = { batch = 20, updates = '20 epochs', evaluate_every = '1 epoch' }
[methods.sgd]
[methods.momentum.optimizer.momentum]
[methods.adam]
optimizer.adam.learning_rate = 0.003
model = { dropout.probability = 0.3, batch_norm = 'torch' }
training.early_stopping = { measure = 'loss' }
[methods.averaged]
optimizer.adamw.learning_rate = 0.003
schedules.learning_rate = { cosine = { steps = 'rest' } }
weights = [{ ema = 0.99 }]
[methods.pre-trained]
optimizer.lion.learning_rate = 0.001
model.weight_decay = 0.001
training.pretraining = { updates = 100, corruption = 0.3 }
";

/// Moments in [0, 1), always the same ones.
struct Moments(u64);

impl Iterator for Moments {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[test]
fn a_killed_command_is_continued_to_the_same_bytes() {
    let kills = if is_long() { 200 } else { 30 };
    let place = Place::new(CONFIG);
    let arguments = ["--quiet", "--save-weights", "--checkpoint-every", "20"];
    let start = Instant::now();
    let whole = place.train(&arguments);
    let seconds = start.elapsed().as_secs_f64();
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    let expected = place.kept();
    assert_eq!(place.runs().len(), 10);

    let mut moments = Moments(0x5eed);
    let (mut killed, mut chains, mut longest, mut continuing) = (0, 0, 0, 0);
    while killed < kills {
        let place = Place::new(CONFIG);
        let mut length = 0;
        loop {
            // Often before anything is trained, seldom after half of it.
            let wait = 0.6 * seconds * moments.next().unwrap_or_default();
            let continues = !place.checkpoints().is_empty();
            let mut program = place.start(&arguments);
            thread::sleep(Duration::from_secs_f64(wait));
            program.kill().expect("it can be killed");
            let output = program.wait_with_output().expect("it ends");
            if output.status.signal().is_none() {
                assert!(output.status.success(), "{}", text(&output.stderr));
                break;
            }
            assert_eq!(text(&output.stderr), "", "no checkpoint is damaged");
            length += 1;
            continuing += usize::from(continues);
            assert!(length < 100, "it never ends");
        }
        place.assert_same(&expected, &format!("after {length} kills"));
        killed += length;
        longest = longest.max(length);
        chains += 1;
    }
    println!(
        "{killed} kills in {chains} chains of up to {longest}, {continuing} of a process that \
         continued, 0 files differ ({seconds:.1} s whole)"
    );
}

/// A run that is far from its end, and saved checkpoints.
fn stopped_by(name: &str) -> (Place, String) {
    let place = Place::new(CONFIG);
    let mut program = place.start(&["--method", "adam", "--seed", "0", "--checkpoint-every", "5"]);
    while place.checkpoints().len() < 2 {
        assert!(program.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(2));
    }
    let start = Instant::now();
    signal(&program, name);
    let output = program.wait_with_output().expect("it ends");
    let seconds = start.elapsed().as_secs_f64();
    if name != "-KILL" {
        assert_eq!(
            output.status.code(),
            Some(130),
            "{name}: {}",
            text(&output.stderr)
        );
        // A tenth of a second, unless the machine is busy.
        assert!(seconds < 10.0, "{name}: {seconds} s");
    }
    assert!(!place.runs()[0].join("record.jsonl").exists());
    (place, text(&output.stdout))
}

#[test]
fn a_signal_stops_a_run_with_a_checkpoint_and_the_command_continues_from_it() {
    for name in ["-INT", "-TERM", "-USR1", "-HUP"] {
        let (place, said) = stopped_by(name);
        assert!(
            said.contains("continue from their checkpoints"),
            "{name}: {said}"
        );
        let output = place.train(&["--method", "adam", "--seed", "0"]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("adam seed 0: continues from its checkpoint"),
            "{name}: {said}"
        );
        assert_eq!(place.checkpoints(), [] as [PathBuf; 0]);
    }
}

#[test]
fn damaged_checkpoints_are_named_and_the_run_is_the_same() {
    let arguments = ["--method", "adam", "--seed", "0"];
    let whole = Place::new(CONFIG);
    assert!(whole.train(&arguments).status.success());
    let expected = whole.kept();
    // What is done to the newest and to the one before, and whether the run can be continued.
    type Damage = fn(&Path);
    let cut: Damage = |path| {
        let bytes = fs::read(path).expect("a file");
        fs::write(path, &bytes[..bytes.len() / 2]).expect("a file");
    };
    let flip: Damage = |path| {
        let mut bytes = fs::read(path).expect("a file");
        let at = bytes.len() * 2 / 3;
        bytes[at] ^= 4;
        fs::write(path, bytes).expect("a file");
    };
    let none: Damage = |_| {};
    let empty: Damage = |path| fs::write(path, "").expect("a file");
    for (newest, before, warnings, continues) in [
        (cut, none, 1, true),
        (flip, none, 1, true),
        (none, cut, 0, true),
        (empty, flip, 2, false),
    ] {
        let (place, _) = stopped_by("-KILL");
        let files = place.checkpoints();
        let [.., second, last] = &files[..] else {
            panic!("{files:?}");
        };
        newest(last);
        before(second);
        let output = place.train(&arguments);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            said.matches("warning: checkpoint ").count(),
            warnings,
            "{said}"
        );
        assert_eq!(
            said.contains("continues from its checkpoint"),
            continues,
            "{said}"
        );
        assert!(place.kept() == expected, "{said}");
    }
    // A checkpoint of another run is not used.
    let (place, _) = stopped_by("-KILL");
    let other = Place::new(&CONFIG.replace("[40]", "[41]"));
    assert!(other.train(&arguments).status.success());
    let run = other.runs().remove(0);
    fs::create_dir_all(run.join("checkpoints")).expect("a directory");
    fs::remove_file(run.join("record.jsonl")).expect("a record");
    for file in place.checkpoints() {
        let name = file.file_name().expect("a name");
        fs::copy(&file, run.join("checkpoints").join(name)).expect("a copy");
    }
    let output = other.train(&arguments);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("continues"), "{said}");
}

#[test]
fn a_directory_that_is_gone_while_a_run_is_trained_is_an_error() {
    let (place, _) = stopped_by("-KILL");
    let arguments = ["--method", "adam", "--seed", "0", "--checkpoint-every", "5"];
    let mut program = place.start(&arguments);
    let before = place.checkpoints();
    while place.checkpoints() == before {
        assert!(program.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(2));
    }
    let [runs, elsewhere] = ["runs", "elsewhere"].map(|name| place.0.path().join(name));
    fs::rename(&runs, elsewhere).expect("moved");
    let output = program.wait_with_output().expect("it ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("runs/trainings/"), "{said}");
    assert!(
        place
            .train(&["--method", "adam", "--seed", "0"])
            .status
            .success()
    );
}

#[test]
fn an_interrupted_again_is_continued() {
    let place = Place::new(CONFIG);
    let quiet = ["--quiet", "--workers", "1"];
    assert!(place.train(&quiet).status.success());
    let expected = place.kept();
    let again = [&quiet[..], &["--again", "--checkpoint-every", "20"]].concat();
    // Stopped when the third run has begun, of ten.
    let mut program = place.start(&again);
    let list = || {
        let entries = fs::read_dir(place.0.path().join("runs/experiments"));
        let mut paths = entries.into_iter().flatten().flatten().map(|it| it.path());
        let list = paths.find(|path| path.extension().is_some_and(|it| it == "again"));
        list.and_then(|list| fs::read_to_string(list).ok())
    };
    while list().is_none_or(|list| list.lines().count() < 2) {
        assert!(program.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(5));
    }
    signal(&program, "-TERM");
    let output = program.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let before = list().expect("a list").lines().count();
    let left = 10 - before;
    assert!(place.kept().keys().any(|name| name.ends_with(".partial")));

    let output = place.train(&again);
    let said = text(&output.stdout);
    assert!(
        said.contains(&format!("which has trained {before} runs")),
        "{said}"
    );
    assert!(
        said.contains(&format!("{left} of {left} runs trained")),
        "{said}"
    );
    assert!(place.kept() == expected);
    assert_eq!(list(), None, "the next one starts over");
}

#[test]
fn a_stopped_ensemble_is_continued() {
    let config = "\
# Together?
seeds = 4
data = { train_images = 400, test_images = 200 }
model.hidden = [20]
training = { batch = 20, updates = 200, evaluate_every = 40 }
[methods.sgd]
[methods.diverges.optimizer.sgd]
learning_rate = 1e30
";
    let arguments = [
        "--ensemble",
        "8",
        "--checkpoint-every",
        "10",
        "--save-weights",
    ];
    let whole = Place::new(config);
    assert_eq!(whole.train(&arguments).status.code(), Some(4));
    let expected = whole.kept();
    let mut continued = 0;
    for moment in [1, 5, 12] {
        let place = Place::new(config);
        let mut program = place.start(&arguments);
        while place.ensemble_updates() < 10 * moment
            && program.try_wait().expect("its state").is_none()
        {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = program.kill();
        drop(program.wait_with_output());
        let output = place.train(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{said}");
        continued += said.matches("continues from its checkpoint").count();
        assert!(place.kept() == expected, "{said}");
        assert_eq!(place.ensemble_updates(), 0);
    }
    assert!(continued > 0);
}
