//! Experiments of every kind, small, by the command `train`.

use std::fs;
use std::path::Path;

use downhill_report::record::Line;
use downhill_report::{RecordEncoder, RunRecord, read_record};
use downhill_trainer::cli::commands::{ReportArguments, RunsArguments};
use downhill_trainer::config::file::ExperimentFile;
use downhill_trainer::plan::Plan;
use downhill_trainer::{Backend, Done, Kind, list_runs, report};

use crate::command::{Bench, CONFIG};

fn records(bench: &Bench) -> Vec<RunRecord> {
    let read = |(_, text): (_, String)| read_record(text.as_bytes()).expect("a record");
    bench.records().into_iter().map(read).collect()
}

/// The files of the reports, by their endings.
fn reports(bench: &Bench, ending: &str) -> usize {
    let reports = fs::read_dir(bench.arguments.runs_dir.join("reports"));
    let reports = reports.expect("reports").flatten();
    let names = reports.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending)).count()
}

/// Every config of the project has a question and can be resolved.
#[cfg(feature = "flex")]
#[test]
fn every_config_resolves() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).expect("configs") {
        let path = entry.expect("an entry").path();
        let file = ExperimentFile::find(&path.display().to_string()).expect("a config");
        assert!(file.question.ends_with('?'), "{}", file.question);
        let bench = Bench::new(Backend::Flex, CONFIG);
        let plan = Plan::resolve(&file, &bench.arguments).expect("a plan");
        assert_eq!(plan.runs() > 0, plan.trains(), "{}", file.name);
        names.push(file.name);
    }
    names.sort();
    assert_eq!(names.len(), 27, "{names:?}");
}

const GRID: &str = "\
# How large should the first weights be?

seeds = 2

[data]
train_images = 60
test_images = 40
validation_images = 20
pixel_mean = 0.1307
pixel_deviation = 0.3081

[model]
hidden = [6]
activation = 'tanh'

[training]
batch = 20
updates = 4
evaluate_every = 2
record_losses = 'after-update'
record_activations = true

[grid]
setting = 'model.initialization.std'
values = [0.5, 0.01]

[target]
accuracy = 0.01
on = 'validation_and_test'

[methods.sgd.optimizer.sgd]

[methods.adam.optimizer.adam]

[published]
source = 'nobody'
methods.'adam 0.5'.test_accuracy = 0.5
";

pub(crate) fn a_grid_trains_every_method_at_every_value(backend: Backend) {
    let mut bench = Bench::new(backend, GRID);
    bench.arguments.output.png = true;
    let (done, text) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
    assert!(text.contains("of the method's own best"), "{text}");
    let records = records(&bench);
    let mut names: Vec<&str> = records
        .iter()
        .map(|run| run.header.method.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["adam 0.01", "adam 0.5", "sgd 0.01", "sgd 0.5"]);
    for run in &records {
        let std = run.header.method.rsplit(' ').next().expect("a value");
        let config = &run.header.config["model"]["initialization"]["std"];
        assert_eq!(config.to_string(), std);
        // 20 of the 60 are held out.
        assert_eq!(run.header.data.train_images, 40);
        assert!(
            run.evaluations
                .iter()
                .all(|evaluation| evaluation.validation.is_some())
        );
        assert_eq!(run.losses.len(), 4);
        assert!(run.losses.iter().all(|loss| loss.is_finite()));
        assert_eq!(run.activations.len(), 2);
        let counts = &run.activations[0].layers[0].counts;
        // 6 units of 40 images.
        assert_eq!(counts.iter().sum::<u64>(), 240);
    }
    assert!(reports(&bench, ".png") > 0);
    assert_eq!(reports(&bench, ".png"), reports(&bench, ".svg"));
}

pub(crate) const SEARCH: &str = "\
# Which rate is best?

seeds = 2

[data]
train_images = 60
test_images = 20
validation_images = 20

[model]
hidden = [6]

[optimizer.sgd]

[training]
batch = 20
updates = 6
evaluate_every = 3

[search]
trials = 4
rounds = 2
best = 2

