//! Several processes with the same command.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::place::{Place, signal, text};
use crate::{CONFIG, Moments};

/// Trains in several processes. Returns how many runs each trained.
fn train_in(processes: usize, place: &Place, arguments: &[&str]) -> Vec<usize> {
    let processes: Vec<_> = (0..processes).map(|_| place.start(arguments)).collect();
    let trained = processes.into_iter().map(|process| {
        let output = process.wait_with_output().expect("it ends");
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        assert!(said.contains("report: "), "{said}");
        // Nothing was left for a process that came late.
        let line = said.lines().find(|line| line.contains(" runs trained in "));
        let here = line.and_then(|line| line.split(" of ").next()?.parse().ok());
        here.unwrap_or(0)
    });
    trained.collect()
}

#[test]
fn processes_share_the_runs_of_a_plan() {
    let place = Place::new(CONFIG);
    let arguments = ["--quiet", "--workers", "1"];
    let alone = Place::new(CONFIG);
    assert!(alone.train(&arguments).status.success());
    let trained = train_in(4, &place, &arguments);
    assert_eq!(trained.iter().sum::<usize>(), 10, "each run once");
    let working = trained.iter().filter(|runs| **runs > 0).count();
    assert!(working > 1, "{working} of 4 processes trained");
    assert!(place.kept() == alone.kept());
}

