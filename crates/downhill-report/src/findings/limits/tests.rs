use serde_json::json;

use super::*;
use crate::sample;

fn text_of(experiment: &Experiment) -> String {
    limits(&Summary::of(experiment)).join("\n")
}

#[test]
fn convolutions_are_part_of_the_architecture() {
    let mut experiment = sample::decay();
    let model = |channels: &[u32]| {
        let layers: Vec<_> = channels
            .iter()
            .map(|it| json!({ "channels": it }))
            .collect();
        json!({ "model": { "hidden": [100], "activation": "relu", "convolutions": layers } })
    };
    let mut set = |method: usize, config: &Value| {
        for run in &mut experiment.methods[method].runs {
            run.header.config = config.clone().into();
        }
        text_of(&experiment)
    };
    set(0, &model(&[20]));
    let text = set(1, &model(&[20]));
    assert!(text.contains("One network architecture") && text.contains("without convolutions"));
    let text = set(1, &model(&[20, 40]));
    assert!(
        text.contains("2 network architectures (convolutions,"),
        "{text}"
    );
}

#[test]
fn images_held_out_by_the_seed_are_told() {
    let mut experiment = sample::decay();
    let data = json!({ "train_images": "all", "subset": "first", "validation_images": 50 });
    for run in experiment
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.header.config = json!({ "data": data }).into();
    }
    let text = text_of(&experiment);
    assert!(
        text.contains("and draws which images are held out, so"),
        "{text}"
    );
    let without = json!({ "train_images": "all", "subset": "first", "validation_images": 0 });
    set_config(&mut experiment, 0, &json!({ "data": without }));
    let text = text_of(&experiment);
    let expected = "and, for “weight-decay”, draws which images are held out, so only their";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn every_experiment_names_its_data_and_selection() {
    let text = text_of(&sample::decay());
    assert!(
        text.contains("(made-up), 300 training and 10,000 test images"),
        "{text}"
    );
    assert!(text.contains("4 seeds per method. With so few"));
    assert!(text.contains("The 2 intervals for differences are not corrected"));
    assert!(!text.contains("diverged") && !text.contains("numbers of updates"));
}

#[test]
fn what_does_not_apply_is_not_said() {
    let mut experiment = sample::decay();
    experiment.data.train_images = 60_000;
    experiment.methods.truncate(1);
    experiment.methods[0].runs.truncate(1);
    experiment.methods[0].runs[0].header.data.train_images = 60_000;
    let text = text_of(&experiment);
    for absent in [
        "are few",
        "Student",
        "distinguishable",
        "target",
        "multiple comparisons",
        "tuned",
        "Some runs",
    ] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    assert!(text.contains("1 seed per method. Without a second seed"));
}

#[test]
fn mixed_sources_changes_updates_and_divergence_are_named() {
    let mut experiment = sample::curves(4, 3);
    experiment.methods[1].runs[0].header.versions.burn = "0.1".into();
    experiment.methods[1]
        .changes
        .push("learning_rate = 1.0".into());
    let text = text_of(&experiment);
    assert!(text.contains("made with other versions than"), "{text}");
    assert!(!text.contains("made by other code"), "{text}");
    assert!(!text.contains("equal a training image"), "{text}");
    experiment.is_by_other_code = true;
    experiment.data.duplicates = Some(Duplicates {
        train: 43,
        test: 1,
        across: 10,
    });
    let text = text_of(&experiment);
    let expected = "Of the images of made-up, 10 test images equal a training image";
    assert!(text.contains(expected), "{text}");
    let expected = "The runs were made by other code (downhill 0.1.0, Burn 0.22.1) than";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("in “weight-decay” (2);"));
    assert!(text.contains("The numbers of updates differ"));
    assert!(text.contains("A diverged run counts as 0 % accuracy"));
}

#[test]
fn what_a_target_does_not_show_is_said() {
    let mut experiment = sample::decay();
    assert!(!text_of(&experiment).contains("target"));
    let target = |on| {
        Some(crate::AccuracyTarget {
            accuracy: 0.7,
            on,
            run_seconds: std::collections::BTreeMap::new(),
        })
    };
    experiment.target = target(TargetImages::Test);
    let text = text_of(&experiment);
    assert!(
        text.contains("Updates to the target are counted at the first"),
        "{text}"
    );
    assert!(
        text.contains("by test accuracy uses the test set"),
        "{text}"
    );
    experiment.target = target(TargetImages::Validation);
    let text = text_of(&experiment);
    assert!(
        text.contains("on validation images, which no run recorded"),
        "{text}"
    );
}

fn every_config(experiment: &mut Experiment, config: &Value) {
    for method in 0..experiment.methods.len() {
        set_config(experiment, method, config);
    }
}

fn set_config(experiment: &mut Experiment, method: usize, config: &Value) {
    for run in &mut experiment.methods[method].runs {
        run.header.config = config.clone().into();
    }
}

#[test]
fn other_amounts_or_names_of_the_same_data_are_no_other_data() {
    let mut experiment = sample::decay();
    for run in &mut experiment.methods[1].runs {
        run.header.data.train_images = 50;
        run.header.data.name = "/data/copy".into();
    }
    let text = text_of(&experiment);
    assert!(!text.contains("Some runs"), "{text}");
    assert!(
        text.contains("One data set (made-up), 50 to 300 training and 10,000 test images: nothing"),
        "{text}"
    );
    let page = crate::Report::of(&experiment).unwrap().html();
    assert!(page.contains("made-up, 50 to 300 training and 10,000 test images"));

    experiment.methods[1].runs[0].header.data.sha256 = "cd".repeat(32);
    let text = text_of(&experiment);
    assert!(text.contains("made with other data than"), "{text}");
    assert!(text.contains("2 data sets (made-up and /data/copy), 50 to"));
    assert!(!text.contains("A seed determines"));
}

