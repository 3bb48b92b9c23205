//! The command `train`: files in, records and a report out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use downhill_report::record::RunOutcome;
use downhill_report::{RunRecord, read_record};
use downhill_trainer::{Backend, Done, TrainArguments, TrainError, train};
use tempfile::TempDir;

pub(crate) const CONFIG: &str = "\
# Does decay show on a small network?

seeds = 2
baseline = 'none'

[data]
train_images = 100
test_images = 50

[model]
hidden = [10]

[optimizer.sgd]
learning_rate = 0.1

[training]
batch = 20
updates = 12
evaluate_every = 5

[methods.none]

[methods.decay]
model.weight_decay = 0.5
";

/// A directory with a config, and the arguments that train it.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) arguments: TrainArguments,
}

impl Bench {
    pub(crate) fn new(backend: Backend, config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("small.toml");
        fs::write(&file, config).expect("a config");
        let arguments = TrainArguments {
            config: file.display().to_string(),
            backend,
            quiet: true,
            runs_dir: directory.path().join("runs"),
            ..TrainArguments::default()
        };
        Self {
            directory,
            arguments,
        }
    }

    pub(crate) fn train(&self) -> Result<(Done, String), TrainError> {
        let mut out = Vec::new();
        let done = train(&self.arguments, &mut out, &AtomicBool::new(false))?;
        Ok((done, String::from_utf8(out).expect("the output is text")))
    }

    /// The message and exit code of what must fail, leaving nothing behind.
    #[track_caller]
    pub(crate) fn failure(&self) -> (String, u8) {
        let error = self.train().expect_err("it must fail");
        assert!(
            !self.arguments.runs_dir.exists(),
            "a failed command left files: {error}"
        );
        (error.to_string(), error.exit_code())
    }

    /// The failure of the same with `--set`.
    #[track_caller]
    pub(crate) fn failure_with(&mut self, overrides: &[&str]) -> (String, u8) {
        self.arguments.overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
        self.failure()
    }

    pub(crate) fn records(&self) -> Vec<(PathBuf, String)> {
        files(&self.arguments.runs_dir.join("trainings"), "record.jsonl")
    }
}

/// The files of this name in the directories of a directory, with their text.
pub(crate) fn files(directory: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().join(name));
    let mut files: Vec<_> = paths
        .filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?)))
        .collect();
    files.sort();
    files
}

/// Records, table and report; the same again does nothing, and `--again` gives the same bytes.
pub(crate) fn an_experiment_from_config_to_report(backend: Backend) {
    let mut bench = Bench::new(backend, CONFIG);
    let (done, said) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
    assert!(said.contains("4 of 4 runs trained"), "{said}");
    assert!(said.contains("decay"), "{said}");
    let report = said.lines().find_map(|line| line.strip_prefix("report: "));
    let report = PathBuf::from(report.expect("the report's path"));
    let html = fs::read_to_string(&report).expect("the report");
    assert!(html.contains("Does decay show on a small network?"));
    let records = bench.records();
    assert_eq!(records.len(), 4);

    let (done, said) = bench.train().expect("there is nothing to do");
    assert_eq!(done, Done::Finished);
    assert!(
        said.contains("nothing to train: all 4 runs are finished"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&report).expect("the report"), html);

    bench.arguments.again = true;
    let (_, said) = bench.train().expect("it trains again");
    assert!(said.contains("4 of 4 runs trained"), "{said}");
    match backend {
        Backend::Flex | Backend::Ndarray => assert_eq!(bench.records(), records),
        Backend::Wgpu => assert_eq!(bench.records().len(), 4),
    }
}

#[cfg(feature = "flex")]
mod on_flex {
    use std::sync::atomic::Ordering;

    use downhill_trainer::cli::commands::{ReportArguments, RunsArguments};
    use downhill_trainer::{list_runs, report};

    use super::*;

    fn bench() -> Bench {
        Bench::new(Backend::Flex, CONFIG)
    }