[search.ranges]
'optimizer.*.learning_rate' = { from = 1e-4, to = 1.0 }
";

pub(crate) fn a_search_narrows_its_range_and_goes_on(backend: Backend) {
    let mut bench = Bench::new(backend, SEARCH);
    let (_, first) = bench.train().expect("it searches");
    assert_eq!(first.matches("8 of 8 runs trained").count(), 2, "{first}");
    let found = records(&bench);
    let rate = |run: &RunRecord| {
        let rate = &run.header.config["optimizer"]["sgd"]["learning_rate"];
        rate.as_f64().expect("a rate")
    };
    let of = |seed: u64, round: &str| {
        let runs = found.iter();
        let runs =
            runs.filter(|run| run.header.seed == seed && run.header.method.starts_with(round));
        runs.collect::<Vec<_>>()
    };
    for seed in 0..2 {
        let mut first = of(seed, "round 1");
        let validation = |run: &&RunRecord| {
            let last = run.evaluations.last().and_then(|last| last.validation);
            last.expect("images held out").accuracy
        };
        first.sort_by(|a, b| {
            let order = validation(b).total_cmp(&validation(a));
            order.then(a.header.method.cmp(&b.header.method))
        });
        let best = [rate(first[0]), rate(first[1])];
        let (from, to) = (best[0].min(best[1]), best[0].max(best[1]));
        for run in of(seed, "round 2") {
            assert!((from..=to).contains(&rate(run)), "{} {best:?}", rate(run));
        }
    }
    let (_, again) = bench.train().expect("it is there");
    assert_eq!(again.matches("nothing to train").count(), 2, "{again}");
    // A trial depends on its seed and number alone.
    bench.arguments.seed = Some(1);
    bench.arguments.overrides = vec!["search.trials=3".to_owned(), "search.rounds=1".to_owned()];
    let (_, fewer) = bench.train().expect("it is there");
    assert!(
        fewer.contains("nothing to train: all 3 runs are finished"),
        "{fewer}"
    );
}

pub(crate) fn a_valley_is_descended_to_its_end(backend: Backend) {
    let config = "\
# Where do they go?

[valley]
coefficients = [0.05, 1.0]
start = [-7.0, 2.0]
updates = 30

[methods.sgd]
optimizer.sgd.learning_rate = 0.95
";
    let formula = "function = 'x^2 / 20 + y^2'\nminimum = [0, 0]";
    for config in [
        config,
        &config.replace("coefficients = [0.05, 1.0]", formula),
    ] {
        let bench = Bench::new(backend, config);
        let (done, text) = bench.train().expect("it descends");
        assert_eq!(done, Done::Finished);
        // In 32 bits the last of six digits may be another.
        assert!(text.contains("ends at (-0.3503"), "{text}");
        assert!(text.contains(", 0.0847"), "{text}");
        assert_eq!(reports(&bench, ".html"), 1);
    }
}

pub(crate) fn landscapes_are_descended_from_many_starts(backend: Backend) {
    let config = "\
# Which reach it?
seeds = 2

[landscapes]
updates = 30
starts = 2
tuning_starts = 1
learning_rates = [1e-3, 0.3]
tolerance = 1e-3

[landscapes.functions.bowl]
function = 'x^2 + y^2'
x = [1, 2]
y = [-2, 2]
minimum = 0.0

[landscapes.functions.wave]
function = '1 - cos(x) + y^2'
x = [-1, 1]
y = [-1, 1]
minimum = 0.0
minima = [[0, 0]]

[methods.sgd.optimizer.sgd]

[methods.clipped]
gradients = [{ clip-global-norm = 1e-3 }]
optimizer.sgd = {}
";
    let mut bench = Bench::new(backend, config);
    bench.arguments.workers = Some(1);
    let (done, text) = bench.train().expect("it descends");
    assert_eq!(done, Done::Finished);
    let expected = "“sgd” reaches the minimum from the most starts, 8 of 8 on 2 functions, and \
                    “clipped” reaches it from the fewest, 0.";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.contains("the highest rate tried was chosen for “sgd”"),
        "{text}"
    );
    assert_eq!((reports(&bench, ".html"), reports(&bench, ".svg")), (1, 2));
    let mut others = Bench::new(backend, config);
    others.arguments.workers = Some(3);
    others.train().expect("it descends");
    assert_eq!(csv(&bench), csv(&others));
    assert_eq!(csv(&bench).lines().count(), 1 + 2 * 2 * 4);
}

