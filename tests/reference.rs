//! Trajectories made by other libraries: `tests/reference/README.md` says how.

use std::sync::LazyLock;

use downhill_model::{Activation, ConvolutionConfig};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The book's and the Theano variants.
pub(crate) static SEED_VARIANTS: LazyLock<Reference> =
    LazyLock::new(|| read_cases("seed", include_str!("reference/seed_variants_f64.json")));

/// The start, the gradients and the cases of each library.
pub(crate) static REFERENCES: LazyLock<Vec<Reference>> = LazyLock::new(|| {
    vec![
        read_cases("seed", include_str!("reference/seed_variants_f64.json")),
        read_cases("torch", include_str!("reference/torch_f64_generated.json")),
        read_cases("torch", include_str!("reference/torch2_f64.json")),
        read_cases("keras", include_str!("reference/keras_f64.json")),
        read_cases("optax", include_str!("reference/optax_f64.json")),
        read_cases("torch", include_str!("reference/torch_second_f64.json")),
        read_cases("keras", include_str!("reference/keras_second_f64.json")),
        read_cases("optax", include_str!("reference/optax_second_f64.json")),
        read_cases(
            "pytorch_optimizer",
            include_str!("reference/pytorch_optimizer_second_f64.json"),
        ),
    ]
});

fn read_cases(library: &'static str, text: &str) -> Reference {
    let mut reference: Reference = read(text);
    for case in &mut reference.cases {
        case.library = library;
    }
    reference
}

/// PyTorch's batch normalization.
pub(crate) static TORCH_BATCH_NORM: LazyLock<TorchBatchNorm> = LazyLock::new(|| {
    read::<TorchModules>(include_str!("reference/torch_bn_clip_f64.json")).batchnorm1d
});

/// PyTorch's clipping of all gradients together.
pub(crate) static TORCH_CLIP: LazyLock<TorchClip> =
    LazyLock::new(|| read::<TorchModules>(include_str!("reference/torch_bn_clip_f64.json")).clip);

/// PyTorch's convolutional networks.
pub(crate) static TORCH_CONVOLUTIONS: LazyLock<Vec<TorchConvolution>> = LazyLock::new(|| {
    read::<TorchConvolutions>(include_str!("reference/torch_convolution_f64.json")).cases
});

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_json::from_str(text).expect("a reference file is JSON of this form")
}

/// One start, the gradients of each step, and where each optimizer went.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) init: Vec<f64>,
    pub(crate) grads: Vec<Vec<f64>>,
    /// The steps, from 1, after which its cases say where they are, if not all; in the second set.
    pub(crate) kept: Option<Vec<usize>>,
    pub(crate) cases: Vec<Case>,
    pub(crate) naive_valley: Option<Valley>,
}

/// The way of one optimizer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    #[serde(skip)]
    pub(crate) library: &'static str,
    #[serde(alias = "cls", alias = "variant")]
    pub(crate) name: String,
    pub(crate) config: Value,
    /// The parameter's shape, and where it is two parameters, the length of each.
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) split: Option<Vec<usize>>,
    /// The shape of each parameter, where they are several of unlike shapes.
    shapes: Option<Vec<Vec<usize>>>,
    /// What a wrapper stands around, or before.
    pub(crate) inner: Option<Value>,
    pub(crate) then: Option<Value>,
    /// What is within it, under this name.
    pub(crate) base_optimizer: Option<Value>,
    /// The steps, from 1, whose gradients hold a NaN.
    #[serde(default)]
    pub(crate) nan_at: Vec<usize>,
    /// The parts that are not decayed.
    #[serde(default)]
    pub(crate) exclude_from_weight_decay: Vec<usize>,
    /// The rate is multiplied by a factor every `n` steps.
    pub(crate) rate_steps: Option<Value>,
    /// The losses that the steps are told, for optimizers that need them.
    #[serde(default)]
    pub(crate) values: Vec<f64>,
    /// The gradients are multiplied by this.
    pub(crate) gradient_scale: Option<f64>,
    /// Where a part is not computed in `f64`, in what it is.
    pub(crate) decay: Option<String>,
    pub(crate) counts: Option<String>,
    pub(crate) reductions: Option<String>,
    /// Whether the first set does not have it.
    #[serde(default)]
    pub(crate) new: bool,
    pub(crate) expected_params_after_each_step: Vec<Vec<f64>>,
    pub(crate) expected_scale_after_each_step: Option<Vec<f64>>,
    #[serde(alias = "expected_eval_params_after_each_step")]
    pub(crate) expected_average_after_each_step: Option<Vec<Vec<f64>>>,
}