    #[test]
    fn more_workers_give_the_same_records() {
        let mut bench = bench();
        bench.arguments.workers = Some(1);
        bench.train().expect("it trains");
        let one_by_one = bench.records();
        fs::remove_dir_all(&bench.arguments.runs_dir).expect("removed");
        bench.arguments.workers = Some(4);
        bench.train().expect("it trains");
        assert_eq!(bench.records(), one_by_one);
    }

    /// Settings, evaluations and ends are those of single runs, but for the last digits and the
    /// mark of an ensemble.
    #[test]
    fn an_ensemble_gives_the_records_of_single_runs() {
        let config = format!("{CONFIG}optimizer.sgd.learning_rate = 0.3\n")
            .replace("seeds = 2", "seeds = 3");
        let mut bench = Bench::new(Backend::Flex, &config);
        let records = |bench: &Bench| -> Vec<RunRecord> {
            let records = bench.records().into_iter();
            let read = |(_, text): (_, String)| read_record(text.as_bytes()).expect("a record");
            let mut records: Vec<_> = records.map(read).collect();
            records.sort_by_key(|record| (record.header.method.clone(), record.header.seed));
            records
        };
        bench.train().expect("it trains");
        let alone = records(&bench);
        fs::remove_dir_all(&bench.arguments.runs_dir).expect("removed");

        // Three runs of either method, by two and one.
        bench.arguments.ensemble = Some(2);
        let (done, said) = bench.train().expect("it trains");
        assert_eq!(done, Done::Finished);
        assert!(said.contains("6 of 6 runs trained"), "{said}");
        let together = records(&bench);
        assert_eq!(together.len(), alone.len());
        for (mut found, mut expected) in together.into_iter().zip(alone) {
            assert_ne!(found.header.run, expected.header.run);
            assert!(found.header.ensemble && !expected.header.ensemble);
            found.header.ensemble = false;
            found.header.run.clone_from(&expected.header.run);
            assert_eq!(found.header, expected.header);
            assert_eq!(found.end, expected.end);
            for (found, expected) in found.evaluations.iter_mut().zip(&mut expected.evaluations) {
                for (found, expected) in [
                    (&mut found.train, &expected.train),
                    (&mut found.test, &expected.test),
                ] {
                    assert!((found.loss - expected.loss).abs() < 1e-5, "{found:?}");
                    found.loss = expected.loss;
                }
            }
            assert_eq!(found.evaluations, expected.evaluations);
        }

        // The same again is there, with or without others; and alone it is another matter.
        let (_, said) = bench.train().expect("there is nothing to do");
        assert!(said.contains("nothing to train: all 6 runs"), "{said}");
        bench.arguments.seeds = Some(4);
        bench.arguments.ensemble = Some(50);
        let (_, said) = bench.train().expect("it trains");
        assert!(said.contains("2 of 2 runs trained"), "{said}");
        bench.arguments.ensemble = None;
        let (_, said) = bench.train().expect("it trains");
        assert!(said.contains("8 of 8 runs trained"), "{said}");
    }

    #[test]
    fn a_run_that_diverges_in_an_ensemble_ends_there() {
        let mut bench = Bench::new(
            Backend::Flex,
            "# Which rate?\n
             seeds = 2
             data = { train_images = 100, test_images = 50 }
             training = { batch = 20, updates = 12, evaluate_every = 5 }
             [methods.good.optimizer.sgd]
             learning_rate = 0.1
             [methods.bad.optimizer.sgd]
             learning_rate = 1e30",
        );
        bench.arguments.ensemble = Some(4);
        let (done, said) = bench.train().expect("it trains");
        assert_eq!(done, Done::Diverged { runs: 2 });
        assert!(said.contains("4 of 4 runs trained"), "{said}");
        let records = bench.records().into_iter();
        for record in records.map(|(_, text)| read_record(text.as_bytes()).expect("a record")) {
            let (outcome, evaluations) = match record.header.method.as_str() {
                "bad" => (RunOutcome::Diverged { update: 1 }, 1),
                _ => (RunOutcome::Finished, 5),
            };
            assert_eq!(record.end.outcome, outcome);
            assert_eq!(record.evaluations.len(), evaluations);
        }
        let timings = files(&bench.arguments.runs_dir.join("trainings"), "timing.json");
        assert_eq!(timings.len(), 4);
        for (_, timing) in timings {
            assert!(timing.contains("\"members\":4"), "{timing}");
        }
    }

