//! What `train` leaves for other programs, and the commands that read it.

use std::fs;
use std::path::PathBuf;

use downhill_report::record::RunOutcome;
use downhill_report::{Report, event_file, read_record};
use downhill_trainer::cli::commands::{EvaluateArguments, RunsArguments};
use downhill_trainer::{Backend, Done, TrainError, evaluate, list_runs};
use serde_json::Value;

use crate::command::{Bench, CONFIG, files};

fn bench() -> Bench {
    Bench::new(Backend::Flex, CONFIG)
}

/// The file of the report with this ending.
fn report(bench: &Bench, ending: &str) -> (PathBuf, String) {
    let reports = fs::read_dir(bench.arguments.runs_dir.join("reports")).expect("reports");
    let mut paths = reports.map(|entry| entry.expect("an entry").path());
    let path = paths.find(|path| path.to_string_lossy().ends_with(ending));
    let path = path.unwrap_or_else(|| panic!("no report ends in {ending}"));
    let text = fs::read_to_string(&path).expect("text");
    (path, text)
}

#[test]
fn runs_are_beside_the_report_as_csv_and_json_lines() {
    let mut bench = bench();
    bench.train().expect("it trains");
    let (path, csv) = report(&bench, ".csv");
    let (_, lines) = report(&bench, ".jsonl");
    assert!(path.with_extension("html").is_file());
    // Updates 0, 1, 6, 11 and 12 of each of four runs.
    assert_eq!(csv.lines().count(), 1 + 4 * 5);
    let runs: Vec<Value> = (lines.lines())
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(runs.len(), 4);
    for (_, text) in bench.records() {
        let record = read_record(text.as_bytes()).expect("a record");
        let run = (runs.iter()).find(|run| run["run"] == record.header.run.as_str());
        let run = run.expect("every run is there");
        let last = record.evaluations.last().expect("an evaluation");
        assert_eq!(run["final"]["test"]["accuracy"], last.test.accuracy);
        assert_eq!(run["final"]["train"]["loss"], last.train.loss);
        assert_eq!(run["config"], *record.header.config);
        let row = format!("{},{},,,,,,,finished", last.test.loss, last.test.accuracy);
        assert!(csv.contains(&row), "{row}: {csv}");
    }
    bench.arguments.again = true;
    bench.train().expect("it trains again");
    assert_eq!(report(&bench, ".csv").1, csv);
    assert_eq!(report(&bench, ".jsonl").1, lines);
}

#[test]
fn a_diverged_run_is_in_every_file() {
    let mut bench = bench();
    bench.arguments.overrides = vec!["methods.decay.optimizer.sgd.learning_rate=1e30".into()];
    bench.arguments.output.tensorboard = Some(None);
    let (done, _) = bench.train().expect("it trains");
    assert_eq!(done, Done::Diverged { runs: 2 });
    let (_, csv) = report(&bench, ".csv");
    let ends = csv
        .lines()
        .filter(|line| line.ends_with(",,,,,,,,,,,diverged"));
    assert_eq!(ends.count(), 2, "{csv}");
    let (_, lines) = report(&bench, ".jsonl");
    assert_eq!(lines.matches("\"final\":null").count(), 2);
    let directory = bench.arguments.runs_dir.join("tensorboard/small");
    let events = fs::read(directory.join("decay/1/events.out.tfevents.0.downhill"));
    assert!(
        events
            .expect("a file")
            .windows(8)
            .any(|found| found == b"diverged")
    );
}

#[test]
fn event_files_are_those_of_the_records() {
    let mut bench = bench();
    let directory = bench.directory.path().join("my events");
    bench.arguments.output.tensorboard = Some(Some(directory.clone()));
    let (_, said) = bench.train().expect("it trains");
    assert!(
        said.contains(&format!("tensorboard --logdir '{}'", directory.display())),
        "{said}"
    );
    for (_, text) in bench.records() {
        let record = read_record(text.as_bytes()).expect("a record");
        let header = &record.header;
        let run = directory
            .join("small")
            .join(&header.method)
            .join(header.seed.to_string());
        let file = fs::read(run.join("events.out.tfevents.0.downhill")).expect("a file");
        assert_eq!(file, event_file(&record));
    }
}