#[test]
fn few_images_in_some_runs_only_are_named_as_that() {
    let mut experiment = sample::decay();
    experiment.methods[1].runs[0].header.data.train_images = 60_000;
    let text = text_of(&experiment);
    assert!(text.contains("300 to 60,000 training"), "{text}");
    assert!(text.contains("Where the training images are few, the methods"));
}

#[test]
fn architectures_are_counted_by_hidden_layers_and_activation() {
    let mut experiment = sample::decay();
    assert!(text_of(&experiment).contains("One network architecture, the one"));
    let config = |hidden: &[u64], activation: &str, weight_decay: f64| {
        json!({"model": {
            "hidden": hidden, "activation": activation, "weight_decay": weight_decay,
        }})
    };
    set_config(&mut experiment, 0, &config(&[100, 100], "relu", 0.0));
    set_config(&mut experiment, 1, &config(&[100, 100], "relu", 0.1));
    assert!(text_of(&experiment).contains("One network architecture, the one"));
    for other in [config(&[50], "relu", 0.0), config(&[100, 100], "tanh", 0.0)] {
        set_config(&mut experiment, 1, &other);
        let text = text_of(&experiment);
        assert!(!text.contains("One network"), "{text}");
        assert!(text.contains("2 network architectures (hidden"), "{text}");
    }
}

#[test]
fn what_a_seed_decides_follows_from_the_subset() {
    let mut experiment = sample::decay();
    assert!(text_of(&experiment).contains(
        "masks; all runs took their training images from the same files, so the intervals \
             leave"
    ));
    let first = json!({"data": {"subset": "first", "train_images": 300}});
    let random = json!({"data": {"subset": "random", "train_images": 300}});
    let all = json!({"data": {"subset": "random", "train_images": "all"}});
    for same_images in [first, all] {
        every_config(&mut experiment, &same_images);
        let text = text_of(&experiment);
        assert!(
            text.contains(
                "A seed determines initial weights, batches and dropout masks; all seeds of a \
                 method train on the same images, so the intervals leave out the spread between \
                 training sets."
            ),
            "{text}"
        );
    }
    set_config(&mut experiment, 1, &random);
    let text = text_of(&experiment);
    assert!(
        text.contains(
            "masks and, for “weight-decay”, draws the training images, so only their intervals \
             include the spread between training sets, within this data set."
        ),
        "{text}"
    );
    every_config(&mut experiment, &random);
    let text = text_of(&experiment);
    assert!(
        text.contains(
            "masks and draws the training images, so the intervals include the spread between \
             training sets, within this data set."
        ),
        "{text}"
    );
    let methods = &mut experiment.methods;
    methods
        .iter_mut()
        .for_each(|method| method.runs.truncate(1));
    let text = text_of(&experiment);
    assert!(
        text.contains("masks and draws the training images."),
        "{text}"
    );
}

#[test]
fn what_a_grid_varies_is_no_change_of_its_own() {
    let mut experiment = sample::grid(2, 3, 2);
    for method in &mut experiment.methods {
        method.changes = vec!["model.initialization.std = 0.1".into()];
    }
    for method in &mut experiment.methods[3..] {
        method.changes.push("model.batch_norm = \"book\"".into());
    }
    let text = text_of(&experiment);
    assert!(!text.contains("More than one setting"), "{text}");
    assert!(!text.contains("ran with one set"), "{text}");
    // Another optimizer and another batch are two, its rate at the values of the grid is none.
    experiment.grid.as_mut().unwrap().setting = "optimizer.*.learning_rate".into();
    for method in &mut experiment.methods[3..] {
        let changes = ["learning_rate = 0.1", "beta_1 = 0.5"];
        method.changes = changes
            .map(|change| format!("optimizer.adam.{change}"))
            .into();
    }
    assert!(!text_of(&experiment).contains("in “batch-norm”"));
    for method in &mut experiment.methods[3..] {
        method.changes.push("training.batch = 5".into());
    }
    let text = text_of(&experiment);
    assert!(text.contains("at once in “batch-norm” (2);"), "{text}");
}

#[test]
fn another_optimizer_is_one_change_with_all_its_settings() {
    let mut experiment = sample::decay();
    let changes = [
        "optimizer.adam.learning_rate = 0.001",
        "optimizer.adam.beta_1 = 0.9",
    ];
    experiment.methods[0].changes.clear();
    experiment.methods[1].changes = changes.map(Into::into).into();
    assert!(!text_of(&experiment).contains("More than one setting"));
    experiment.methods[1]
        .changes
        .push("training.updates = 3".into());
    assert!(text_of(&experiment).contains("in “weight-decay” (2);"));

    // Two settings of an optimizer that stays are two changes.
    experiment.methods[1].changes.truncate(2);
    set_config(&mut experiment, 0, &json!({"optimizer": {"sgd": {}}}));
    set_config(&mut experiment, 1, &json!({"optimizer": {"adam": {}}}));
    assert!(!text_of(&experiment).contains("More than one setting"));
    set_config(&mut experiment, 0, &json!({"optimizer": {"adam": {}}}));
    assert!(text_of(&experiment).contains("in “weight-decay” (2);"));
}
