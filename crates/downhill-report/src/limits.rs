//! What the runs of an experiment do not show, as far as their own numbers tell.

use serde_json::Value;

use crate::experiment::{Experiment, Method};
use crate::number_text::{count, counted, listed, quoted};
use crate::record::{DataIdentity, RunHeader};
use crate::statistics::FEWEST_RESAMPLED;
use crate::summary::Summary;
use crate::target::TargetImages;
use crate::training_data::{
    counts, draws_images, headers, holds_images_out, image_counts, is_mixed,
};

/// How the settings of the optimizer begin.
const OPTIMIZER: &str = "optimizer.";

/// Fewer images than this are too few to speak of the data set's usual size.
const FEW_IMAGES: usize = 10_000;

/// What the runs of an experiment do not show: one or two sentences for each limit that applies.
#[must_use]
pub fn limits(experiment: &Experiment) -> Vec<String> {
    let summary = Summary::of(experiment);
    let limits = [
        data(experiment),
        mixed_sources(experiment),
        architecture(experiment),
        seeds(experiment, &summary),
        interval(&summary),
        comparisons(&summary),
        tests(&summary),
        tuning(experiment),
        several_changes(experiment),
        updates(&summary),
        target(experiment, &summary),
        divergence(&summary),
        selection(),
    ];
    limits.into_iter().flatten().collect()
}

fn data(experiment: &Experiment) -> Option<String> {
    let counts = counts(experiment, |data| data.train_images);
    let (least, most) = (*counts.first()?, *counts.last()?);
    let few = if most < FEW_IMAGES {
        " The training images are few: with more, the same settings may rank differently."
    } else if least < FEW_IMAGES {
        " Where the training images are few, the same settings may rank differently with more."
    } else {
        ""
    };
    let mut identities: Vec<&DataIdentity> = vec![&experiment.data];
    for header in headers(experiment) {
        if identities
            .iter()
            .all(|known| known.sha256 != header.data.sha256)
        {
            identities.push(&header.data);
        }
    }
    let (number, other) = match identities.len() {
        1 => ("One data set".to_owned(), "other data"),
        several => (format!("{several} data sets"), "yet other data"),
    };
    let mut names: Vec<String> = identities.iter().map(|data| data.name.clone()).collect();
    names.dedup();
    Some(format!(
        "{number} ({}), {}: nothing here says how the methods compare on {other}.{few}",
        listed(&names),
        image_counts(experiment),
    ))
}

fn architecture(experiment: &Experiment) -> Option<String> {
    let mut known: Vec<[&Value; 3]> = Vec::new();
    for header in headers(experiment) {
        let setting = |path| header.config.pointer(path).unwrap_or(&Value::Null);
        let architecture = [
            setting("/model/hidden"),
            setting("/model/activation"),
            setting("/model/convolutions"),
        ];
        if architecture != [&Value::Null; 3] && !known.contains(&architecture) {
            known.push(architecture);
        }
    }
    let is_convolutional = |[.., convolutions]: &[&Value; 3]| {
        let convolutions = convolutions.as_array();
        convolutions.is_some_and(|layers| !layers.is_empty())
    };
    let convolutional = known.iter().filter(|one| is_convolutional(one)).count();
    Some(match (known.len(), convolutional) {
        (0 | 1, 0) => "One network architecture, the one in the resolved config: deeper, wider or \
                       convolutional networks may behave differently."
            .into(),
        (0 | 1, _) => "One network architecture, the one in the resolved config: deeper or wider \
                       ones, or those without convolutions, may behave differently."
            .into(),
        (several, 0) => format!(
            "{several} network architectures (hidden layers and activation), those in the resolved \
             config: others, convolutional ones among them, may behave differently."
        ),
        (several, _) => format!(
            "{several} network architectures (convolutions, hidden layers and activation), those in \
             the resolved config: others may behave differently."
        ),
    })
}