    #[test]
    fn an_interrupted_ensemble_has_no_finished_run() {
        let mut bench = bench();
        bench.arguments.ensemble = Some(8);
        bench.arguments.workers = Some(1);
        bench.arguments.overrides = vec!["training.updates=100000".into()];
        let stop = AtomicBool::new(false);
        let mut out = Vec::new();
        let done = std::thread::scope(|scope| {
            // Ctrl-C as soon as something is written.
            scope.spawn(|| {
                let trainings = bench.arguments.runs_dir.join("trainings");
                while files(&trainings, "record.jsonl.partial").is_empty() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                stop.store(true, Ordering::Relaxed);
            });
            train(&bench.arguments, &mut out, &stop).expect("stopping is no failure")
        });
        assert_eq!(done, Done::Interrupted);
        let said = String::from_utf8(out).expect("text");
        assert!(said.contains("stopped: 0 of 4 runs are finished"), "{said}");
        assert!(bench.records().is_empty());

        bench.arguments.overrides = vec!["training.updates=12".into()];
        bench.train().expect("it trains");
        let records = bench.records();
        bench.arguments.again = true;
        bench.train().expect("it trains again");
        assert_eq!(bench.records(), records);
    }

    #[test]
    fn more_seeds_train_only_what_is_missing() {
        let mut bench = bench();
        bench.train().expect("it trains");
        bench.arguments.seeds = Some(3);
        let (_, said) = bench.train().expect("it trains");
        assert!(said.contains("2 of 2 runs trained"), "{said}");
        assert_eq!(bench.records().len(), 6);
    }

