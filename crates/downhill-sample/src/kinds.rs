//! Made-up reports of the other kinds.

use downhill_report::{
    About, GradientReport, GradientRow, Landscape, LandscapeDescent, LandscapeDescents,
    LandscapeMethod, LandscapeTuning, LandscapesReport, PublishedTrials, Round, Search,
    SearchReport, SearchedSetting, Trial, TriedRate, ValleyPath, ValleyReport,
};

use super::{data, noise, versions};

fn about(name: &str, question: &str, has_data: bool, seeds: u64) -> About {
    About {
        name: name.into(),
        question: question.into(),
        command: "cargo run -p downhill-report --example sample_report -- reports".into(),
        backend: "flex".into(),
        device: "none: these numbers are made up".into(),
        versions: versions(),
        data: has_data.then(data),
        config_toml: "made_up = true\n".into(),
        seconds: Some(1.25),
        seeds: (0..seeds).collect(),
    }
}

/// Gradient descent, with and without momentum, and one that runs away, in a valley.
#[must_use]
pub fn valley() -> ValleyReport<'static> {
    let descent = |rate: f64, momentum: f64, updates: usize| {
        let (mut x, mut y, mut velocity) = (-7.0, 2.0, (0.0, 0.0));
        let mut points = vec![(x, y)];
        for _ in 0..updates {
            velocity = (
                momentum * velocity.0 - rate * x / 10.0,
                momentum * velocity.1 - rate * 2.0 * y,
            );
            (x, y) = (x + velocity.0, y + velocity.1);
            points.push((x, y));
        }
        points
    };
    let path = |name: &str, points: Vec<(f64, f64)>| ValleyPath {
        name: name.into(),
        changes: vec![format!("optimizer = {name:?}")],
        points,
    };
    ValleyReport {
        about: about(
            "valley",
            "Made-up numbers: how do optimizers go through a valley?",
            false,
            0,
        ),
        formula: "f(x, y) = x² / 20 + y²".into(),
        function: &|x, y| x * x / 20.0 + y * y,
        minimum: Some((0.0, 0.0)),
        paths: vec![
            path("sgd", descent(0.95, 0.0, 30)),
            path("momentum", descent(0.1, 0.9, 30)),
            path("a small rate", descent(0.1, 0.0, 30)),
            path("too large a rate", descent(1.03, 0.0, 20)),
        ],
    }
}

/// Gradient descent at three rates on two functions; the largest rate diverges on the first.
#[must_use]
pub fn landscapes() -> LandscapesReport<'static> {
    let rates = [0.01, 0.1, 0.6];
    let descents = |function: Function, slope: Slope| {
        [0.1, 0.01, 0.6].map(|rate| LandscapeDescents {
            rate: Some(rate),
            tried: (rates.iter().enumerate())
                .map(|(at, rate)| TriedRate {
                    rate: *rate,
                    reached: 2 + at,
                    median_updates: 20.0,
                    median_value: 0.005,
                })
                .collect(),
            descents: (0..8)
                .map(|start| made_up_descent(function, slope, rate, start))
                .collect(),
        })
    };
    let landscape = |name: &str, formula: &str| Landscape {
        name: name.into(),
        formula: formula.into(),
        function: &bowl,
        x: (-2.0, 2.0),
        y: (-1.5, 1.5),
        minimum: 0.0,
        minima: vec![(0.0, 0.0)],
        methods: descents(bowl, |x, y| (2.0 * x, 4.0 * y)).into(),
    };
    let method = |name: &str| LandscapeMethod {
        name: name.into(),
        changes: vec![format!("optimizer = {name:?}")],
    };
    LandscapesReport {
        about: about(
            "landscapes",
            "Made-up numbers: which rates reach the minimum?",
            false,
            1,
        ),
        updates: 50,
        tolerance: 0.01,
        tuning: Some(LandscapeTuning {
            starts: 8,
            rates: rates.into(),
        }),
        methods: ["a good rate", "a small rate", "too large a rate"]
            .map(method)
            .into(),
        landscapes: vec![
            landscape("bowl", "f(x, y) = x^2 + 2 * y^2"),
            Landscape {
                function: &two_minima,
                minima: vec![(-1.0, 0.0), (1.0, 0.0)],
                methods: descents(two_minima, |x, y| (4.0 * x * (x * x - 1.0), 2.0 * y)).into(),
                ..landscape("two-minima", "f(x, y) = (x^2 - 1)^2 + y^2")
            },
        ],
    }
}

type Function = fn(f64, f64) -> f64;
type Slope = fn(f64, f64) -> (f64, f64);

fn bowl(x: f64, y: f64) -> f64 {
    x * x + 2.0 * y * y
}

