//! Made-up runs and reports, for tests and examples. No network was trained for them.

mod kinds;
mod records;

use downhill_report::record::{
    DataIdentity, Evaluation, RECORD_FORMAT, RunEnd, RunHeader, RunOutcome, Score, Versions,
};
use downhill_report::{Experiment, Method, RunRecord};

pub use kinds::{gradient_check, landscapes, search, valley};
pub use records::{grid, optimizers, with_target};

/// A run whose evaluations are `(updates, train accuracy, test accuracy)`.
#[must_use]
pub fn run(
    method: &str,
    seed: u64,
    evaluations: &[(u64, f64, f64)],
    outcome: RunOutcome,
) -> RunRecord {
    let score = |accuracy: f64| Score {
        loss: 2.5 - 2.4 * accuracy,
        accuracy,
    };
    let last = evaluations.last().map_or(0, |last| last.0);
    let updates = match outcome {
        RunOutcome::Finished => last,
        RunOutcome::Diverged { update } => update,
    };
    let evaluations = evaluations
        .iter()
        .map(|(updates, train, test)| Evaluation {
            epoch: Some(updates / 3),
            updates: *updates,
            train: score(*train),
            test: score(*test),
            validation: None,
            not_averaged: None,
        })
        .collect();
    RunRecord {
        header: RunHeader {
            format: RECORD_FORMAT,
            run: format!("{seed:016x}"),
            experiment: "sample".into(),
            method: method.into(),
            seed,
            backend: "flex".into(),
            config: serde_json::json!({"learning_rate": 0.01}).into(),
            ensemble: false,
            data: data(),
            versions: versions(),
        },
        evaluations,
        losses: Vec::new(),
        activations: Vec::new(),
        pretraining: Vec::new(),
        end: RunEnd {
            outcome,
            updates,
            kept: None,
            gradients: None,
        },
    }
}

/// Finished runs with seeds from 0 and these final `(train, test)` accuracies.
#[must_use]
pub fn method(name: &str, updates: u64, finals: &[(f64, f64)]) -> Method {
    let runs = (0..)
        .zip(finals)
        .map(|(seed, (train, test))| {
            let evaluations = [(1, 0.1, 0.1), (updates, *train, *test)];
            run(name, seed, &evaluations, RunOutcome::Finished)
        })
        .collect();
    Method {
        name: name.into(),
        changes: vec![format!("regularization = {name}")],
        cell: None,
        runs,
    }
}

/// An experiment of these methods.
#[must_use]
pub fn experiment(baseline: Option<&str>, methods: Vec<Method>) -> Experiment {
    Experiment {
        name: "sample".into(),
        question: "Made-up numbers: does regularization help a network that sees 300 images?"
            .into(),
        command: "cargo run -p downhill-report --example sample_report -- report.html".into(),
        backend: "flex".into(),
        device: "none: these numbers are made up".into(),
        versions: versions(),
        is_by_other_code: false,
        data: data(),
        config_toml: "learning_rate = 0.01\n".into(),
        training_seconds: Some(83.4),
        target: None,
        baseline: baseline.map(Into::into),
        grid: None,
        published: None,
        methods,
    }
}

/// Weight decay that narrows the gap and lowers test accuracy, over four seeds.
#[must_use]
pub fn decay() -> Experiment {
    let none = [(1.0, 0.76), (1.0, 0.75), (1.0, 0.77), (1.0, 0.76)];
    let decay = [(0.90, 0.72), (0.88, 0.70), (0.91, 0.73), (0.90, 0.73)];
    let methods = vec![
        method("none", 601, &none),
        method("weight-decay", 601, &decay),
    ];
    experiment(Some("none"), methods)
}

/// Whole learning curves of up to eight methods over this many seeds; of the fourth method, every
/// fourth run diverges.
#[must_use]
pub fn curves(methods: usize, seeds: u64) -> Experiment {
    let shapes = [
        ("none", 1.0, 0.76, 90.0, 601),
        ("weight-decay", 0.90, 0.722, 120.0, 601),
        ("dropout", 0.80, 0.70, 200.0, 901),
        (
            "dropout and a far too large learning rate",
            0.95,
            0.73,
            60.0,
            601,
        ),
        ("batch-norm", 1.0, 0.79, 40.0, 601),
        ("max-norm", 0.99, 0.761, 95.0, 601),
        ("early-stopping", 0.93, 0.74, 90.0, 301),
        ("noise", 0.97, 0.75, 150.0, 601),
    ];
    let methods = shapes.iter().take(methods).map(|shape| {
        let (name, train, test, pace, updates) = *shape;
        let run_of = |seed: u64| {
            let diverges = name.contains("too large") && seed % 4 == 1;
            let end = if diverges {
                150 + 30 * seed.min(9)
            } else {
                updates
            };
            let noise = noise(seed, name.len() as u64);
            let evaluations: Vec<(u64, f64, f64)> = (0..=end / 3)
                .map(|step| {
                    let updates = 3 * step + 1;
                    let rise = 1.0 - (-(updates as f64) / (pace * (1.0 + 0.3 * noise))).exp();
                    let wiggle = 0.02 * self::noise(seed, updates) * (1.0 - rise);
                    let train = (0.1 + (train - 0.1 + 0.02 * noise) * rise + wiggle).min(1.0);
                    let test = 0.1 + (test - 0.1 + 0.015 * noise) * rise + wiggle;
                    (updates, train, test)
                })
                .filter(|(updates, ..)| *updates <= end)
                .collect();
            let outcome = if diverges {
                RunOutcome::Diverged { update: end }
            } else {
                RunOutcome::Finished
            };
            let mut run = run(name, seed, &evaluations, outcome);
            if diverges && let Some(last) = run.evaluations.last_mut() {
                last.train.loss = f64::NAN;
                last.test.loss = f64::NAN;
            }
            run
        };
        Method {
            name: name.into(),
            changes: if name == "none" {
                vec![]
            } else {
                vec![format!("regularization = {name:?}")]
            },
            cell: None,
            runs: (0..seeds).map(run_of).collect(),
        }
    });
    experiment(Some("none"), methods.collect())
}

/// A number from -1 to 1 that looks like chance.
fn noise(seed: u64, stream: u64) -> f64 {
    let mut state =
        (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ stream.wrapping_mul(0xBF58_476D);
    state ^= state >> 30;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 27;
    state = state.wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^= state >> 31;
    (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn data() -> DataIdentity {
    DataIdentity {
        name: "made-up".into(),
        sha256: "ab".repeat(32),
        train_images: 300,
        test_images: 10_000,
        duplicates: None,
    }
}

fn versions() -> Versions {
    Versions {
        downhill: "0.1.0".into(),
        burn: "0.22.1".into(),
        code: String::new(),
        commit: None,
    }
}
