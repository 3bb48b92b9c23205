//! Made-up experiments with everything that a record can hold.

use std::collections::BTreeMap;

use downhill_report::record::{Activations, Histogram, Pretraining, RunOutcome, Score};
use downhill_report::{
    AccuracyTarget, Cell, Experiment, Grid, Method, Published, PublishedFigure, RunRecord,
    TargetImages,
};

use super::{experiment, noise, run};

/// Seven optimizers with the losses of their batches, held-out images, activations, pre-training
/// and published figures; of the last, every third run diverges.
#[must_use]
pub fn optimizers(seeds: u64, updates: u64) -> Experiment {
    let shapes = [
        ("sgd", 0.93, 420.0, 0.15),
        ("momentum", 0.965, 160.0, 0.05),
        ("adagrad", 0.972, 70.0, 0.016),
        ("rmsprop", 0.971, 90.0, 0.02),
        ("adadelta", 0.95, 240.0, 0.09),
        ("adam", 0.974, 80.0, 0.032),
        ("nesterov at a rate of 10", 0.9, 100.0, 0.2),
    ];
    let methods = shapes.map(|(name, test, pace, floor)| {
        let run_of = |seed: u64| optimizer_run(name, seed, updates, (test, pace, floor));
        Method {
            name: name.into(),
            changes: vec![format!("optimizer.{name}.learning_rate = 0.01")],
            cell: None,
            runs: (0..seeds).map(run_of).collect(),
        }
    });
    let figure = |method: &str, first, last, test| PublishedFigure {
        method: method.into(),
        train_accuracy: None,
        test_accuracy: test,
        losses: vec![(100, first), (1900, last)],
    };
    let mut experiment = experiment(None, methods.into());
    experiment.name = "optimizers".into();
    experiment.question = "Made-up numbers: which optimizer lowers the loss fastest?".into();
    experiment.published = Some(Published {
        source: "made-up figures of a made-up book".into(),
        figures: vec![
            figure("sgd", 1.484, 0.150, Some(0.929)),
            figure("momentum", 0.422, 0.050, None),
            figure("adagrad", 0.191, 0.016, None),
            figure("adam", 0.338, 0.032, Some(0.975)),
        ],
    });
    experiment
}

fn optimizer_run(
    name: &str,
    seed: u64,
    updates: u64,
    (test, pace, floor): (f64, f64, f64),
) -> RunRecord {
    let diverges = name.contains("rate of 10") && seed % 3 == 1;
    let stream = name.len() as u64 + (name.as_bytes()[0] as u64);
    let chance = noise(seed, stream);
    let end = if diverges { updates / 3 } else { updates };
    let step = (updates / 20).max(1);
    let evaluations: Vec<(u64, f64, f64)> = (0..=end / step)
        .map(|at| {
            let now = at * step;
            let rise = 1.0 - (-(now as f64) / (pace * (1.0 + 0.2 * chance))).exp();
            let train =
                0.1 + (test + 0.025 - 0.1) * rise + 0.004 * noise(seed, now + stream) * rise;
            let test = 0.1 + (test - 0.1) * rise + 0.006 * noise(seed + 9, now + stream) * rise;
            (now.max(1), train.min(1.0), test.min(1.0))
        })
        .collect();
    let outcome = if diverges {
        RunOutcome::Diverged { update: end }
    } else {
        RunOutcome::Finished
    };
    let mut run = run(name, seed, &evaluations, outcome);
    for evaluation in &mut run.evaluations {
        evaluation.validation = Some(Score {
            loss: evaluation.test.loss * 1.1,
            accuracy: (evaluation.test.accuracy - 0.01).max(0.0),
        });
    }
    run.losses = (1..=end)
        .map(|update| {
            let fall = (2.3 - floor) * (-(update as f64) / pace).exp() + floor;
            let wiggle = (0.35 * noise(seed + 31, update * 7 + stream)).exp();
            (fall * wiggle) as f32
        })
        .collect();
    if diverges && let Some(last) = run.losses.last_mut() {
        *last = f32::NAN;
    }
    run.activations = [0, end]
        .map(|updates| activations(seed, updates, chance))
        .into();
    run.pretraining = (1..=3)
        .flat_map(|layer| (1..=10).map(move |at| (layer, 100 * at)))
        .map(|(layer, updates)| Pretraining {
            layer,
            updates,
            loss: 90.0 / layer as f64
                * (1.0 + 4.0 * (-(updates as f64) / (2.0 * pace)).exp())
                * (1.0 + 0.03 * chance),
        })
        .collect();
    run
}