    #[test]
    fn an_interrupted_command_goes_on_where_it_stopped() {
        let mut bench = bench();
        bench.arguments.workers = Some(1);
        // Long enough for the other thread to be late.
        bench.arguments.overrides = vec!["training.updates=2000".into()];
        let stop = AtomicBool::new(false);
        let mut out = Vec::new();
        let done = std::thread::scope(|scope| {
            // Ctrl-C as soon as a record is finished.
            scope.spawn(|| {
                while bench.records().is_empty() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                stop.store(true, Ordering::Relaxed);
            });
            train(&bench.arguments, &mut out, &stop).expect("stopping is no failure")
        });
        let finished = bench.records();
        assert_eq!(done, Done::Interrupted);
        assert_eq!(done.exit_code(), 130);
        assert!((1..4).contains(&finished.len()), "{}", finished.len());
        let said = String::from_utf8(out).expect("text");
        let kept = format!(
            "stopped: {} of 4 runs are finished and kept",
            finished.len()
        );
        assert!(said.contains(&kept), "{said}");

        let (done, said) = bench.train().expect("the rest");
        assert_eq!(done, Done::Finished);
        let rest = 4 - finished.len();
        assert!(
            said.contains(&format!("{rest} of {rest} runs trained")),
            "{said}"
        );
        let all = bench.records();
        assert!(finished.iter().all(|record| all.contains(record)));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_diverged_run_is_told_and_kept() {
        let mut bench = bench();
        bench.arguments.overrides = vec!["optimizer.sgd.learning_rate=1e30".into()];
        let (done, said) = bench.train().expect("divergence is no failure");
        assert_eq!(done, Done::Diverged { runs: 4 });
        assert_eq!(done.exit_code(), 4);
        assert!(said.contains("diverged"), "{said}");
        assert_eq!(bench.records().len(), 4);
    }

    #[test]
    fn a_damaged_record_is_named_and_not_trusted() {
        let (bench, paths) = bench_with_damaged_records();
        fs::remove_file(&bench.records()[3].0).expect("a record");
        let mut out = Vec::new();
        let error = train(&bench.arguments, &mut out, &AtomicBool::new(false));
        let error = error.expect_err("records are damaged");
        assert_eq!(error.exit_code(), 5);
        let message = error.to_string();
        for path in &paths {
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
        assert!(message.contains("Move damaged files aside"), "{message}");
        // The other runs are trained and reported.
        let said = String::from_utf8(out).expect("text");
        assert!(said.contains("1 of 1 runs trained"), "{said}");
        assert!(said.contains("report: "), "{said}");

        for path in &paths {
            fs::rename(path, path.with_extension("aside")).expect("moved");
        }
        let (done, said) = bench.train().expect("the damaged ones are trained again");
        assert_eq!(done, Done::Finished);
        assert!(said.contains("2 of 2 runs trained"), "{said}");
    }

    /// An experiment of four runs of which the first two are damaged.
    fn bench_with_damaged_records() -> (Bench, Vec<PathBuf>) {
        let bench = bench();
        bench.train().expect("it trains");
        let damaged = bench.records().into_iter().take(2).map(|(path, text)| {
            fs::write(&path, text.replacen("accuracy\":0", "accuracy\":1", 1)).expect("written");
            path
        });
        let damaged = damaged.collect();
        (bench, damaged)
    }

    #[test]
    fn a_report_and_a_list_leave_out_damaged_records_and_name_them() {
        let (bench, paths) = bench_with_damaged_records();
        let page = bench.directory.path().join("page.html");
        let arguments = ReportArguments {
            directories: vec![bench.arguments.runs_dir.clone()],
            out: Some(page),
            png: false,
        };
        let list = RunsArguments {
            runs_dir: bench.arguments.runs_dir,
            each: true,
            json: false,
        };
        let (mut reported, mut listed) = (Vec::new(), Vec::new());
        let errors = [
            report(&arguments, &mut reported).expect_err("records are damaged"),
            list_runs(&list, &mut listed).expect_err("records are damaged"),
        ];
        for error in errors {
            assert_eq!(error.exit_code(), 5);
            for path in &paths {
                let name = path.display().to_string();
                assert!(error.to_string().contains(&name), "{error}");
            }
        }
        assert!(arguments.out.is_some_and(|page| page.is_file()));
        assert!(String::from_utf8_lossy(&listed).contains("2 finished runs"));
    }

    #[test]
    fn a_run_that_is_being_written_is_left_alone() {
        let mut bench = bench();
        bench.train().expect("it trains");
        let (path, _) = bench.records().remove(0);
        let file = fs::File::create(path.with_file_name("lock")).expect("a file");
        file.lock().expect("a lock");
        bench.arguments.again = true;
        // It trains the other runs, and waits for this one until it is stopped.
        let stop = AtomicBool::new(false);
        let mut out = Vec::new();
        let done = std::thread::scope(|scope| {
            let trained = scope.spawn(|| train(&bench.arguments, &mut out, &stop));
            std::thread::sleep(std::time::Duration::from_secs(1));
            stop.store(true, Ordering::Relaxed);
            trained.join().expect("no panic")
        });
        assert_eq!(done.expect("it is stopped"), Done::Interrupted);
        let said = String::from_utf8_lossy(&out);
        assert!(said.contains("3 of 4 runs trained"), "{said}");
        assert!(fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 7));
    }

    #[test]
    fn settings_that_cannot_be_used_end_with_code_2() {
        let mut bench = bench();
        for (text, expected) in [
            (
                "optimizer.sgd.learning_rate=-1",
                "optimizer.sgd.learning_rate must be finite and greater than 0, got -1 \
                 (from --set optimizer.sgd.learning_rate=-1)",
            ),
            (
                "training.batch=200",
                "training.batch must be at most 100, the number of training images used, got 200 \
                 (from --set training.batch=200)",
            ),
            (
                "data.train_images=60001",
                "data.train_images must be at most 60000, the number of training images, \
                 got 60001 (from --set data.train_images=60001)",
            ),
            (
                "model.dropout.probability=1",
                "model.dropout.probability must lie in [0, 1), got 1 \
                 (from --set model.dropout.probability=1)",
            ),
            (
                "training.updates=0",
                "training.updates must lie in 1 to 1000000000000, got 0 \
                 (from --set training.updates=0)",
            ),
            (
                "optimizer.sgd.learnig_rate=1",
                "--set optimizer.sgd.learnig_rate=1: unknown key `optimizer.sgd.learnig_rate`; \
                 did you mean `learning_rate`?",
            ),
            (
                "methods.deca.model.weight_decay=1",
                "--set methods.deca.model.weight_decay=1: the experiment has no method `deca`; \
                 did you mean `decay`?",
            ),
            (
                "nonsense",
                "--set nonsense: expected KEY=VALUE, such as training.batch=50",
            ),
        ] {
            assert_eq!(bench.failure_with(&[text]), (expected.to_owned(), 2));
        }
        let (message, code) = bench.failure_with(&["training.updates=many"]);
        assert_eq!(code, 2);
        assert!(
            message.starts_with("training.updates must be a number of updates or \"3 epochs\"")
                && message.ends_with("got \"many\" (from --set training.updates=many)"),
            "{message}"
        );
        let (message, _) = bench.failure_with(&["model.hidden=[100,-1]"]);
        assert!(
            message.ends_with("(from --set model.hidden=[100,-1])"),
            "{message}"
        );
        let (message, _) = bench.failure_with(&["model.activation=rleu"]);
        assert!(
            message.contains("unknown word `rleu`; did you mean `relu`?"),
            "{message}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_ends_with_code_2() {
        let bench = Bench::new(Backend::Flex, &CONFIG.replace("hidden", "hiden"));
        let (message, code) = bench.failure();
        assert_eq!(code, 2);
        assert!(
            message.ends_with("small.toml:11: unknown key `model.hiden`; did you mean `hidden`?"),
            "{message}"
        );
        let bench = Bench::new(Backend::Flex, &CONFIG.replace("'none'", "'nonne'"));
        let (message, code) = bench.failure();
        assert_eq!(code, 2);
        assert!(
            message.contains("has no method `nonne`; did you mean `none`?"),
            "{message}"
        );
        let mut bench = bench;
        bench.arguments.config = "regularisation".into();
        let (message, code) = bench.failure();
        assert_eq!(code, 2);
        assert!(
            message.contains("did you mean `regularization`?"),
            "{message}"
        );
    }

    #[test]
    fn a_method_about_one_optimizer_is_not_given_another() {
        let config = format!("{CONFIG}\n[methods.adam]\noptimizer.adam = {{}}\n");
        let mut bench = Bench::new(Backend::Flex, &config);
        let (message, code) = bench.failure_with(&["optimizer.sgd.learning_rate=0.2"]);
        assert_eq!(code, 2);
        assert!(
            message.contains("method `adam` is trained with adam, not with sgd"),
            "{message}"
        );
        bench.arguments.dry_run = true;
        bench.arguments.overrides = vec!["optimizer.adam.beta_1=0.5".into()];
        let (_, plan) = bench.train().expect("all are Adam now");
        assert!(plan.contains("# --set optimizer.adam.beta_1=0.5"), "{plan}");
        assert!(!plan.contains("sgd"), "{plan}");
    }

    #[test]
    fn the_command_line_is_the_last_word() {
        let mut bench = bench();
        bench.arguments.dry_run = true;
        bench.arguments.overrides = vec![
            "model.weight_decay=0.25".into(),
            "methods.decay.training.batch=5".into(),
        ];
        let (done, plan) = bench.train().expect("a plan");
        assert_eq!(done, Done::Finished);
        assert!(!bench.arguments.runs_dir.exists());
        for expected in [
            "Does decay show on a small network?",
            "model.weight_decay = 0.25",
            "# --set model.weight_decay=0.25",
            "# --set methods.decay.training.batch=5",
            "2 methods x 2 seeds = 4 runs, 48 updates in all, on flex",
        ] {
            assert!(plan.contains(expected), "{expected}: {plan}");
        }
        assert!(!plan.contains("weight_decay = 0.5"), "{plan}");
        assert!(!plan.contains("ensemble"), "{plan}");
        bench.arguments.ensemble = Some(3);
        let (_, plan) = bench.train().expect("a plan");
        assert!(
            plan.contains("on flex, up to 3 similar runs as one ensemble"),
            "{plan}"
        );
    }

    #[test]
    fn every_optimizer_trains_from_a_config() {
        let mut bench = bench();
        bench.arguments.seeds = Some(1);
        bench.arguments.methods = vec!["none".into()];
        // No experiment estimates the Hessian that Sophia needs.
        let all = downhill::OptimizerConfig::all().into_iter();
        for config in all.filter(|config| config.name() != "sophia") {
            let name = config.name();
            // Safe for those that find their rate themselves, too.
            bench.arguments.overrides = vec![format!("optimizer.{name}.learning_rate=0.01")];
            // The eigenvectors of the 784 pixels take seconds without optimization.
            if ["soap", "shampoo"].contains(&name) {
                let short = format!("optimizer.{name}.max_precondition_dim=100");
                bench.arguments.overrides.push(short);
            }
            let (done, said) = bench
                .train()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(done, Done::Finished, "{name}");
            assert!(said.contains("1 of 1 runs trained"), "{name}: {said}");
        }
    }

    #[test]
    fn a_preset_and_what_is_set_over_it_are_told_apart() {
        let mut bench = bench();
        bench.arguments.dry_run = true;
        bench.arguments.overrides = vec![
            "optimizer.adam.preset=keras".into(),
            "optimizer.adam.weight_decay.decoupled=0.1".into(),
        ];
        let (_, plan) = bench.train().expect("a plan");
        for expected in [
            "optimizer.adam.epsilon = 0.0000001",
            "# preset keras from --set optimizer.adam.preset=keras",
            "optimizer.adam.weight_decay.decoupled = 0.1",
            "# --set optimizer.adam.weight_decay.decoupled=0.1",
        ] {
            assert!(plan.contains(expected), "{expected}: {plan}");
        }
        bench.arguments.dry_run = false;
        let (message, code) = bench.failure_with(&["optimizer.lion.preset=torch"]);
        assert_eq!(code, 2);
        assert!(
            message.contains("choose one of optax, keras, burn"),
            "{message}"
        );
        let (message, _) = bench.failure_with(&["optimizer.adam.weight_decay.l3=1"]);
        assert!(
            message.contains("unknown key `l3`; it must be"),
            "{message}"
        );
    }

    #[test]
    fn data_that_cannot_be_used_ends_with_code_3() {
        let mut bench = bench();
        let data = bench.directory.path().join("data");
        fs::create_dir(&data).expect("a directory");
        bench.arguments.data_dir = Some(data.clone());
        let (message, code) = bench.failure();
        assert_eq!(code, 3, "{message}");

        let images = |count: u8| {
            let mut file = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2];
            file.extend(vec![7; 4 * usize::from(count)]);
            file
        };
        let labels = |labels: &[u8]| {
            let mut file = vec![0, 0, 8, 1, 0, 0, 0, labels.len() as u8];
            file.extend(labels);
            file
        };
        let good = labels(&[0, 1, 2, 3, 9]);
        let write = |name: &str, bytes: &[u8]| fs::write(data.join(name), bytes).expect("written");
        for part in ["train", "t10k"] {
            write(&format!("{part}-images-idx3-ubyte"), &images(5));
            write(&format!("{part}-labels-idx1-ubyte"), &good);
        }
        write("train-labels-idx1-ubyte", &labels(&[0, 1, 2, 3]));
        let (message, code) = bench.failure();
        assert_eq!(code, 3);
        assert!(
            message.contains("train-labels-idx1-ubyte") && message.contains("found 4"),
            "{message}"
        );
        write("train-labels-idx1-ubyte", &good);
        write("t10k-images-idx3-ubyte", &images(5)[..30]);
        let (message, code) = bench.failure();
        assert_eq!(code, 3);
        assert!(message.contains("t10k-images-idx3-ubyte"), "{message}");

        write("t10k-images-idx3-ubyte", &images(5));
        bench.arguments.overrides = vec![
            "data.train_images=all".into(),
            "data.test_images=all".into(),
            "training.batch=5".into(),
        ];
        let (done, _) = bench.train().expect("now it trains, on images of 2x2");
        assert_eq!(done, Done::Finished);
    }
}