#[test]
fn json_is_all_that_is_said() {
    let mut bench = bench();
    bench.arguments.output.json = true;
    let objects = |bench: &Bench| -> Vec<Value> {
        let (done, said) = bench.train().expect("it trains");
        assert_eq!(done, Done::Finished);
        let lines = said.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("an object"))
            .collect()
    };
    let first = objects(&bench);
    assert_eq!(first.len(), 5);
    let (summary, runs) = first.split_last().expect("objects");
    assert!(runs.iter().all(|run| run["kind"] == "run"));
    assert_eq!(summary["kind"], "summary");
    let page = summary["report"].as_str().expect("a path");
    assert!(fs::read_to_string(page).expect("a page").contains("<html"));
    assert_eq!(summary["methods"][1]["method"], "decay");
    assert_eq!(summary["methods"][1]["runs"], 2);

    // With nothing to train the same is told.
    let mut second = objects(&bench);
    let mut first = first;
    let key = |object: &Value| object.to_string();
    first.sort_by_key(key);
    second.sort_by_key(key);
    assert_eq!(first, second);
}

fn evaluation(arguments: &EvaluateArguments) -> Result<Value, TrainError> {
    let mut out = Vec::new();
    evaluate(arguments, &mut out)?;
    Ok(serde_json::from_slice(&out).expect("an object"))
}

/// With batch normalization and dropout, which number the layers otherwise.
#[test]
fn a_kept_network_is_the_one_of_the_record() {
    let mut bench = bench();
    bench.arguments.output.save_weights = true;
    bench.arguments.overrides = vec![
        "model.hidden=[12,11]".into(),
        "model.batch_norm=book".into(),
        "methods.decay.model.dropout.probability=0.25".into(),
    ];
    let (_, said) = bench.train().expect("it trains");
    assert!(said.contains("weights: "), "{said}");
    let records = bench.records();
    assert_eq!(records.len(), 4);
    let arguments = |weights| EvaluateArguments {
        file: Some(weights),
        weights: None,
        config: None,
        method: None,
        overrides: Vec::new(),
        backend: Backend::Flex,
        data_dir: None,
        confusion: false,
        predictions: None,
        json: true,
    };
    for (path, text) in &records {
        let record = read_record(text.as_bytes()).expect("a record");
        let last = record.evaluations.last().expect("an evaluation");
        let mut arguments = arguments(path.with_file_name("weights.safetensors"));
        let found = evaluation(&arguments).expect("it is evaluated");
        assert_eq!(found["accuracy"], last.test.accuracy);
        assert_eq!(found["loss"], last.test.loss);
        assert_eq!(found["images"], 50);
        assert_eq!(found["weights"]["method"], record.header.method.as_str());
        assert_eq!(found["weights"]["seed"], record.header.seed);
        assert_eq!(found["other_data"], false);
        check_answers(&arguments, &found);
        // The same by the config file.
        arguments.config = Some(bench.arguments.config.clone());
        arguments.method = Some(record.header.method.clone());
        arguments.overrides.clone_from(&bench.arguments.overrides);
        assert_eq!(evaluation(&arguments).expect("it is evaluated"), found);
        arguments.overrides.push("model.hidden=[12]".into());
        let error = evaluation(&arguments).expect_err("another network");
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("must have the shape"), "{error}");
    }
    let [one, other] = [0, 1].map(|at| records[at].0.with_file_name("weights.safetensors"));
    let kept = fs::read(&one).expect("weights");
    let mut damaged = kept.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for wrong in [&damaged, &fs::read(&other).expect("weights")] {
        fs::write(&one, wrong).expect("written");
        let error = evaluation(&arguments(one.clone())).expect_err("other weights");
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("checksum"), "{error}");
    }
    // Away from its run, too.
    let copy = bench.directory.path().join("copy.safetensors");
    fs::write(&copy, &damaged).expect("written");
    let error = evaluation(&arguments(copy)).expect_err("damaged weights");
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("checksum"), "{error}");
    fs::write(&one, &kept).expect("written");
    bench.arguments.again = true;
    bench.train().expect("it trains again");
    let again = fs::read(records[0].0.with_file_name("weights.safetensors"));
    assert_eq!(again.expect("weights"), kept);
    // A run that is trained again without saving its weights removes the old file.
    bench.arguments.output.save_weights = false;
    bench.train().expect("it trains again");
    let trainings = bench.arguments.runs_dir.join("trainings");
    assert!(files(&trainings, "record.jsonl").len() == 4);
    assert!(!records[0].0.with_file_name("weights.safetensors").exists());
}

