//! What a config may not ask for is refused before the first update, by `--dry-run` as well.

use std::collections::HashSet;
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
fn a_search_draws_the_width_of_each_hidden_layer() {
    let ranges = "'model.hidden.0' = { from = 20, to = 29 }\n\
                  'model.hidden.2' = { from = 30, to = 39 }";
    let (bench, _) = trained(&search(ranges), &["model.hidden=[9, 9, 9]"]);
    let mut seen = HashSet::new();
    for (_, text) in bench.records() {
        let (_, widths) = text.split_once("\"hidden\":[").expect("widths");
        let (widths, _) = widths.split_once(']').expect("a list");
        let widths: Vec<u64> = widths
            .split(',')
            .map(|it| it.parse().expect("whole"))
            .collect();
        let [first, second, third] = widths[..] else {
            panic!("{widths:?}");
        };
        assert!((20..=29).contains(&first) && second == 9 && (30..=39).contains(&third));
        seen.insert(widths);
    }
    assert!(seen.len() > 2, "{seen:?}");
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
    assert!(message.contains("grid.values must be a list"), "{message}");
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

/// What a config says that is not refused elsewhere, with the line of the value.
#[test]
fn a_wrong_type_is_told_in_words() {
    for (text, expected) in [
        (
            "training.batch=0.5",
            "training.batch must be a whole number of at least 0, got 0.5",
        ),
        (
            "training.batch=-1",
            "training.batch must be a whole number of at least 0, got -1",
        ),
        (
            "model.weight_decay=true",
            "model.weight_decay must be a number, got true",
        ),
        (
            "training.record_activations=1",
            "training.record_activations must be true or false, got 1",
        ),
        (
            "optimizer.sgd.weight_decay=0.1",
            "optimizer.sgd.weight_decay must be \"none\" or { l2 = ... } or { decoupled = ... }",
        ),
        (
            "optimizer=adamm",
            "optimizer: unknown word `adamm`; did you mean { adam = ... }?",
        ),
        (
            "training.batch_order=shuffled",
            "training.batch_order: unknown word `shuffled`; did you mean `shuffled-epochs`?",
        ),
        (
            "model.initialization=kaiming",
            "model.initialization: unknown word `kaiming`; did you mean `he`?",
        ),
        (
            "model.activation=rleu",
            "model.activation: unknown word `rleu`; did you mean `relu`?",
        ),
        ("published=1", "published must be a table, got 1"),
        (
            "data.train_images=0",
            "must be a number of images of at least 1, or \"all\", got 0",
        ),
        ("training.epoch=3", "set `training.epochs`"),
        ("optimizer.sgd.lr=3", "set `optimizer.sgd.learning_rate`"),
        (
            "optimizer.sgd.momentum=0.9",
            "an optimizer of its own, `optimizer.momentum`",
        ),
    ] {
        let message = refused(CONFIG, &[text]);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(&format!("--set {text}")), "{message}");
        for word in ["usize", "f64", "variant", "struct", "element"] {
            assert!(!message.contains(word), "{message}");
        }
    }
    let two = CONFIG.replace("[training]", "[optimizer.adam]\n\n[training]");
    let message = refused(&two, &[]);
    assert!(
        message.contains("optimizer must have one key, got "),
        "{message}"
    );
}

#[test]
fn an_error_names_the_line_of_its_value() {
    for (from, to, line) in [
        ("batch = 20", "batch = 0", 17),
        ("batch = 20", "batch = 'x'", 17),
        ("learning_rate = 0.1", "learning_rate = {}", 14),
        ("weight_decay = 0.5", "weight_decay = -0.5", 24),
    ] {
        assert!(CONFIG.contains(from));
        let message = refused(&CONFIG.replace(from, to), &[]);
        assert!(message.contains(&format!("small.toml:{line}")), "{message}");
    }
    let quoted = CONFIG.replace(
        "[methods.decay]",
        "[methods.'de.cay-0.1']\nmodel.hiden = [1]",
    );
    let message = refused(&quoted, &[]);
    assert!(message.contains("small.toml:24: unknown key"), "{message}");
}

#[test]
fn a_method_with_dots_in_its_name_is_set_in_quotes() {
    let config = CONFIG.replace("[methods.decay]", "[methods.'std-0.01']");
    let (bench, _) = trained(&config, &["methods.'std-0.01'.training.updates=3"]);
    let threes = bench
        .records()
        .iter()
        .filter(|it| it.1.contains("\"updates\":3,"))
        .count();
    assert_eq!(threes, 2);
}

#[test]
fn published_accuracies_lie_in_0_to_1() {
    for value in ["nan", "inf", "-inf", "-1.0", "97.5"] {
        let published = format!("[published]\nsource = 'x'\nmethods.none.test_accuracy = {value}");
        let message = refused(&format!("{CONFIG}\n{published}\n"), &[]);
        let expected = "published.methods.none.test_accuracy must lie in 0 to 1, got ";
        assert!(message.starts_with(expected), "{message}");
        let published = format!("[published]\nsource = 'x'\nmethods.none.losses = [[1, {value}]]");
        if value != "97.5" {
            let message = refused(&format!("{CONFIG}\n{published}\n"), &[]);
            assert!(
                message.contains("losses must be finite and at least 0"),
                "{message}"
            );
        }
    }
}

#[test]
fn a_method_called_none_is_not_taken_for_no_method() {
    let config = &CONFIG[..CONFIG.find("[methods.decay]").expect("a method")];
    let mut bench = Bench::new(Backend::Flex, config);
    bench.arguments.methods = vec!["dropot".into()];
    let (message, code) = bench.failure();
    assert_eq!(code, 2);
    assert!(
        message.ends_with("has no method `dropot`; its only method is `none`"),
        "{message}"
    );
}

#[test]
fn a_dry_run_of_a_gradient_check_refuses_the_backend_that_the_run_refuses() {
    let mut bench = Bench::new(Backend::Wgpu, "seeds = 1\n[gradient-check]\nlimit = 1e-4\n");
    let run = bench.failure();
    assert!(run.0.contains("64-bit floats"), "{}", run.0);
    bench.arguments.dry_run = true;
    assert_eq!(bench.failure(), run);
}
