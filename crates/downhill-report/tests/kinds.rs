//! Every kind of report as a browser gets it, with much data and with little.

use std::collections::BTreeSet;

use downhill_report::record::RunOutcome;
use downhill_report::{ComparisonReport, Experiment, Picture, Report};
use downhill_sample as sample;
use roxmltree::{Document, ParsingOptions};

/// No page is to be larger, in bytes.
const MOST_BYTES: usize = 3_000_000;

struct Kind {
    name: &'static str,
    page: String,
    pictures: Vec<Picture>,
}

fn of_experiment(name: &'static str, experiment: &Experiment) -> Kind {
    let report = Report::of(experiment).expect("a valid experiment");
    Kind {
        name,
        page: report.html(),
        pictures: report.pictures(),
    }
}

/// A grid in which every run diverged before it was evaluated.
fn diverged_grid() -> Experiment {
    let mut experiment = sample::grid(2, 4, 3);
    for run in experiment
        .methods
        .iter_mut()
        .flat_map(|method| &mut method.runs)
    {
        run.end.outcome = RunOutcome::Diverged { update: 1 };
        run.evaluations.clear();
    }
    experiment
}

fn every_kind() -> Vec<Kind> {
    let optimizers = sample::with_target(sample::optimizers(8, 2000), 0.9);
    let mut lost = sample::with_target(sample::optimizers(2, 40), 0.9);
    for run in lost.methods.iter_mut().flat_map(|method| &mut method.runs) {
        run.end.outcome = RunOutcome::Diverged { update: 1 };
        run.losses.fill(f32::NAN);
        for line in &mut run.pretraining {
            line.loss = f64::NAN;
        }
    }
    let both = [
        sample::curves(4, 8),
        sample::curves(3, 6),
        sample::grid(2, 3, 2),
    ];
    let reports = both
        .each_ref()
        .map(|one| Report::of(one).expect("a valid experiment"));
    let [first, others @ ..] = &reports;
    let comparison = ComparisonReport::of(first, others);
    let mut kinds = vec![
        of_experiment("optimizers", &optimizers),
        of_experiment("one seed", &sample::optimizers(1, 30)),
        of_experiment("lost", &lost),
        of_experiment("grid", &sample::grid(2, 16, 8)),
        of_experiment("one value", &sample::grid(3, 1, 1)),
        of_experiment("diverged grid", &diverged_grid()),
        of_experiment("large grid", &sample::grid(8, 16, 30)),
        of_experiment("larger grid", &sample::grid(8, 40, 3)),
        Kind {
            name: "comparison",
            page: comparison.html(),
            pictures: comparison.pictures(),
        },
    ];
    let valley = sample::valley();
    let mut empty = sample::valley();
    empty.paths.clear();
    let mut nowhere = sample::valley();
    nowhere.paths[0].points.clear();
    nowhere.paths[1].points.truncate(1);
    nowhere.paths[2].points.push((1e300, -1e300));
    for (name, valley) in [("valley", valley), ("no path", empty), ("nowhere", nowhere)] {
        kinds.push(Kind {
            name,
            page: valley.html(),
            pictures: valley.pictures(),
        });
    }
    let mut untuned = sample::landscapes();
    untuned.tuning = None;
    let found = untuned.landscapes.iter_mut().flat_map(|it| &mut it.methods);
    for (at, found) in found.enumerate() {
        found.rate = None;
        found.tried.clear();
        found.descents[0].points.push((1e300, -1e300));
        found.descents[1].points.clear();
        found.descents[2].value = f64::NAN;
        found.descents.truncate(if at == 0 { 0 } else { 5 });
    }
    let mut no_function = sample::landscapes();
    no_function.landscapes.clear();
    for (name, report) in [
        ("landscapes", sample::landscapes()),
        ("untuned", untuned),
        ("no function", no_function),
    ] {
        kinds.push(Kind {
            name,
            page: report.html(),
            pictures: report.pictures(),
        });
    }
    let mut broken = sample::gradient_check();
    broken.rows[0].largest_difference = f64::NAN;
    broken.rows[1].largest_difference = 0.0;
    broken.rows[2].largest_difference = 0.5;
    let mut unchecked = sample::gradient_check();
    unchecked.rows.clear();
    let checks = [
        ("check", sample::gradient_check()),
        ("broken", broken),
        ("unchecked", unchecked),
    ];
    for (name, check) in checks {
        kinds.push(Kind {
            name,
            page: check.html(),
            pictures: check.pictures(),
        });
    }
    let mut three = sample::search(2);
    let third = three.settings[0].clone();
    three.settings.push(third);
    for search in &mut three.searches {
        for round in &mut search.rounds {
            round.ranges.push((1.0, 2.0));
            round
                .trials
                .iter_mut()
                .for_each(|trial| trial.values.push(1.5));
        }
    }
    let mut single = sample::search(1);
    single.settings.truncate(1);
    for round in &mut single.searches[0].rounds {
        round.ranges.truncate(1);
        round
            .trials
            .iter_mut()
            .for_each(|trial| trial.values.truncate(1));
    }
    let searches = [
        ("search", sample::search(8)),
        ("three settings", three),
        ("single setting", single),
    ];
    for (name, search) in searches {
        kinds.push(Kind {
            name,
            page: search.html(),
            pictures: search.pictures(),
        });
    }
    kinds
}

fn html_of(experiment: &Experiment) -> String {
    Report::of(experiment).expect("a valid experiment").html()
}

fn parsed(text: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).expect("well-formed")
}