/// The answers to single images make the accuracy.
fn check_answers(arguments: &EvaluateArguments, found: &Value) {
    let directory = tempfile::tempdir().expect("a directory");
    let predictions = directory.path().join("predictions.csv");
    let asked = EvaluateArguments {
        confusion: true,
        predictions: Some(predictions.clone()),
        ..arguments.clone()
    };
    let with_answers = evaluation(&asked).expect("it is evaluated");
    assert_eq!(with_answers["right"], found["right"]);
    let confusion: Vec<Vec<u64>> =
        serde_json::from_value(with_answers["confusion"].clone()).expect("a table");
    let right: u64 = (0..10).map(|label| confusion[label][label]).sum();
    assert_eq!(found["right"], right);
    let text = fs::read_to_string(&predictions).expect("predictions");
    let rows: Vec<Vec<f64>> = (text.lines().skip(1))
        .map(|line| {
            line.split(',')
                .map(|it| it.parse().expect("a number"))
                .collect()
        })
        .collect();
    assert_eq!(rows.len(), 50);
    let mut counted = vec![vec![0; 10]; 10];
    for (at, row) in rows.iter().enumerate() {
        let &[image, label, answer, probability, of_label] = &row[..] else {
            panic!("{row:?}");
        };
        assert_eq!(image, at as f64);
        assert!((0.0..=1.0).contains(&of_label) && (0.1..=1.0).contains(&probability));
        assert_eq!(label == answer, probability == of_label, "{row:?}");
        counted[label as usize][answer as usize] += 1;
    }
    assert_eq!(counted, confusion);
    let losses = rows.iter().map(|row| -row[4].ln());
    let loss = losses.sum::<f64>() / 50.0;
    assert!((loss - found["loss"].as_f64().expect("a loss")).abs() < 1e-5);

    let mut said = Vec::new();
    let asked = EvaluateArguments {
        json: false,
        predictions: None,
        ..asked
    };
    evaluate(&asked, &mut said).expect("it is evaluated");
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("most frequent mistakes: "), "{said}");
    let row: Vec<_> = (said.lines().filter(|line| line.starts_with("3 ")))
        .flat_map(str::split_whitespace)
        .skip(1)
        .take(10)
        .map(|it| it.parse::<u64>().expect("a count"))
        .collect();
    assert_eq!(row, confusion[3]);
}

