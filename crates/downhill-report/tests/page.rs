//! The page and the figures as a browser gets them.

use downhill_report::record::RunOutcome;
use downhill_report::{Experiment, Report};
use downhill_sample as sample;
use roxmltree::{Document, ParsingOptions};

fn every_shape() -> Vec<Experiment> {
    let mut experiments = vec![sample::decay(), sample::experiment(None, vec![])];
    for (methods, seeds) in [(1, 1), (1, 100), (2, 1), (4, 8), (8, 2), (8, 30)] {
        experiments.push(sample::curves(methods, seeds));
    }

    let mut all_diverged = sample::decay();
    for run in all_diverged
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.end.outcome = RunOutcome::Diverged { update: 1 };
        run.evaluations.truncate(1);
    }
    let mut nothing_evaluated = all_diverged.clone();
    for run in nothing_evaluated
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.evaluations.clear();
    }
    let mut single_evaluation = sample::decay();
    for run in single_evaluation
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.evaluations.truncate(1);
        run.end.updates = 1;
    }
    let mut no_update = single_evaluation.clone();
    for run in no_update
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.evaluations[0].updates = 0;
        run.evaluations[0].train.loss = 0.0;
        run.evaluations[0].test.loss = 1e30;
    }
    let mut different_grids = sample::curves(2, 3);
    for run in &mut different_grids.methods[0].runs {
        for evaluation in &mut run.evaluations {
            evaluation.updates += run.header.seed;
        }
        run.end.updates += run.header.seed;
    }
    let mut no_runs = sample::decay();
    no_runs.methods[1].runs.clear();
    experiments.extend([
        all_diverged,
        nothing_evaluated,
        single_evaluation,
        no_update,
        different_grids,
        no_runs,
    ]);
    experiments
}

fn html_of(experiment: &Experiment) -> String {
    Report::of(experiment).expect("a valid experiment").html()
}

/// The pictures of accuracy and loss; none without a run.
fn curves_of(experiment: &Experiment) -> Vec<String> {
    let report = Report::of(experiment).expect("a valid experiment");
    let pictures = report.pictures().into_iter();
    let curves = pictures.filter(|picture| ["accuracy", "loss"].contains(&picture.name.as_str()));
    curves.map(|picture| picture.svg).collect()
}

fn parsed(text: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).expect("well-formed")
}

