//! Batch normalization.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Whether hidden layers are normalized, and by whose convention (Ioffe and Szegedy 2015,
/// arXiv:1502.03167). Both keep 0.9 of the running statistics at each batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BatchNormConvention {
    /// No normalization.
    None,
    /// The book's: epsilon 1e-6, running mean and running variance start at 0, the running
    /// variance takes in the biased variance of the batch.
    Book,
    /// PyTorch's `BatchNorm1d`: epsilon 1e-5, the running variance starts at 1 and takes in the
    /// unbiased variance.
    Torch,
}

/// Share of the running statistics that each batch keeps. PyTorch writes it as momentum 0.1.
const KEPT: f64 = 0.9;

/// Normalizes each unit over the batch, then scales and shifts it.
///
/// ```text
/// training:    y = scale * (x - mean) / sqrt(variance + epsilon) + shift
/// evaluation:  the same with the running mean and variance
/// ```
///
/// The variance in the formula is the biased one, under both conventions. The running statistics
/// are parameters without gradient, so they are saved with the others and never shared between a
/// network and its copy. (Burn's own `nn::BatchNorm` keeps the biased variance, and shares the
/// statistics among clones.)
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Factor on each normalized unit, `[units]`, 1 at first.
    pub scale: Param<Tensor<1>>,
    /// Added to each normalized unit, `[units]`, 0 at first.
    pub shift: Param<Tensor<1>>,
    /// Running mean of each unit, `[units]`; not trained.
    pub running_mean: Param<Tensor<1>>,
    /// Running variance of each unit, `[units]`; not trained.
    pub running_variance: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) convention: BatchNormConvention,
}

impl BatchNorm {
    /// For so many units; nothing for [`BatchNormConvention::None`].
    pub fn new(convention: BatchNormConvention, units: usize, device: &Device) -> Option<Self> {
        let zeros = || Tensor::zeros([units], device);
        let ones = || Tensor::ones([units], device);
        if convention == BatchNormConvention::None {
            return None;
        }
        let start = Tensor::full([units], convention.first_variance(), device);
        Some(Self {
            scale: Param::from_tensor(ones()),
            shift: Param::from_tensor(zeros()),
            running_mean: Param::from_tensor(zeros()).set_require_grad(false),
            running_variance: Param::from_tensor(start).set_require_grad(false),
            convention,
        })
    }

    /// Training: normalizes `x`, `[batch, units]`, by its own statistics and takes them into the
    /// running ones.
    ///
    /// # Panics
    ///
    /// With a batch of one image, which has no variance.
    pub fn train(&mut self, x: Tensor<2>) -> Tensor<2> {
        let batch = x.dims()[0];
        check(batch);
        let [normalized, mean, variance] = self.convention.by_batch(x);
        take_in(&mut self.running_mean, mean.squeeze_dim(0));
        take_in(&mut self.running_variance, variance.squeeze_dim(0));
        self.scale_and_shift(normalized)
    }

    /// Takes the mean and the biased variance of a batch, `[units]` each, into the running ones.
    #[cfg(feature = "flex")]
    pub(crate) fn see(&mut self, mean: &[f32], variance: &[f32], batch: usize) {
        let correction = self.convention.correction(batch) as f32;
        take_in_numbers(&mut self.running_mean, mean, 1.0);
        take_in_numbers(&mut self.running_variance, variance, correction);
    }

    /// Evaluation: normalizes `x`, `[batch, units]`, by the running statistics.
    pub fn evaluate(&self, x: Tensor<2>) -> Tensor<2> {
        let mean = self.running_mean.val().unsqueeze();
        let variance = self.running_variance.val().unsqueeze();
        self.scale_and_shift(self.convention.by_running(x, mean, variance))
    }

    fn scale_and_shift(&self, normalized: Tensor<2>) -> Tensor<2> {
        normalized * self.scale.val().unsqueeze() + self.shift.val().unsqueeze()
    }
}

impl BatchNormConvention {
    /// What the running variance is before the first batch.
    pub(crate) fn first_variance(self) -> f64 {
        match self {
            Self::Torch => 1.0,
            Self::Book | Self::None => 0.0,
        }
    }

    pub(crate) fn epsilon(self) -> f64 {
        match self {
            Self::Torch => 1e-5,
            Self::Book | Self::None => 1e-6,
        }
    }

    /// What the biased variance of a batch is multiplied by before it is taken in.
    fn correction(self, batch: usize) -> f64 {
        match self {
            Self::Torch => batch as f64 / (batch as f64 - 1.0),
            Self::Book | Self::None => 1.0,
        }
    }

    /// `[.., batch, units]` normalized by its own statistics; with the mean and the variance that
    /// the running ones take in, `[.., 1, units]`.
    pub(crate) fn by_batch<const D: usize>(self, x: Tensor<D>) -> [Tensor<D>; 3] {
        let batch = x.dims()[D - 2];
        let mean = x.clone().mean_dim(D - 2);
        let centred = x - mean.clone();
        let variance = centred.clone().square().mean_dim(D - 2);
        let seen_variance = variance.clone().mul_scalar(self.correction(batch));
        let normalized = centred / variance.add_scalar(self.epsilon()).sqrt();
        [normalized, mean, seen_variance]
    }

    /// `[.., batch, units]` normalized by running statistics, `[.., 1, units]`.
    pub(crate) fn by_running<const D: usize>(
        self,
        x: Tensor<D>,
        mean: Tensor<D>,
        variance: Tensor<D>,
    ) -> Tensor<D> {
        (x - mean) / variance.add_scalar(self.epsilon()).sqrt()
    }
}

/// Moves a running statistic towards that of a batch.
pub(crate) fn take_in<const D: usize>(running: &mut Param<Tensor<D>>, seen: Tensor<D>) {
    let seen = seen.mul_scalar(1.0 - KEPT);
    // Detached, or the history of all batches would hang on it.
    *running = (running.clone()).map(|kept| (kept.mul_scalar(KEPT) + seen).detach());
}

/// The same for numbers on the host.
#[cfg(feature = "flex")]
fn take_in_numbers(running: &mut Param<Tensor<1>>, seen: &[f32], correction: f32) {
    let (kept_share, seen_share) = (KEPT as f32, (1.0 - KEPT) as f32);
    *running = running.clone().map(|kept| {
        let device = kept.device();
        let kept = kept.into_data();
        let kept = kept.as_slice::<f32>().expect("numbers of this type");
        let numbers: Vec<f32> = (kept.iter().zip(seen))
            .map(|(kept, seen)| kept * kept_share + seen * correction * seen_share)
            .collect();
        Tensor::from_floats(numbers.as_slice(), &device)
    });
}

/// # Panics
///
/// With a batch of one image, which has no variance.
pub(crate) fn check(batch: usize) {
    assert!(
        batch > 1,
        "batch normalization needs at least 2 images, got {batch}"
    );
}