/// The only CSV file of the reports.
fn csv(bench: &Bench) -> String {
    let reports = bench.arguments.runs_dir.join("reports");
    let files = fs::read_dir(reports).expect("reports");
    let mut paths = files.map(|file| file.expect("a file").path());
    let path = paths.find(|path| path.extension().is_some_and(|it| it == "csv"));
    fs::read_to_string(path.expect("a CSV file")).expect("text")
}

/// Another kind of network, its layers or weights trained or bounded in another way.
pub(crate) fn other_networks_train(backend: Backend) {
    for model in [
        "model = { hidden = [8], convolutions = [{ channels = 2, kernel = 5, pool = 4 }] }",
        "model = { hidden = [8], activation = 'sigmoid' }
         training = { pretraining = { updates = 3, corruption = 0.3 } }",
        "model = { hidden = [8], max_norm = 0.5, l1_decay = 1e-4, \
                   dropout = { probability = 0.5, input_probability = 0.2, kind = 'inverted' } }",
    ] {
        let config = format!(
            "# Does it train?\nseeds = 1\ndata = {{ train_images = 60, test_images = 20 }}\n{model}\n[optimizer.adam]\n"
        );
        let mut bench = Bench::new(backend, &config);
        bench.arguments.overrides = [
            "training.batch=20",
            "training.updates=4",
            "training.evaluate_every=2",
        ]
        .map(str::to_owned)
        .to_vec();
        let (done, text) = bench.train().expect("it trains");
        assert_eq!(done, Done::Finished, "{text}");
        let record = &records(&bench)[0];
        let losses: Vec<f64> = record
            .evaluations
            .iter()
            .map(|seen| seen.train.loss)
            .collect();
        assert!(losses.last() < losses.first(), "{model}: {losses:?}");
        if model.contains("pretraining") {
            assert_eq!(record.pretraining.len(), 3);
        }
    }
}

/// What a dry run says of how much there is to do.
#[cfg(feature = "flex")]
#[test]
fn a_dry_run_counts_what_its_kind_does() {
    let dry = |config: &str| {
        let mut bench = Bench::new(Backend::Flex, config);
        bench.arguments.dry_run = true;
        let (_, text) = bench.train().expect("a plan");
        assert!(!bench.arguments.runs_dir.exists());
        text
    };
    let text = dry(&SEARCH.replace("best = 2\n", ""));
    let amount = "2 seeds x 2 rounds x 4 trials = 16 runs, 96 updates in all, on flex";
    assert!(text.contains(amount), "{text}");
    assert!(text.contains("for 16 runs with"), "{text}");
    let best = text
        .lines()
        .find(|line| line.starts_with("search.best = 4 "));
    assert!(
        best.is_some_and(|line| line.ends_with("# default")),
        "{text}"
    );
    assert!(text.contains("search.trials = 4 "), "{text}");
    let valley = "# Where?\n[valley]\ncoefficients = [1, 1]\nstart = [1, 1]\nupdates = 3\n";
    let text = dry(valley);
    assert!(
        text.contains("\n3 updates of each method, on flex"),
        "{text}"
    );
    assert!(text.contains("valley.coefficients = [1, 1]"), "{text}");
    assert!(!text.contains("training.batch"), "{text}");
    let text = dry(&format!(
        "{valley}[schedules.learning_rate.cosine]\nsteps = 'rest'\n[optimizer.sgd]\n"
    ));
    assert!(
        text.contains("schedules.learning_rate.cosine.steps = 3 "),
        "{text}"
    );
    let landscapes = "# Which?\nseeds = 2\n[landscapes]\nupdates = 3\nstarts = 5\n\
                      tuning_starts = 4\nlearning_rates = [0.1, 1]\ntolerance = 0.1\n\
                      functions.a = { function = 'x', x = [0, 1], y = [0, 1], minimum = -9 }\n";
    let amount =
        "1 methods x 1 functions = 26 descents, tuning included, each of at most 3 updates";
    let text = dry(landscapes);
    assert!(text.contains(amount), "{text}");
    let check = "# Right?\nseeds = 2\n[gradient-check]\nlimit = 1e-7\n";
    assert!(dry(check).contains("\ngradients with 2 seeds, on flex"));
    let layers = "\n[model]\nhidden = [6, 6]\n[training]\nbatch = 20\nupdates = 2\n\
                  pretraining.updates = 1000000000\n";
    let data = "# Long?\nseeds = 1\n[data]\ntrain_images = 60\ntest_images = 20\n";
    // Pre-training is counted and not made.
    let text = dry(&format!("{data}{layers}"));
    assert!(text.contains(" h"), "{text}");
}