fn assert_drawable(text: &str) {
    for word in ["NaN", "inf ", "inf\"", "-inf"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn every_experiment_gives_a_well_formed_page_that_asks_for_nothing() {
    for experiment in every_shape() {
        let page = html_of(&experiment);
        let document = parsed(&page);
        assert_drawable(&page);
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("url("));
        for node in document.descendants() {
            let name = node.tag_name().name();
            assert!(
                !["script", "link", "img", "iframe", "object", "use"].contains(&name),
                "{name}"
            );
            for attribute in node.attributes() {
                let name = attribute.name();
                assert!(
                    !name.starts_with("on") && name != "src" && name != "href",
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn every_picture_stands_alone() {
    for experiment in every_shape() {
        let pictures = curves_of(&experiment);
        let has_runs = experiment
            .methods
            .iter()
            .any(|method| !method.runs.is_empty());
        assert_eq!(pictures.len(), if has_runs { 2 } else { 0 });
        for picture in pictures {
            let document = parsed(&picture);
            let root = document.root_element();
            assert!(root.has_tag_name(("http://www.w3.org/2000/svg", "svg")));
            assert_eq!(root.attribute("role"), Some("img"));
            assert_drawable(&picture);
            assert_eq!(picture.matches("http").count(), 1, "only the namespace");
        }
    }
}

#[test]
fn a_picture_is_no_wider_than_the_text_of_a_readme_and_its_letters_stay_large() {
    for methods in 1..=8 {
        for picture in curves_of(&sample::curves(methods, 8)) {
            let document = parsed(&picture);
            let root = document.root_element();
            let width: f64 = root.attribute("width").unwrap().parse().unwrap();
            assert!(width <= 830.0, "{width}");
            let view = root.attribute("viewBox").unwrap();
            assert!(view.starts_with(&format!("0 0 {width} ")), "{view}");
            let text = document.descendants().filter_map(|node| node.text());
            let text = text.collect::<Vec<_>>().join(" ");
            assert!(text.contains("olid on the test"), "{text}");
        }
    }
}

#[test]
fn the_page_has_its_landmarks_headings_and_text_alternatives() {
    let page = html_of(&sample::curves(4, 8));
    let document = parsed(&page);
    let all = |name: &str| -> Vec<_> {
        let nodes = document.descendants();
        nodes
            .filter(|node| node.tag_name().name() == name)
            .collect()
    };
    assert_eq!(document.root_element().attribute("lang"), Some("en"));
    assert_eq!(all("title")[0].text(), Some("sample – experiment report"));
    for landmark in ["header", "main", "footer", "h1"] {
        assert_eq!(all(landmark).len(), 1, "{landmark}");
    }
    let headings: Vec<_> = all("h2").iter().filter_map(|node| node.text()).collect();
    assert_eq!(
        headings,
        [
            "What was found",
            "Accuracy while training",
            "Results",
            "Loss while training",
            "Gap between training and test accuracy",
            "Final accuracy of every seed",
            "Differences to the baseline",
            "How it was made",
            "What these runs do not show",
        ]
    );
    assert_eq!(all("svg").len(), 4 + 4 + 1 + 2 + 2 + 2);
    for figure in all("svg") {
        assert_eq!(figure.attribute("role"), Some("img"));
        let text_of = |name: &str| {
            let mut children = figure.children();
            children.find(|node| node.tag_name().name() == name)?.text()
        };
        assert!(text_of("title").is_some_and(|text| !text.is_empty()));
        assert!(text_of("desc").is_some_and(|text| text.len() > 20));
    }
    let ids: Vec<_> = document
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id comes twice");
    for node in document.descendants() {
        for name in ["aria-labelledby", "aria-describedby"] {
            if let Some(target) = node.attribute(name) {
                assert!(ids.contains(&target), "{target}");
            }
        }
    }
}

#[test]
fn names_cannot_break_out() {
    let name = "<script>alert(1)</script> & \"quoted\" ]]> 'single'";
    let mut experiment = sample::curves(3, 3);
    name.clone_into(&mut experiment.name);
    name.clone_into(&mut experiment.question);
    name.clone_into(&mut experiment.command);
    name.clone_into(&mut experiment.device);
    name.clone_into(&mut experiment.data.name);
    name.clone_into(&mut experiment.config_toml);
    experiment.baseline = Some(name.into());
    name.clone_into(&mut experiment.methods[0].name);
    experiment.methods[0].changes = vec![name.into()];
    for run in &mut experiment.methods[0].runs {
        name.clone_into(&mut run.header.method);
    }
    let page = html_of(&experiment);
    assert!(!page.contains("<script"));
    let document = parsed(&page);
    let heading = document.descendants().find(|node| node.has_tag_name("h1"));
    assert_eq!(heading.and_then(|node| node.text()), Some(name));
    for picture in curves_of(&experiment) {
        assert!(!picture.contains("<script"));
        parsed(&picture);
    }
}

#[test]
fn the_same_experiment_gives_the_same_bytes_without_a_time() {
    for mut experiment in every_shape() {
        assert_eq!(html_of(&experiment), html_of(&experiment.clone()));
        assert_eq!(curves_of(&experiment), curves_of(&experiment.clone()));
        assert!(html_of(&experiment).contains("1 min 23 s"));
        experiment.training_seconds = None;
        let html = html_of(&experiment);
        assert!(
            html.contains("<dd>unknown: a run has no usable timing.json"),
            "{html}"
        );
    }
}

#[test]
fn half_widths_beyond_the_possible_are_explained_where_they_are_shown() {
    let explained = |experiment: &Experiment| {
        let page = html_of(experiment);
        page.matches("Accuracies lie between 0 and 100 %").count()
    };
    assert_eq!(explained(&sample::decay()), 0);
    let wide = vec![sample::method("none", 601, &[(0.9, 0.32), (0.9, 0.42)])];
    assert_eq!(explained(&sample::experiment(None, wide)), 2);
}

#[test]
fn diverged_runs_are_drawn_and_listed() {
    let page = html_of(&sample::curves(4, 8));
    assert!(page.matches("class=\"cross\"").count() >= 2 * 4);
    assert!(page.contains("8 seeds, 2 diverged"));
    assert!(page.contains("diverged at update 180"));
}

#[test]
fn a_hundred_seeds_and_ten_thousand_evaluations_stay_small() {
    let mut experiment = sample::curves(1, 1);
    let run = &mut experiment.methods[0].runs[0];
    let evaluation = run.evaluations[0];
    run.evaluations = (0..10_000)
        .map(|updates| downhill_report::record::Evaluation {
            updates,
            ..evaluation
        })
        .collect();
    run.end.updates = 10_000;
    assert!(html_of(&experiment).len() < 100_000);
    assert!(html_of(&sample::curves(8, 100)).len() < 1_500_000);
}