/// Runs whose header names other data, versions or another backend than the experiment.
fn mixed_sources(experiment: &Experiment) -> Option<String> {
    let mut differing = Vec::new();
    if is_mixed(experiment) {
        differing.push("data".to_owned());
    }
    if headers(experiment).any(|header| header.versions != experiment.versions) {
        differing.push("versions".to_owned());
    }
    if headers(experiment).any(|header| header.backend != experiment.backend) {
        differing.push("backends".to_owned());
    }
    (!differing.is_empty()).then(|| {
        format!(
            "Some runs were made with other {} than this report names, so what separates them need \
             not be the method.",
            listed(&differing)
        )
    })
}

fn seeds(experiment: &Experiment, summary: &Summary) -> Option<String> {
    let sizes = summary.methods.iter().map(|method| method.runs());
    let (least, most) = (sizes.clone().min()?, sizes.max()?);
    let runs = if least == most {
        counted(least, "seed")
    } else {
        format!("{} to {} seeds", count(least), count(most))
    };
    let few = match least {
        0..=1 => "Without a second seed a difference cannot be told from chance.",
        2..=9 => "With so few, small differences stay hidden.",
        _ => "Differences much smaller than the intervals stay hidden.",
    };
    let decided = decided_by_seed(experiment, summary).unwrap_or_default();
    Some(format!("{runs} per method. {few}{decided}"))
}

/// What a seed decides, and so which spread the intervals include; `None` without runs and where
/// they saw several data sets.
fn decided_by_seed(experiment: &Experiment, summary: &Summary) -> Option<String> {
    if is_mixed(experiment) || headers(experiment).next().is_none() {
        return None;
    }
    let some = |method: &Method, is_so: fn(&RunHeader) -> bool| {
        let mut runs = method.runs.iter();
        runs.any(|run| is_so(&run.header))
    };
    let named = |is_so: fn(&RunHeader) -> bool| {
        let methods = experiment.methods.iter();
        let methods = methods.filter(|method| some(method, is_so));
        methods
            .map(|method| quoted(&method.name))
            .collect::<Vec<_>>()
    };
    let drawing = named(|header| draws_images(header) == Some(true));
    let holding_out = named(holds_images_out);
    let with_runs = experiment.methods.iter();
    let with_runs = with_runs.filter(|method| !method.runs.is_empty()).count();
    let is_known = headers(experiment).all(|header| draws_images(header).is_some());
    let (images, consequence) = if drawing.len() == with_runs {
        (
            "and draws the training images".to_owned(),
            "so the intervals include the spread between training sets, within this data set",
        )
    } else if !drawing.is_empty() {
        (
            format!("and, for {}, draws the training images", listed(&drawing)),
            "so only there do the intervals include the spread between training sets, within this \
             data set",
        )
    } else if holding_out.len() == with_runs {
        (
            "and draws which images are held out".to_owned(),
            "so the intervals include a part of the spread between training sets, within this data \
             set",
        )
    } else if !holding_out.is_empty() {
        (
            format!(
                "and, for {}, draws which images are held out",
                listed(&holding_out)
            ),
            "so only there do the intervals include a part of the spread between training sets, \
             within this data set",
        )
    } else if is_known {
        (
            "; all seeds of a method train on the same images".to_owned(),
            "so the spread between training sets is not in the intervals",
        )
    } else {
        (
            "; all runs took their training images from the same files".to_owned(),
            "so the spread between other data sets is not in the intervals",
        )
    };
    let join = if images.starts_with(';') { "" } else { " " };
    let decided = format!(" A seed decides initial weights, batches and masks{join}{images}");
    Some(if summary.has_intervals() {
        format!("{decided}, {consequence}.")
    } else {
        decided + "."
    })
}

fn interval(summary: &Summary) -> Option<String> {
    summary.has_intervals().then(|| {
        format!(
            "The intervals of means are studentized bootstrap intervals of 95 %. In simulations, with \
             normal, skewed and bounded values, they cover the true mean in 94 to 96 % of samples of \
             30, in 92 to 97 % of 8, and in as few as 91 % of {FEWEST_RESAMPLED}; with fewer they \
             are Student t intervals, which assume nearly normal values."
        )
    })
}