#[cfg(feature = "flex")]
#[test]
fn gradients_are_checked_with_their_exit_code() {
    let config = "# Are they right?\nseeds = 1\n[gradient-check]\nlimit = 1e-7\n";
    let mut bench = Bench::new(Backend::Flex, config);
    let (done, text) = bench.train().expect("they are right");
    assert_eq!(done, Done::Finished);
    assert!(text.contains("convolution"), "{text}");
    bench.arguments.overrides = vec!["gradient-check.limit=1e-13".to_owned()];
    let error = bench.train().expect_err("none is so exact");
    assert_eq!(error.exit_code(), 4);
}

#[cfg(feature = "flex")]
#[test]
fn runs_are_reported_again_and_beside_others() {
    let bench = Bench::new(Backend::Flex, CONFIG);
    bench.train().expect("it trains");
    let other = Bench::new(
        Backend::Flex,
        &CONFIG.replace("hidden = [10]", "hidden = [12]"),
    );
    other.train().expect("it trains");
    let page = bench.directory.path().join("pages/page.html");
    let mut arguments = ReportArguments {
        directories: vec![bench.arguments.runs_dir.clone()],
        out: Some(page.clone()),
        png: false,
    };
    let mut out = Vec::new();
    report(&arguments, &mut out).expect("a report");
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("decay"), "{html}");
    let picture = |ending: &str| page.with_file_name(format!("page-accuracy.{ending}"));
    assert!(picture("svg").is_file());
    assert!(!picture("png").exists());
    arguments.png = true;
    report(&arguments, &mut out).expect("a report");
    assert!(picture("png").is_file());

    arguments.directories.push(other.arguments.runs_dir);
    report(&arguments, &mut out).expect("a comparison");
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("Test accuracy side by side"), "{html}");

    arguments.directories = vec![bench.directory.path().join("pages")];
    let error = report(&arguments, &mut out).expect_err("no runs there");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("no finished run in"), "{error}");
}

/// What `report` says and draws of all runs of a bench: its text, and figures by their names.
#[cfg(feature = "flex")]
fn reported(bench: &Bench) -> (String, Vec<(String, String)>) {
    let page = bench.directory.path().join("pages/page.html");
    let arguments = ReportArguments {
        directories: vec![bench.arguments.runs_dir.clone()],
        out: Some(page.clone()),
        png: false,
    };
    let mut out = Vec::new();
    report(&arguments, &mut out).expect("a report");
    let directory = page.parent().expect("a directory");
    (
        String::from_utf8(out).expect("text"),
        figures(directory, |name| name.strip_prefix("page-")),
    )
}

/// The figures in a directory, with what is left of their names.
#[cfg(feature = "flex")]
fn figures(directory: &Path, name: impl Fn(&str) -> Option<&str>) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let file = name(&file)?.strip_suffix(".svg")?.to_owned();
            Some((file, fs::read_to_string(entry.path()).ok()?))
        })
        .collect();
    found.sort();
    found
}

/// The lines that hold findings.
#[cfg(feature = "flex")]
fn findings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("- ")).collect()
}