#[test]
fn a_run_that_another_process_leaves_is_trained_here() {
    let place = Place::new(CONFIG);
    let arguments = ["--method", "adam", "--seed", "0", "--checkpoint-every", "5"];
    let mut first = place.start(&arguments);
    while place.checkpoints().is_empty() {
        assert!(first.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(2));
    }
    // It waits while the other has the run; then that one is killed.
    signal(&first, "-STOP");
    let mut second = place.start(&arguments);
    let mut lines = BufReader::new(second.stderr.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert_eq!(next(), WAITING);
    signal(&first, "-KILL");
    assert!(next().starts_with("adam seed 0: continues from its checkpoint"));
    lines.for_each(drop);
    assert!(second.wait().expect("it ends").success());
    drop(first.wait_with_output());
}

/// Two ensembles, of four runs and of three.
const ENSEMBLES: &str = "\
# Together, wherever?
seeds = 7
data = { train_images = 400, test_images = 200 }
model.hidden = [20]
training = { batch = 20, updates = 1500, evaluate_every = 500 }
[methods.adam]
";

/// Reads the lines of a process until one has this text.
fn wait_for(process: &mut Child, text: &str) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(process.stderr.take().expect("piped")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    assert!(lines.any(|line| line.contains(text)), "{text}");
    lines
}

fn finished(place: &Place) -> usize {
    let is_finished = |run: &PathBuf| run.join("record.jsonl").is_file();
    place.runs().iter().filter(|run| is_finished(run)).count()
}

const WAITING: &str = "waiting for runs that another process is training";

#[test]
fn an_ensemble_that_another_process_leaves_continues_here() {
    let arguments = [
        "--ensemble",
        "4",
        "--workers",
        "1",
        "--checkpoint-every",
        "5",
    ];
    let whole = Place::new(ENSEMBLES);
    assert!(whole.train(&arguments).status.success());
    let place = Place::new(ENSEMBLES);
    let mut first = place.start(&arguments);
    while place.ensemble_updates() == 0 {
        assert!(first.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(2));
    }
    signal(&first, "-STOP");
    // It trains the other ensemble, and waits for all runs of the first.
    let mut second = place.start(&arguments);
    let mut lines = wait_for(&mut second, WAITING);
    assert_eq!(finished(&place), 3);
    signal(&first, "-KILL");
    drop(first.wait_with_output());
    assert!(lines.any(|line| line.contains("continues from its checkpoint")));
    lines.for_each(drop);
    assert!(second.wait().expect("it ends").success());
    place.assert_same(&whole.kept(), "the ensemble");
    assert_eq!(place.ensemble_updates(), 0);
}

#[test]
fn an_ensemble_does_not_wait_for_a_process_that_trains_one_of_its_runs() {
    let place = Place::new(ENSEMBLES);
    let mut first = place.start(&["--ensemble", "4", "--seed", "2", "--checkpoint-every", "5"]);
    while place.checkpoints().is_empty() {
        assert!(first.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(2));
    }
    signal(&first, "-STOP");
    let mut second = place.start(&["--ensemble", "4", "--workers", "2"]);
    let mut lines = wait_for(&mut second, WAITING);
    while finished(&place) < 6 {
        assert!(second.try_wait().expect("its state").is_none(), "it ended");
        thread::sleep(Duration::from_millis(20));
    }
    signal(&first, "-KILL");
    drop(first.wait_with_output());
    assert!(lines.any(|line| line.contains("seed 2: continues from its checkpoint")));
    lines.for_each(drop);
    assert!(second.wait().expect("it ends").success());
    assert_eq!(finished(&place), 7);
    let partials = |run: &PathBuf| run.join("record.jsonl.partial").exists();
    assert!(!place.runs().iter().any(partials));
}

/// Two hundred runs of a few hundredths of a second.
const MANY: &str = "\
# Is each run trained once?
seeds = 100
data = { train_images = 400, test_images = 200 }
model.hidden = [20]
training = { batch = 20, updates = 200, evaluate_every = 100 }
[methods.sgd]
[methods.adam.optimizer.adam]
";

#[test]
#[ignore = "4,000 runs: `cargo xtask test --long`"]
fn eight_processes_train_each_of_many_runs_once() {
    let alone = Place::new(MANY);
    let arguments = ["--quiet", "--workers", "1"];
    assert!(alone.train(&arguments).status.success());
    let expected = alone.kept();
    for round in 0..20 {
        let place = Place::new(MANY);
        let trained = train_in(8, &place, &arguments);
        assert_eq!(
            trained.iter().sum::<usize>(),
            200,
            "round {round}: {trained:?}"
        );
        place.assert_same(&expected, &format!("round {round}"));
        println!("round {round}: {trained:?} runs");
    }
}

#[test]
#[ignore = "50 kills: `cargo xtask test --long`"]
fn killed_processes_leave_their_runs_to_the_others() {
    let alone = Place::new(MANY);
    let arguments = ["--quiet", "--workers", "1", "--checkpoint-every", "50"];
    assert!(alone.train(&arguments).status.success());
    let expected = alone.kept();
    let mut moments = Moments(0xdead);
    let mut next = || moments.next().unwrap_or_default();
    let (mut kills, mut plans) = (0, 0);
    while kills < 50 {
        let place = Place::new(MANY);
        let start = || place.start(&arguments);
        let mut processes: Vec<Child> = (0..4).map(|_| start()).collect();
        let is_done = |process: &mut Child| process.try_wait().expect("its state").is_some();
        while !processes.iter_mut().all(is_done) {
            thread::sleep(Duration::from_secs_f64(next()));
            let victim = &mut processes[(4.0 * next()) as usize];
            if is_done(victim) {
                continue;
            }
            victim.kill().expect("it can be killed");
            let killed = std::mem::replace(victim, start());
            drop(killed.wait_with_output());
            kills += 1;
        }
        for process in processes {
            let output = process.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        plans += 1;
        place.assert_same(&expected, &format!("after {kills} kills"));
    }
    println!("{kills} kills of one of four processes, {plans} plans of 200 runs, 0 files differ");
}

#[test]
fn the_number_of_workers_changes_no_byte() {
    let of = |workers: &str| {
        let place = Place::new(&MANY.replace("seeds = 100", "seeds = 4"));
        let output = place.train(&["--quiet", "--save-weights", "--workers", workers]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        place.kept()
    };
    let one = of("1");
    assert!(one == of("2") && one == of("4"));
}