fn activations(seed: u64, updates: u64, chance: f64) -> Activations {
    let layers = (1..=5_u64).map(|layer| {
        let width = if updates == 0 {
            0.35
        } else {
            0.2 + 0.1 * chance.abs()
        } / layer as f64;
        let counts = (0..30_u64).map(|at| {
            let x = (at as f64 + 0.5) / 30.0;
            let height = 9000.0 * (-(x / width).powi(2)).exp();
            (height * (1.0 + 0.1 * noise(seed, at + layer))) as u64
        });
        Histogram {
            lower: 0.0,
            upper: 1.0,
            counts: counts.collect(),
            mean: 0.56 * width,
            standard_deviation: 0.43 * width,
        }
    });
    Activations {
        updates,
        layers: layers.collect(),
    }
}

/// Families over a grid of initial standard deviations, as for batch normalization.
#[must_use]
pub fn grid(families: usize, values: usize, seeds: u64) -> Experiment {
    let names = [
        "without",
        "batch-norm",
        "layer-norm",
        "weight-norm",
        "group-norm",
        "selu",
        "dropout",
        "maxout",
    ];
    let cells = names
        .iter()
        .take(families)
        .enumerate()
        .flat_map(|(family, name)| {
            (0..values).map(move |at| {
                (
                    family,
                    *name,
                    10_f64.powf(-4.0 * at as f64 / (values.max(2) - 1) as f64),
                )
            })
        });
    let methods: Vec<Method> = cells
        .map(|(family, name, value)| {
            let full = format!("{name} {value:.6}");
            let best = -1.0 - 0.25 * family as f64;
            let reach = if family == 0 {
                0.45
            } else {
                1.3 + 0.1 * family as f64
            };
            let fit = (-((value.log10() - best) / reach).powi(2)).exp();
            let run_of = |seed: u64| {
                let diverges = family == 0 && value > 0.4;
                let chance = noise(seed, family as u64 * 100 + (value * 1e6) as u64);
                let top = 0.116 + (0.88 + 0.02 * chance) * fit;
                let epochs: Vec<(u64, f64, f64)> = (0..20)
                    .map(|epoch| {
                        let rise = 1.0 - (-(epoch as f64 + 0.3) / 5.0).exp();
                        let train = 0.1 + (top - 0.1) * rise;
                        (1 + 10 * epoch, train.min(1.0), 0.1 + 0.9 * (train - 0.1))
                    })
                    .collect();
                let outcome = if diverges {
                    RunOutcome::Diverged { update: 191 }
                } else {
                    RunOutcome::Finished
                };
                let mut run = run(&full, seed, &epochs, outcome);
                for evaluation in &mut run.evaluations {
                    evaluation.epoch = Some(evaluation.updates / 10);
                }
                run
            };
            Method {
                runs: (0..seeds).map(run_of).collect(),
                changes: vec![
                    format!("model.normalization = {name:?}"),
                    format!("model.initialization.std = {value}"),
                ],
                cell: Some(Cell {
                    family: name.into(),
                    value,
                }),
                name: full,
            }
        })
        .collect();
    let published = methods
        .iter()
        .filter(|method| method.name.starts_with("batch-norm"));
    let figure = |method: &Method| PublishedFigure {
        method: method.name.clone(),
        train_accuracy: Some(0.62),
        test_accuracy: None,
        losses: Vec::new(),
    };
    let figures = published.map(figure).collect();
    let mut experiment = experiment(None, methods);
    experiment.name = "batch-norm".into();
    experiment.question =
        "Made-up numbers: does batch normalization make training independent of the first weights?"
            .into();
    experiment.grid = Some(Grid {
        setting: "model.initialization.std".into(),
        name: "initial standard deviation".into(),
    });
    experiment.published = Some(Published {
        source: "made-up figures of a made-up book".into(),
        figures,
    });
    experiment
}

/// The experiment with a test accuracy to reach, and with the seconds of its runs.
#[must_use]
pub fn with_target(mut experiment: Experiment, accuracy: f64) -> Experiment {
    let mut run_seconds = BTreeMap::new();
    for (index, method) in experiment.methods.iter_mut().enumerate() {
        for run in &mut method.runs {
            run.header.run = format!("{index:04x}{:012x}", run.header.seed);
            let seconds = 20.0 + 3.0 * index as f64 + noise(run.header.seed, index as u64);
            run_seconds.insert(run.header.run.clone(), seconds);
        }
    }
    experiment.target = Some(AccuracyTarget {
        accuracy,
        on: TargetImages::Test,
        run_seconds,
    });
    experiment
}