#[cfg(feature = "flex")]
#[test]
fn a_report_shows_what_the_training_showed() {
    let with_target = format!(
        "{CONFIG}\n[target]\naccuracy = 0.1\non = 'test'\n[published]\nsource = 'somebody'\n\
         methods.none.test_accuracy = 0.5\n"
    );
    for config in [with_target.as_str(), GRID, SEARCH] {
        let bench = Bench::new(Backend::Flex, config);
        let (_, trained) = bench.train().expect("it trains");
        let (said, drawn) = reported(&bench);
        assert!(!findings(&trained).is_empty());
        assert_eq!(findings(&said), findings(&trained), "{config}");
        let reports = bench.arguments.runs_dir.join("reports");
        let expected = figures(&reports, |name| name.splitn(4, '-').nth(3));
        assert!(!expected.is_empty());
        assert!(drawn == expected, "{config}");
    }
}

#[cfg(feature = "flex")]
#[test]
fn an_experiment_trained_in_parts_is_reported_as_a_whole() {
    let mut bench = Bench::new(Backend::Flex, CONFIG);
    for seed in 0..2 {
        bench.arguments.seed = Some(seed);
        bench.train().expect("it trains");
    }
    let (in_parts, _) = reported(&bench);
    bench.arguments.seed = None;
    let (_, at_once) = bench.train().expect("there is nothing to train");
    assert_eq!(findings(&in_parts), findings(&at_once));
    // Runs of before experiments were kept are still reported.
    fs::remove_dir_all(bench.arguments.runs_dir.join("experiments")).expect("removed");
    assert!(reported(&bench).0.contains("decay"));
}

#[cfg(feature = "flex")]
#[test]
fn runs_of_one_name_are_told_apart() {
    let mut bench = Bench::new(Backend::Flex, CONFIG);
    bench.train().expect("it trains");
    bench.arguments.overrides = vec!["training.updates=13".to_owned()];
    bench.train().expect("it trains");
    let arguments = RunsArguments {
        runs_dir: bench.arguments.runs_dir.clone(),
        each: false,
        json: false,
    };
    let mut out = Vec::new();
    list_runs(&arguments, &mut out).expect("a list");
    let listed = String::from_utf8(out).expect("text");
    let (said, _) = reported(&bench);
    for updates in [12, 13] {
        let setting = format!("training.updates = {updates}");
        assert_eq!(listed.matches(&setting).count(), 2, "{listed}");
        assert!(said.contains(&format!("small ({setting})")), "{said}");
    }
}

/// Makes the runs of a bench those of other code, under other names.
#[cfg(feature = "flex")]
fn made_by_other_code(bench: &Bench) {
    let experiments = bench.arguments.runs_dir.join("experiments");
    let kept = fs::read_dir(experiments).expect("experiments").flatten();
    let kept = kept
        .map(|entry| entry.path())
        .next()
        .expect("an experiment");
    let mut experiment = fs::read_to_string(&kept).expect("text");
    let mut own = String::new();
    for (path, text) in bench.records() {
        let record = read_record(text.as_bytes()).expect("a record");
        let mut header = record.header;
        own = std::mem::replace(&mut header.versions.code, "0123456789ab".into());
        let other: String = header.run.chars().rev().collect();
        experiment = experiment.replace(&header.run, &other);
        header.run.clone_from(&other);
        let mut encoder = RecordEncoder::default();
        let evaluations = record.evaluations.into_iter().map(Line::Evaluation);
        let lines = [Line::Run(header)].into_iter().chain(evaluations);
        let lines = lines.chain([Line::End(record.end)]);
        let text: String = lines.map(|line| encoder.encode(&line)).collect();
        let directory = path.parent().expect("its directory");
        fs::write(&path, text).expect("written");
        fs::rename(directory, directory.with_file_name(other)).expect("renamed");
    }
    fs::write(&kept, experiment.replace(&own, "0123456789ab")).expect("written");
    fs::rename(&kept, kept.with_file_name("small-other.json")).expect("renamed");
}

#[cfg(feature = "flex")]
#[test]
fn a_new_config_trains_as_it_stands() {
    let mut bench = Bench::new(Backend::Flex, downhill_trainer::cli::new::TEMPLATE);
    bench.arguments.seeds = Some(1);
    let (done, said) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
    assert!(said.contains("3 of 3 runs trained"), "{said}");
}