fn comparisons(summary: &Summary) -> Option<String> {
    let differences = summary.differences();
    let intervals = differences
        .filter(|difference| difference.shown_interval().is_some())
        .count();
    (intervals > 1).then(|| {
        format!(
            "The {intervals} intervals for differences are not corrected for multiple comparisons: \
             each alone misses the true difference in 5 % of such experiments, and that one of \
             them does is more likely. The tests are corrected, for the methods in one quantity; \
             test accuracy and the gap are each tested by themselves."
        )
    })
}

/// That a test without a verdict is none for equality, and what it can tell at all.
fn tests(summary: &Summary) -> Option<String> {
    let comparisons = summary
        .others()
        .filter_map(|method| method.versus_baseline.as_ref());
    let mut tested = comparisons.filter(|comparison| comparison.test_accuracy.difference.n > 1);
    tested.next().is_some().then(|| {
        "That a difference is not distinguishable does not say that there is none. Wilcoxon's test \
         takes differences to lie evenly around their middle; a significant one need not be large: \
         its size is in the interval."
            .into()
    })
}

fn target(experiment: &Experiment, summary: &Summary) -> Option<String> {
    let target = experiment.target.as_ref()?;
    if summary.target.is_none() {
        return Some(format!(
            "The target is an accuracy on {} images, of which no run tells.",
            target.on.name()
        ));
    }
    let on_test = if target.on == TargetImages::Test {
        " A moment to stop that is chosen by test images is chosen on the test set."
    } else {
        ""
    };
    Some(format!(
        "Updates to the target are those of the first evaluation that has it: it may have been \
         reached since the evaluation before, and lost again after.{on_test}"
    ))
}

fn tuning(experiment: &Experiment) -> Option<String> {
    if experiment.grid.is_some() {
        return Some(
            "One setting was varied, in the steps of the grid, and no other was tuned: a method may \
             be better between two steps, or with other values of what stayed."
                .into(),
        );
    }
    (experiment.methods.len() > 1).then(|| {
        "Each method ran at one setting, and no method was tuned here: the runs compare these \
         settings, not the methods at their best."
            .into()
    })
}

fn several_changes(experiment: &Experiment) -> Option<String> {
    let mut named: Vec<String> = Vec::new();
    for method in &experiment.methods {
        let changes = number_of_changes(experiment, method);
        // In a grid they are told once for all values.
        let name = method
            .cell
            .as_ref()
            .map_or(&method.name, |cell| &cell.family);
        let entry = format!("{} ({})", quoted(name), count(changes));
        if changes > 1 && !named.contains(&entry) {
            named.push(entry);
        }
    }
    (!named.is_empty()).then(|| {
        format!(
            "More than one setting differs at once in {}; which of them made the difference does \
             not show.",
            listed(&named)
        )
    })
}

/// In how many settings a method differs from the base config. Another optimizer is one change,
/// however many settings of its own it brings along.
fn number_of_changes(experiment: &Experiment, method: &Method) -> usize {
    let of_optimizer = |change: &&String| change.starts_with(OPTIMIZER);
    // The setting of a grid is meant to differ.
    let grid = experiment.grid.as_ref();
    let changes = method.changes.iter();
    let changes = changes.filter(|change| grid.is_none_or(|grid| !sets(change, &grid.setting)));
    let (optimizer, others): (Vec<_>, Vec<_>) = changes.partition(of_optimizer);
    let (optimizer, others) = (optimizer.len(), others.len());
    // A method that leaves the optimizer alone has the one of the base config.
    let keeping = |method: &&Method| !method.changes.iter().any(|change| of_optimizer(&change));
    let mut base = (experiment.methods.iter().filter(keeping)).flat_map(optimizers);
    let is_kept = base.any(|name| optimizers(method).any(|own| own == name));
    others + if is_kept { optimizer } else { optimizer.min(1) }
}

/// Whether a change such as `optimizer.sgd.learning_rate = 0.1` is of a setting, in whose path a `*` is any
/// one part.
fn sets(change: &str, setting: &str) -> bool {
    let path = change.split(" = ").next().unwrap_or_default();
    let mut parts = path.split('.').zip(setting.split('.'));
    path.split('.').count() == setting.split('.').count()
        && parts.all(|(part, wanted)| wanted == "*" || part == wanted)
}