fn two_minima(x: f64, y: f64) -> f64 {
    (x * x - 1.0).powi(2) + y * y
}

/// Gradient descent from a start that looks like chance.
fn made_up_descent(function: Function, slope: Slope, rate: f64, start: u64) -> LandscapeDescent {
    let (mut x, mut y) = (2.0 * noise(start, 3), 1.5 * noise(start, 4));
    let mut points = vec![(x, y)];
    let mut reached = None;
    let mut diverged = false;
    for update in 1..=50 {
        let (across, up) = slope(x, y);
        (x, y) = (x - rate * across, y - rate * up);
        if x.abs().max(y.abs()) > 1e3 {
            diverged = true;
            break;
        }
        points.push((x, y));
        if function(x, y) <= 0.01 {
            reached = Some(update);
            break;
        }
    }
    let end = points[points.len() - 1];
    LandscapeDescent {
        value: function(end.0, end.1),
        points,
        reached,
        diverged,
    }
}

/// A gradient check of every kind of layer.
#[must_use]
pub fn gradient_check() -> GradientReport {
    let layers = [
        "relu",
        "sigmoid",
        "tanh",
        "batch normalization",
        "dropout",
        "weight decay",
        "convolution",
    ];
    let parameters = [
        "layers.0.weight",
        "layers.0.bias",
        "output.weight",
        "output.bias",
    ];
    let pairs = layers
        .iter()
        .flat_map(|layer| parameters.map(|parameter| (*layer, parameter)));
    let rows = pairs
        .enumerate()
        .map(|(at, (layer, parameter))| GradientRow {
            layer: layer.into(),
            parameter: parameter.into(),
            numbers: if parameter.ends_with("bias") { 10 } else { 200 },
            largest_difference: 10_f64.powf(-10.5 + 1.2 * noise(at as u64, 5)),
            limit: 1e-7,
        });
    GradientReport {
        about: about(
            "gradient-check",
            "Made-up numbers: is backpropagation right?",
            false,
            1,
        ),
        rows: rows.collect(),
    }
}

/// Two rounds of a hundred trials for each seed.
#[must_use]
pub fn search(seeds: u64) -> SearchReport {
    let setting = |path: &str, name: &str| SearchedSetting {
        path: path.into(),
        name: name.into(),
        is_log: true,
    };
    let searches = (0..seeds).map(|seed| Search {
        seed,
        rounds: vec![
            round(seed, 0, [(1e-6, 1e-2), (1e-8, 1e-4)]),
            round(
                seed,
                1,
                [
                    (2.1e-3 * (1.0 + 0.2 * noise(seed, 1)), 1e-2),
                    (3e-8, 6.5e-5),
                ],
            ),
        ],
    });
    SearchReport {
        about: about(
            "search",
            "Made-up numbers: which rate and which decay suit 500 images?",
            true,
            seeds,
        ),
        settings: vec![
            setting("optimizer.sgd.learning_rate", "learning rate"),
            setting("model.weight_decay", "weight decay"),
        ],
        searches: searches.collect(),
        published: Some(PublishedTrials {
            source: "made-up figures of a made-up book".into(),
            trials: vec![(vec![9.4e-3, 2.8e-6], 0.84), (vec![8.2e-3, 1.1e-7], 0.81)],
        }),
    }
}

fn round(seed: u64, number: u64, ranges: [(f64, f64); 2]) -> Round {
    let trial = |index: u64| {
        let draw = |stream: u64, (from, to): (f64, f64)| {
            let share = f64::midpoint(noise(seed * 1000 + index, stream + 10 * number), 1.0);
            (from.ln() * (1.0 - share) + to.ln() * share).exp()
        };
        let values = [draw(1, ranges[0]), draw(2, ranges[1])];
        let top = 0.1 + 0.74 * (-((values[0].log10() + 2.1) / 1.1).powi(2)).exp();
        let top = (top + 0.02 * noise(index, seed + 3)).max(0.05);
        let diverges = index % 41 == 7;
        let curve = (0..=49_u32).map(|epoch| {
            let rise = 1.0 - (-f64::from(epoch) / 12.0).exp();
            let wiggle = 0.015 * noise(u64::from(epoch), index);
            (
                f64::from(epoch),
                (0.1 + (top - 0.1) * rise + wiggle * rise).clamp(0.0, 1.0),
            )
        });
        Trial {
            index: index as usize,
            values: values.into(),
            validation: (!diverges).then_some(top),
            test: (!diverges).then_some(top - 0.03),
            curve: if diverges {
                Vec::new()
            } else {
                curve.collect()
            },
        }
    };
    Round {
        ranges: ranges.into(),
        trials: (0..100).map(trial).collect(),
    }
}