#[test]
fn members_of_an_ensemble_keep_their_own_networks() {
    let mut bench = bench();
    bench.arguments.output.save_weights = true;
    bench.arguments.ensemble = Some(8);
    bench.arguments.overrides = vec!["model.batch_norm=torch".into()];
    bench.train().expect("it trains");
    for (path, text) in bench.records() {
        let record = read_record(text.as_bytes()).expect("a record");
        assert_eq!(record.end.outcome, RunOutcome::Finished);
        let last = record.evaluations.last().expect("an evaluation");
        let found = evaluation(&EvaluateArguments {
            file: None,
            weights: Some(path.with_file_name("weights.safetensors")),
            config: None,
            method: None,
            overrides: Vec::new(),
            backend: Backend::Flex,
            data_dir: None,
            confusion: false,
            predictions: None,
            json: true,
        });
        let found = found.expect("it is evaluated");
        assert_eq!(found["accuracy"], last.test.accuracy);
        let loss = found["loss"].as_f64().expect("a number");
        assert!((loss - last.test.loss).abs() < 1e-5, "{loss}");
    }
}

#[test]
fn runs_without_saved_weights_are_trained_again_and_no_others() {
    let mut bench = bench();
    bench.arguments.seeds = Some(1);
    bench.train().expect("it trains");
    bench.arguments.seeds = None;
    bench.arguments.output.save_weights = true;
    let before = bench.records();
    let (_, said) = bench.train().expect("it trains");
    assert!(
        said.contains("2 finished runs have no saved weights and are trained again"),
        "{said}"
    );
    assert!(said.contains("4 of 4 runs trained in"), "{said}");
    for (path, text) in before {
        assert!(path.with_file_name("weights.safetensors").is_file());
        assert_eq!(fs::read_to_string(&path).expect("a record"), text);
    }
    let (_, said) = bench.train().expect("now they are there");
    assert!(
        said.contains("nothing to train: all 4 runs are finished"),
        "{said}"
    );
}

#[test]
fn a_diverged_run_has_no_weights_to_ask_for() {
    let mut bench = bench();
    bench.arguments.output.save_weights = true;
    bench.arguments.overrides = vec!["optimizer.sgd.learning_rate=1e30".into()];
    for _ in 0..2 {
        let (done, _) = bench.train().expect("divergence is no failure");
        assert_eq!(done, Done::Diverged { runs: 4 });
    }
    for (path, _) in bench.records() {
        assert!(!path.with_file_name("weights.safetensors").exists());
    }
}

#[test]
fn a_dry_run_says_how_long_it_will_take_and_by_what() {
    let mut bench = bench();
    bench.arguments.dry_run = true;
    bench.arguments.workers = Some(2);
    let (_, plan) = bench.train().expect("a plan");
    let measured = "measured now: an evaluation and some updates of each network";
    for expected in ["time: about ", " for 4 runs with 2 at a time", measured] {
        assert!(plan.contains(expected), "{expected}: {plan}");
    }
    assert!(!bench.arguments.runs_dir.exists());

    bench.arguments.dry_run = false;
    bench.train().expect("it trains");
    bench.arguments.dry_run = true;
    let (_, plan) = bench.train().expect("a plan");
    assert!(plan.contains("4 of 4 runs are finished already"), "{plan}");
    assert!(!plan.contains("time: about"), "{plan}");
    bench.arguments.seeds = Some(5);
    let (_, plan) = bench.train().expect("a plan");
    for expected in [
        "4 of 10 runs are finished already",
        " for 6 runs with 2 at a time",
        "(from finished runs with the same settings)",
    ] {
        assert!(plan.contains(expected), "{expected}: {plan}");
    }
}

#[test]
fn a_dry_run_lists_the_parameters_of_each_optimizer() {
    let mut bench = bench();
    bench.arguments.dry_run = true;
    bench.arguments.overrides = vec![
        "model.hidden=[5]".into(),
        "methods.decay.optimizer.adamw.weight_decay.decoupled=0.1".into(),
    ];
    let (_, plan) = bench.train().expect("a plan");
    let adamw = "hidden.0.linear.weight  [784, 5]  f32   -      adamw      0.001  decoupled 0.1  \
                 31.4 kB";
    let tables = plan.split("\nparameters of ").count() - 1;
    assert!(plan.contains(adamw), "{plan}");
    assert_eq!(tables, 2, "{plan}");
}

