//! What a config may not ask for is refused before the first update, by `--dry-run` as well.

use std::path::Path;

use downhill_trainer::{Backend, Done};

use crate::command::{Bench, CONFIG};
use crate::experiments::SEARCH;

/// What `--dry-run` and the run both say; with exit code 2.
#[track_caller]
fn refused(config: &str, overrides: &[&str]) -> String {
    let mut bench = Bench::new(Backend::Flex, config);
    let run = bench.failure_with(overrides);
    bench.arguments.dry_run = true;
    assert_eq!(bench.failure_with(overrides), run);
    assert_eq!(run.1, 2, "{}", run.0);
    run.0
}

#[track_caller]
fn trained(config: &str, overrides: &[&str]) -> (Bench, String) {
    let mut bench = Bench::new(Backend::Flex, config);
    bench.arguments.overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    let (done, text) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
    (bench, text)
}

/// The search over another setting.
fn search(range: &str) -> String {
    let rate = "'optimizer.*.learning_rate' = { from = 1e-4, to = 1.0 }";
    assert!(SEARCH.contains(rate));
    SEARCH.replace(rate, range)
}

fn grid(config: &str, setting: &str, values: &str) -> String {
    format!("{config}\n[grid]\nsetting = '{setting}'\nvalues = {values}\n")
}

#[test]
fn a_search_needs_images_held_out() {
    let message = refused(SEARCH, &["data.validation_images=0"]);
    assert_eq!(
        message,
        "data.validation_images must be at least 1 for [search], which ranks its trials by the \
         accuracy on them, got 0 (from --set data.validation_images=0)"
    );
}

#[test]
fn a_target_on_validation_images_needs_some() {
    for on in ["validation", "validation_and_test"] {
        let config = format!("{CONFIG}\n[target]\naccuracy = 0.1\non = '{on}'\n");
        let message = refused(&config, &[]);
        assert!(
            message.starts_with("data.validation_images must be at least 1 for this [target]"),
            "{message}"
        );
        trained(&config, &["data.validation_images=20"]);
    }
}

#[test]
fn a_search_that_cannot_be_is_refused_before_it_trains() {
    for (range, expected) in [
        (
            "'optimizer.sgd.learnin_rate' = { from = 1e-3, to = 1 }",
            "did you mean `learning_rate`?",
        ),
        (
            "'training.bach' = { from = 10, to = 20 }",
            "did you mean `batch`?",
        ),
        (
            "'model.dropout.probability' = { from = 0.5, to = 1.5 }",
            "model.dropout.probability must lie in [0, 1), got 1.5",
        ),
        (
            "'training.batch' = { from = 10, to = 41 }",
            "training.batch must be at most 40",
        ),
        (
            "'training.batch' = { from = 10.2, to = 10.8 }",
            "training.batch takes whole numbers, and none lies in 10.2 to 10.8",
        ),
        (
            "'optimizer.adam.learning_rate' = { from = 1e-3, to = 1 }",
            "is a setting of adam, but the method trains with sgd; write \
             `optimizer.*.learning_rate`",
        ),
        ("'seeds' = { from = 1, to = 2 }", "unknown key `seeds`"),
    ] {
        let message = refused(&search(range), &[]);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("search.ranges"), "{message}");
    }
}

#[test]
fn a_search_draws_whole_numbers_where_a_setting_takes_them() {
    let (bench, _) = trained(&search("'training.batch' = { from = 10, to = 40 }"), &[]);
    let records = bench.records();
    assert!(records.len() > 4);
    for (_, text) in records {
        let (_, batch) = text.split_once("\"batch\":").expect("a batch");
        let batch: u64 = batch
            .split(',')
            .next()
            .and_then(|it| it.parse().ok())
            .expect("whole");
        assert!((10..=40).contains(&batch), "{batch}");
    }
}

#[test]
fn a_grid_over_whole_numbers_and_widths_trains() {
    for values in ["[5, 10]", "[[5], [10]]"] {
        let (bench, _) = trained(&grid(CONFIG, "model.hidden", values), &[]);
        assert_eq!(bench.records().len(), 8);
        let has = |widths: &str| {
            bench
                .records()
                .iter()
                .filter(|it| it.1.contains(widths))
                .count()
        };
        assert_eq!((has("\"hidden\":[5]"), has("\"hidden\":[10]")), (4, 4));
    }
    let muon = CONFIG.replace("optimizer.sgd", "optimizer.muon");
    let (bench, _) = trained(&grid(&muon, "optimizer.*.ns_steps", "[3, 5]"), &[]);
    let threes = bench
        .records()
        .iter()
        .filter(|it| it.1.contains("\"ns_steps\":3"))
        .count();
    assert_eq!(threes, 4);
}

#[test]
fn a_value_twice_in_a_grid_is_refused() {
    let rate = "optimizer.sgd.learning_rate";
    for (setting, values, value) in [
        (rate, "[0.1, 0.1]", "0.1"),
        (rate, "[1e-1, 0.2, 0.1]", "0.1"),
        (rate, "{ from = 1.0, to = 1.0, count = 2 }", "1"),
        ("model.weight_decay", "[0.0, -0.0]", "0"),
        ("training.batch", "{ from = 1, to = 3, count = 9 }", "1"),
    ] {
        let message = refused(&grid(CONFIG, setting, values), &[]);
        let expected = format!("grid.values must differ, but {value} occurs twice (from ");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn a_grid_that_cannot_be_is_refused() {
    for (setting, expected) in [
        ("optimizer.adam.learning_rate", "the method trains with sgd"),
        ("training.bach", "did you mean `batch`?"),
        ("seeds", "unknown key `seeds`"),
    ] {
        let message = refused(&grid(CONFIG, setting, "[1]"), &[]);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("grid.setting"), "{message}");
    }
    let message = refused(&grid(CONFIG, "model.hidden", "[[5, 5], [10, 10]]"), &[]);
    assert!(message.contains("grid.values: "), "{message}");
}

#[test]
fn a_grid_leaves_out_what_is_published_for_its_methods() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut bench = Bench::new(Backend::Flex, CONFIG);
    bench.arguments.config = configs.join("two-layer.toml").display().to_string();
    bench.arguments.overrides = [
        "grid.setting=optimizer.sgd.learning_rate",
        "grid.values=[1e-2,1e-3]",
        "training.updates=2",
        "data.train_images=200",
    ]
    .map(str::to_owned)
    .to_vec();
    bench.arguments.seed = Some(0);
    let (done, text) = bench.train().expect("it trains");
    assert_eq!(done, Done::Finished);
    assert!(
        text.contains("left out") && text.contains("published.methods.sigmoid"),
        "{text}"
    );
    assert_eq!(bench.records().len(), 4);
}
