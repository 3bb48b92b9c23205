//! Trajectories made by other libraries: `tests/reference/README.md` says how.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The book's and the Theano variants.
pub(crate) static SEED_VARIANTS: LazyLock<Reference> =
    LazyLock::new(|| read(include_str!("reference/seed_variants_f64.json")));

/// PyTorch's.
pub(crate) static TORCH: LazyLock<Reference> =
    LazyLock::new(|| read(include_str!("reference/torch_f64_generated.json")));

/// PyTorch's batch normalization.
pub(crate) static TORCH_BATCH_NORM: LazyLock<TorchBatchNorm> = LazyLock::new(|| {
    read::<TorchModules>(include_str!("reference/torch_bn_clip_f64.json")).batchnorm1d
});

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).expect("a reference file is JSON of this form")
}

/// One start, the gradients of each step, and where each optimizer went.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) init: Vec<f64>,
    pub(crate) grads: Vec<Vec<f64>>,
    pub(crate) cases: Vec<Case>,
    pub(crate) naive_valley: Option<Valley>,
}

/// The way of one optimizer.
#[derive(Deserialize)]
pub(crate) struct Case {
    #[serde(alias = "cls")]
    pub(crate) variant: String,
    pub(crate) config: Map<String, Value>,
    pub(crate) expected_params_after_each_step: Vec<Vec<f64>>,
}

/// Descents of `x^2 / 20 + y^2`.
#[derive(Deserialize)]
pub(crate) struct Valley {
    pub(crate) init: [f64; 2],
    pub(crate) runs: Vec<Descent>,
}

/// One of them.
#[derive(Deserialize)]
pub(crate) struct Descent {
    pub(crate) optimizer: String,
    pub(crate) config: Map<String, Value>,
    /// The start and the places after each update but the last.
    pub(crate) history_30: Vec<[f64; 2]>,
    pub(crate) final_after_30_updates: [f64; 2],
}

#[derive(Deserialize)]
struct TorchModules {
    batchnorm1d: TorchBatchNorm,
}

/// One step of `BatchNorm1d`.
#[derive(Deserialize)]
pub(crate) struct TorchBatchNorm {
    pub(crate) x: Vec<Vec<f64>>,
    pub(crate) upstream: Vec<Vec<f64>>,
    pub(crate) y: Vec<Vec<f64>>,
    pub(crate) dx: Vec<Vec<f64>>,
    pub(crate) dgamma: Vec<f64>,
    pub(crate) dbeta: Vec<f64>,
    pub(crate) running_mean: Vec<f64>,
    pub(crate) running_var_unbiased: Vec<f64>,
    pub(crate) y_eval: Vec<Vec<f64>>,
}

impl Reference {
    /// The one case of this name with these settings.
    #[track_caller]
    pub(crate) fn case(&self, variant: &str, config: &Value) -> &Case {
        let same =
            |case: &&Case| case.variant == variant && Value::from(case.config.clone()) == *config;
        let found: Vec<&Case> = self.cases.iter().filter(same).collect();
        assert_eq!(found.len(), 1, "cases of {variant} with {config}");
        found[0]
    }
}