#[cfg(feature = "flex")]
#[test]
fn runs_of_other_code_are_kept_and_told_and_not_used() {
    let bench = Bench::new(Backend::Flex, CONFIG);
    let listed = || {
        let arguments = RunsArguments {
            runs_dir: bench.arguments.runs_dir.clone(),
            each: false,
            json: false,
        };
        let mut out = Vec::new();
        list_runs(&arguments, &mut out).expect("a list");
        String::from_utf8(out).expect("text")
    };
    bench.train().expect("it trains");
    assert!(!listed().contains("other"), "{}", listed());
    made_by_other_code(&bench);
    assert_eq!(listed().matches("other, 0123456789ab").count(), 2);
    let expected = "4 finished runs; 4 were made by other code than that of this program";
    assert!(listed().contains(expected), "{}", listed());
    let (said, _) = reported(&bench);
    let expected = "note: the runs of small were made by other code (downhill 0.1.0, Burn 0.22.1, \
                    code 0123456789ab";
    assert!(said.contains(expected), "{said}");
    let (_, said) = bench.train().expect("it trains");
    assert!(said.contains("note: the runs of small that are here were made by other code ("));
    assert!(said.contains("4 of 4 runs trained"), "{said}");
    assert_eq!(bench.records().len(), 8);
    let (said, _) = reported(&bench);
    assert!(said.contains("small (code 0123456789ab)"), "{said}");
    let (_, said) = bench.train().expect("there is nothing to train");
    assert!(!said.contains("other code"), "{said}");
}

#[cfg(feature = "flex")]
#[test]
fn what_cannot_be_is_refused() {
    for (change, reason) in [
        (
            "[grid]\nsetting = 'model.hiden'\nvalues = [1]",
            "unknown key `model.hiden`",
        ),
        (
            "[target]\naccuracy = 97\non = 'test'",
            "target.accuracy must be greater than 0 and at most 1",
        ),
        (
            "[published]\nsource = 'x'\nmethods.other.test_accuracy = 0.5",
            "no method `other`",
        ),
        (
            "[search]\ntrials = 1\nbest = 1\nranges = {}",
            "search.ranges must hold at least one setting",
        ),
        (
            "[valley]\ncoefficients = [0, 1]\nstart = [1, 1]\nupdates = 3",
            "two numbers greater than 0",
        ),
        (
            "[gradient-check]\nlimit = 0",
            "gradient-check.limit must be finite and greater than 0",
        ),
        (
            "[methods.\"\\u001b[31mred\"]",
            "must not contain control characters, got \"\\u{1b}[31mred\"",
        ),
    ] {
        let bench = Bench::new(Backend::Flex, &format!("{CONFIG}\n{change}\n"));
        let error = bench.train().expect_err(change);
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!bench.arguments.runs_dir.exists());
    }
    for (setting, reason) in [
        (
            "data.validation_images=100",
            "data.validation_images must be less than 100",
        ),
        (
            "data.pixel_deviation=0",
            "data.pixel_deviation must lie in 0.001 to 1000",
        ),
        (
            "training.pretraining.corruption=1",
            "training.pretraining.corruption must lie in [0, 1)",
        ),
        (
            "model.max_norm=-1",
            "model.max_norm must be finite and at least 0",
        ),
        (
            "model.dropout.input_probability=1",
            "model.dropout.input_probability must lie in [0, 1)",
        ),
    ] {
        let mut bench = Bench::new(Backend::Flex, CONFIG);
        bench.arguments.overrides = vec![setting.to_owned()];
        let error = bench.train().expect_err(setting);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/search.toml");
    let file = ExperimentFile::find(&file.display().to_string()).expect("a config");
    let bench = Bench::new(Backend::Flex, CONFIG);
    let plan = Plan::resolve(&file, &bench.arguments).expect("a plan");
    assert!(matches!(plan.kind, Kind::Search(_)));
    assert_eq!(plan.runs(), 1600);
}