#[test]
fn finished_runs_are_listed_from_their_records() {
    let mut bench = bench();
    let mut arguments = RunsArguments {
        runs_dir: bench.arguments.runs_dir.clone(),
        each: false,
        json: false,
    };
    let list = |arguments: &RunsArguments| {
        let mut out = Vec::new();
        let result = list_runs(arguments, &mut out);
        (result, String::from_utf8(out).expect("text"))
    };
    let (result, text) = list(&arguments);
    assert!(
        result.is_ok() && text.starts_with("no finished runs in "),
        "{text}"
    );

    bench.arguments.overrides = vec!["methods.decay.optimizer.sgd.learning_rate=1e30".into()];
    bench.train().expect("it trains");
    let (_, text) = list(&arguments);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(
        lines[0].starts_with("experiment  method  backend  seeds  test %"),
        "{text}"
    );
    let line = |method: &str| {
        let method = format!("  {method}  ");
        let found = lines.iter().find(|line| line.contains(&method));
        (*found.expect("a line")).to_owned()
    };
    assert!(
        line("none ").starts_with("small       none    flex     0, 1   "),
        "{text}"
    );
    assert!(line("decay").contains("0.00 (2 diverged)"), "{text}");
    assert!(line("decay").ends_with(" and 1 more"), "{text}");
    assert_eq!(lines[4], "4 finished runs");

    arguments.each = true;
    assert_eq!(list(&arguments).1.lines().count(), 7);
    arguments.each = false;
    arguments.json = true;
    for line in list(&arguments).1.lines() {
        let run: Value = serde_json::from_str(line).expect("an object");
        let directory = PathBuf::from(run["directory"].as_str().expect("a path"));
        assert!(directory.join("record.jsonl").is_file());
    }

    let (path, text) = bench.records().remove(0);
    fs::write(&path, text.replacen("accuracy\":0", "accuracy\":1", 1)).expect("written");
    let (result, text) = list(&arguments);
    assert_eq!(text.lines().count(), 3);
    let error = result.expect_err("one is damaged");
    assert_eq!(error.exit_code(), 5);
}

#[test]
fn a_csv_has_the_runs_of_the_page() {
    // A method's name may hold what would end a field.
    let config = CONFIG.replace("[methods.decay]", "[methods.\"decay, \\\"strong\\\"\"]");
    let bench = Bench::new(Backend::Flex, &config);
    bench.train().expect("it trains");
    let (_, csv) = report(&bench, ".csv");
    assert!(csv.contains("\r\n\"decay, \"\"strong\"\"\",0,"), "{csv}");
    let empty = downhill_sample::experiment(None, Vec::new());
    let empty = Report::of(&empty).expect("a valid experiment");
    assert_eq!(empty.csv().lines().count(), 1);
}

#[test]
fn a_figure_that_cannot_be_written_costs_no_other_file() {
    let bench = bench();
    bench.train().expect("it trains");
    let (figure, _) = report(&bench, "-final.svg");
    let reports = bench.arguments.runs_dir.join("reports");
    let names = || {
        let entries = fs::read_dir(&reports).expect("reports");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        names.sort();
        names
    };
    let before = names();
    fs::remove_dir_all(&reports).expect("reports");
    fs::create_dir_all(&figure).expect("a directory in the figure's place");
    let error = bench.train().expect_err("a figure cannot be written");
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("-final.svg"), "{error}");
    assert_eq!(names(), before);
}

#[test]
fn names_of_any_length_fit_in_the_names_of_files() {
    let mut bench = bench();
    let long = "x".repeat(300);
    let config = CONFIG.replace("decay]", &format!("{long}]"));
    let file = bench.directory.path().join("y".repeat(245) + ".toml");
    fs::write(&file, config).expect("a config");
    bench.arguments.config = file.display().to_string();
    bench.arguments.output.tensorboard = Some(None);
    let (done, _) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
}