impl Case {
    /// What a wrapper's case stands around, as a case of its own.
    pub(crate) fn wrapped(&self) -> Self {
        let inner = self.inner.as_ref().or(self.then.as_ref());
        let inner = inner.unwrap_or_else(|| panic!("{} stands around something", self.name));
        self.of(inner)
    }

    /// Another optimizer as a case of its own.
    pub(crate) fn of(&self, optimizer: &Value) -> Self {
        Self {
            name: optimizer["name"].as_str().expect("a name").to_owned(),
            config: optimizer["config"].clone(),
            inner: None,
            then: None,
            base_optimizer: None,
            ..self.clone()
        }
    }

    /// What it is, in words.
    pub(crate) fn title(&self) -> String {
        let mut title = format!("{} {} {}", self.library, self.name, self.config);
        for part in [&self.shape, &self.split].into_iter().flatten() {
            title = format!("{title} {part:?}");
        }
        if let Some(shapes) = &self.shapes {
            title = format!("{title} {shapes:?}");
        }
        for around in [&self.inner, &self.then, &self.base_optimizer]
            .into_iter()
            .flatten()
        {
            title = format!("{title} with {around}");
        }
        title
    }

    /// The shapes of its parameters, one or two.
    pub(crate) fn shapes(&self) -> Vec<Vec<usize>> {
        if let Some(shapes) = &self.shapes {
            return shapes.clone();
        }
        match (&self.split, &self.shape) {
            (Some(lengths), _) => lengths.iter().map(|&length| vec![length]).collect(),
            (None, Some(shape)) => vec![shape.clone()],
            (None, None) => vec![vec![8]],
        }
    }

    /// Whether the library computed a part of it in `f32` although all else was `f64`.
    pub(crate) fn is_rounded(&self) -> bool {
        let at_64 =
            |part: &Option<String>| part.as_deref().is_some_and(|kind| kind.ends_with("64"));
        if self.reductions.is_some() {
            return true;
        }
        match (self.library, self.name.as_str()) {
            ("optax", "adafactor") => !at_64(&self.decay),
            ("optax", "madgrad") => !at_64(&self.counts),
            ("optax", "schedule_free_sgd" | "schedule_free_adamw") => {
                self.config.get("warmup_steps").is_some() && !at_64(&self.counts)
            }
            ("optax", "MultiSteps") => self.config.get("accumulator_dtype").is_none(),
            _ => false,
        }
    }
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
    #[serde(rename = "clip_grad_norm_")]
    clip: TorchClip,
}

/// Gradients of two parameters, clipped together.
#[derive(Deserialize)]
pub(crate) struct TorchClip {
    pub(crate) grads: Vec<Vec<f64>>,
    pub(crate) max_norm: f64,
    pub(crate) clipped: Vec<Vec<f64>>,
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

#[derive(Deserialize)]
struct TorchConvolutions {
    cases: Vec<TorchConvolution>,
}

/// A convolutional network, and what it makes of some images.
#[derive(Deserialize)]
pub(crate) struct TorchConvolution {
    pub(crate) name: String,
    pub(crate) activation: Activation,
    /// Height and width.
    pub(crate) image: [usize; 2],
    pub(crate) convolutions: Vec<ConvolutionConfig>,
    pub(crate) hidden: Vec<usize>,
    pub(crate) weight_decay: f64,
    pub(crate) batch: usize,
    pub(crate) images: Vec<f64>,
    pub(crate) labels: Vec<u16>,
    pub(crate) parameters: Vec<Vec<f64>>,
    pub(crate) logits: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) gradients: Vec<Vec<f64>>,
    pub(crate) image_gradients: Vec<f64>,
}
