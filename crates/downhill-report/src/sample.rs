//! Small experiments for the tests of this crate.

use crate::record::{
    DataIdentity, Evaluation, Outcome, RECORD_FORMAT, RunEnd, RunHeader, Score, Versions,
};
use crate::record_lines::RunRecord;
use crate::summary::{Experiment, Method};

/// A run whose evaluations are `(updates, train accuracy, test accuracy)`.
pub(crate) fn run(
    method: &str,
    seed: u64,
    evaluations: &[(u64, f64, f64)],
    outcome: Outcome,
) -> RunRecord {
    let score = |accuracy: f64| Score {
        loss: 2.5 - 2.4 * accuracy,
        accuracy,
    };
    let updates = evaluations.last().map_or(0, |last| last.0);
    RunRecord {
        header: RunHeader {
            format: RECORD_FORMAT,
            run: format!("{seed:016x}"),
            experiment: "sample".into(),
            method: method.into(),
            seed,
            backend: "flex".into(),
            config: serde_json::json!({"learning_rate": 0.01}),
            data: data(),
            versions: versions(),
        },
        evaluations: evaluations
            .iter()
            .map(|(updates, train, test)| Evaluation {
                epoch: Some(updates / 15),
                updates: *updates,
                train: score(*train),
                test: score(*test),
            })
            .collect(),
        end: Some(RunEnd { outcome, updates }),
    }
}

/// Finished runs with seeds from 0 and these final `(train, test)` accuracies.
pub(crate) fn method(name: &str, updates: u64, finals: &[(f64, f64)]) -> Method {
    let runs = (0..)
        .zip(finals)
        .map(|(seed, (train, test))| {
            let evaluations = [(1, 0.1, 0.1), (updates, *train, *test)];
            run(name, seed, &evaluations, Outcome::Finished)
        })
        .collect();
    Method {
        name: name.into(),
        changes: vec![("regularization".into(), name.into())],
        runs,
    }
}

pub(crate) fn experiment(baseline: &str, methods: Vec<Method>) -> Experiment {
    Experiment {
        name: "sample".into(),
        question: "Does weight decay help?".into(),
        command: "downhill run sample".into(),
        backend: "flex".into(),
        device: "cpu".into(),
        versions: versions(),
        data: data(),
        config_toml: "learning_rate = 0.01\n".into(),
        wall_seconds: 83.4,
        baseline: baseline.into(),
        methods,
    }
}

/// Weight decay that narrows the gap and lowers test accuracy, over four seeds.
pub(crate) fn decay_experiment() -> Experiment {
    let none = [(1.0, 0.76), (1.0, 0.75), (1.0, 0.77), (1.0, 0.76)];
    let decay = [(0.90, 0.72), (0.88, 0.70), (0.91, 0.73), (0.90, 0.73)];
    experiment(
        "none",
        vec![method("none", 601, &none), method("weight decay", 601, &decay)],
    )
}

fn data() -> DataIdentity {
    DataIdentity {
        name: "mnist".into(),
        sha256: "ab".repeat(32),
        train_images: 300,
        test_images: 10_000,
    }
}

fn versions() -> Versions {
    Versions {
        downhill: "0.1.0".into(),
        burn: "0.22.1".into(),
    }
}