fn assert_drawable(name: &str, text: &str) {
    for word in ["NaN", "inf ", "inf\"", "-inf", "infL"] {
        assert!(!text.contains(word), "{word} in {name}");
    }
}

#[test]
fn every_page_is_well_formed_small_and_asks_for_nothing() {
    for Kind { name, page, .. } in every_kind() {
        assert!(page.len() < MOST_BYTES, "{name}: {}", page.len());
        assert_drawable(name, &page);
        assert!(
            !page.contains("http:") && !page.contains("https:") && !page.contains("url("),
            "{name}"
        );
        let document = parsed(&page);
        let mut ids = BTreeSet::new();
        for node in document.descendants() {
            let tag = node.tag_name().name();
            assert!(
                !["script", "link", "img", "iframe", "object", "use"].contains(&tag),
                "{tag} in {name}"
            );
            for attribute in node.attributes() {
                let attribute_name = attribute.name();
                let asks =
                    attribute_name.starts_with("on") || ["src", "href"].contains(&attribute_name);
                assert!(!asks, "{attribute_name} in {name}");
            }
            if let Some(id) = node.attribute("id") {
                assert!(ids.insert(id), "the id {id} comes twice in {name}");
            }
        }
        for landmark in ["header", "main", "footer", "h1"] {
            let found = document
                .descendants()
                .filter(|node| node.has_tag_name(landmark));
            assert_eq!(found.count(), 1, "{landmark} in {name}");
        }
    }
}

#[test]
fn every_figure_says_what_it_shows() {
    for Kind {
        name,
        page,
        pictures,
    } in every_kind()
    {
        let documents = std::iter::once(page.as_str())
            .chain(pictures.iter().map(|picture| picture.svg.as_str()));
        for text in documents {
            let document = parsed(text);
            let figures = document
                .descendants()
                .filter(|node| node.tag_name().name() == "svg");
            for figure in figures.filter(|figure| figure.attribute("aria-hidden").is_none()) {
                assert_eq!(figure.attribute("role"), Some("img"), "{name}");
                let text_of = |tag: &str| {
                    let mut children = figure.children();
                    children.find(|node| node.tag_name().name() == tag)?.text()
                };
                assert!(
                    text_of("title").is_some_and(|text| !text.is_empty()),
                    "{name}"
                );
                assert!(
                    text_of("desc").is_some_and(|text| text.len() > 15),
                    "{name}: {:?}",
                    text_of("desc")
                );
            }
        }
    }
}

#[test]
fn every_picture_stands_alone_with_its_colors_written_out() {
    for Kind { name, pictures, .. } in every_kind() {
        let names: BTreeSet<&str> = pictures
            .iter()
            .map(|picture| picture.name.as_str())
            .collect();
        assert_eq!(
            names.len(),
            pictures.len(),
            "a picture of {name} comes twice"
        );
        for picture in &pictures {
            assert_drawable(name, &picture.svg);
            assert!(!picture.svg.contains("var("), "{name}");
            assert_eq!(
                picture.svg.matches("http").count(),
                1,
                "only the namespace in {name}"
            );
            assert!(!picture.alt.is_empty(), "{name}");
            assert!(
                parsed(&picture.svg)
                    .root_element()
                    .has_tag_name(("http://www.w3.org/2000/svg", "svg"))
            );
        }
    }
}

#[test]
fn the_same_data_give_the_same_bytes() {
    for (first, second) in every_kind().iter().zip(every_kind()) {
        assert_eq!(first.page, second.page, "{}", first.name);
        assert_eq!(first.pictures, second.pictures, "{}", first.name);
    }
}

#[test]
fn a_grid_is_told_by_its_values_and_not_run_by_run() {
    let page = html_of(&sample::grid(8, 16, 30));
    let document = parsed(&page);
    let count = |tag: &str| {
        document
            .descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
    };
    // Three tables of 16 values with a head, and 16 published figures with one.
    assert_eq!(count("tr"), 3 * 17 + 17);
    let panels = document
        .descendants()
        .filter(|node| node.attribute("role") == Some("img"));
    assert_eq!(panels.count(), 3 + 16);
    assert!(!page.contains("Every run"));
}

#[test]
fn thirty_seeds_of_six_optimizers_and_twenty_epochs_are_small_with_all_their_losses() {
    let mut experiment = sample::optimizers(30, 20 * 469);
    experiment.methods.truncate(6);
    let experiment = sample::with_target(experiment, 0.9);
    let page = html_of(&experiment);
    assert!(page.len() < MOST_BYTES, "{}", page.len());
    assert!(page.contains("Smoothed loss of the batches"));
}

#[test]
fn what_a_record_does_not_hold_has_no_figure() {
    let page = html_of(&sample::decay());
    for heading in [
        "Loss of the batches",
        "Pre-training",
        "hidden units",
        "at the best validation",
        "Published",
        "Performance profile",
    ] {
        assert!(!page.contains(heading), "{heading}");
    }
    let optimizers = sample::with_target(sample::optimizers(3, 100), 0.5);
    let page = html_of(&optimizers);
    for heading in [
        "Loss of the batches",
        "Pre-training",
        "hidden units",
        "at the best validation",
        "Published",
        "Performance profile",
    ] {
        assert!(page.contains(heading), "{heading}");
    }
}

#[test]
fn the_ends_of_paths_are_those_of_the_book() {
    let page = sample::valley().html();
    // An independent reproduction's end points, to six digits.
    for number in ["−0.350393", "0.084782", "0.896414", "0.088086"] {
        assert!(page.contains(number), "{number}");
    }
}