/// The names of the optimizers in the configs of a method's runs.
fn optimizers(method: &Method) -> impl Iterator<Item = &String> {
    let configs = method.runs.iter().map(|run| &run.header.config);
    let tables = configs.filter_map(|config| config.get("optimizer")?.as_object());
    tables.flat_map(|table| table.keys())
}

fn updates(summary: &Summary) -> Option<String> {
    let mut updates = summary.methods.iter().flat_map(|method| &method.updates);
    let first = updates.next()?;
    updates.any(|other| other != first).then(|| {
        "The numbers of updates differ, so a difference between final values mixes the method \
         with the length of its training."
            .into()
    })
}

fn divergence(summary: &Summary) -> Option<String> {
    summary.has_diverged().then(|| {
        "A diverged run counts as 0 % accuracy, which widens the intervals and is a convention, \
         not a measurement; its loss and gap have no value and are left out of those columns."
            .into()
    })
}

fn selection() -> Option<String> {
    Some(
        "Final values are those of the last evaluation, not of the best. Choosing a setting, or \
         the moment to stop, by these test accuracies would be choosing on the test set."
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    fn text_of(experiment: &Experiment) -> String {
        limits(experiment).join("\n")
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
                run.header.config = config.clone();
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
            run.header.config = json!({ "data": data });
        }
        let text = text_of(&experiment);
        assert!(
            text.contains("and draws which images are held out, so"),
            "{text}"
        );
        let without = json!({ "train_images": "all", "subset": "first", "validation_images": 0 });
        set_config(&mut experiment, 0, &json!({ "data": without }));
        let text = text_of(&experiment);
        let expected = "and, for “weight-decay”, draws which images are held out, so only there";
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
            text.contains("Updates to the target are those of the first"),
            "{text}"
        );
        assert!(text.contains("chosen on the test set"), "{text}");
        experiment.target = target(TargetImages::Validation);
        let text = text_of(&experiment);
        assert!(
            text.contains("on validation images, of which no run tells"),
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
            run.header.config.clone_from(config);
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
            text.contains(
                "One data set (made-up), 50 to 300 training and 10,000 test images: nothing"
            ),
            "{text}"
        );
        let page = crate::render_html(&experiment);
        assert!(page.contains("made-up, 50 to 300 training and 10,000 test images"));

        experiment.methods[1].runs[0].header.data.sha256 = "cd".repeat(32);
        let text = text_of(&experiment);
        assert!(text.contains("made with other data than"), "{text}");
        assert!(text.contains("2 data sets (made-up and /data/copy), 50 to"));
        assert!(!text.contains("A seed decides"));
    }

    #[test]
    fn few_images_in_some_runs_only_are_named_as_that() {
        let mut experiment = sample::decay();
        experiment.methods[1].runs[0].header.data.train_images = 60_000;
        let text = text_of(&experiment);
        assert!(text.contains("300 to 60,000 training"), "{text}");
        assert!(text.contains("Where the training images are few, the same settings"));
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
            "masks; all runs took their training images from the same files, so the spread"
        ));
        let first = json!({"data": {"subset": "first", "train_images": 300}});
        let random = json!({"data": {"subset": "random", "train_images": 300}});
        let all = json!({"data": {"subset": "random", "train_images": "all"}});
        for same_images in [first, all] {
            every_config(&mut experiment, &same_images);
            let text = text_of(&experiment);
            assert!(
                text.contains(
                    "A seed decides initial weights, batches and masks; all seeds of a method \
                     train on the same images, so the spread between training sets is not in the \
                     intervals."
                ),
                "{text}"
            );
        }
        set_config(&mut experiment, 1, &random);
        let text = text_of(&experiment);
        assert!(
            text.contains(
                "masks and, for “weight-decay”, draws the training images, so only there do the \
                 intervals include the spread between training sets, within this data set."
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
        assert!(!text.contains("ran at one setting"), "{text}");
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
}
