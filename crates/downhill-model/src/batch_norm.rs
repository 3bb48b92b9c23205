//! Batch normalization.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// The convention of batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167). Both
/// conventions update the running statistics with a decay rate of 0.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BatchNormConvention {
    /// No normalization.
    None,
    /// "Deep Learning from Scratch": epsilon is 1e-6, the running mean and variance start at 0, and
    /// the running variance averages the biased variance of each batch.
    Book,
    /// PyTorch's `BatchNorm1d`: epsilon is 1e-5, the running variance starts at 1 and averages the
    /// unbiased variance of each batch.
    Torch,
}

/// Decay rate of the running statistics; PyTorch calls this momentum 0.1.
const DECAY: f64 = 0.9;

/// Normalizes each unit over the batch, then scales and shifts it.
///
/// ```text
/// training:    y = scale * (x - mean) / sqrt(variance + epsilon) + shift
/// evaluation:  the same with the running mean and variance
/// ```
///
/// In training the variance is the biased one, under both conventions. The running statistics are
/// parameters without gradients, so they are saved with the others, and a network and its clone do
/// not share them. (Burn's `nn::BatchNorm` averages the biased variance, and clones share their
/// statistics.)
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Factor on each normalized unit, `[units]`, initially 1.
    pub scale: Param<Tensor<1>>,
    /// Added to each normalized unit, `[units]`, initially 0.
    pub shift: Param<Tensor<1>>,
    /// Running mean of each unit, `[units]`; not trained.
    pub running_mean: Param<Tensor<1>>,
    /// Running variance of each unit, `[units]`; not trained.
    pub running_variance: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) convention: BatchNormConvention,
}

impl BatchNorm {
    /// Makes the normalization of `units` units. `None` for [`BatchNormConvention::None`].
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

    /// Normalizes `x`, `[batch, units]`, by its own statistics, and updates the running statistics.
    ///
    /// # Panics
    ///
    /// If the batch has only one image, and therefore no variance.
    pub fn train(&mut self, x: Tensor<2>) -> Tensor<2> {
        let batch = x.dims()[0];
        check(batch);
        let [normalized, mean, variance] = self.convention.by_batch(x);
        update_running(&mut self.running_mean, mean.squeeze_dim(0));
        update_running(&mut self.running_variance, variance.squeeze_dim(0));
        self.scale_and_shift(normalized)
    }

    /// Updates the running statistics with the mean and the biased variance of a batch, `[units]`
    /// each.
    #[cfg(feature = "flex")]
    pub(crate) fn update_running(&mut self, mean: &[f32], variance: &[f32], batch: usize) {
        let correction = self.convention.correction(batch) as f32;
        update_running_on_host(&mut self.running_mean, mean, 1.0);
        update_running_on_host(&mut self.running_variance, variance, correction);
    }

    /// Sets the running statistics, mean and variance, `[units]` each, to 0.
    pub(crate) fn clear(&mut self) {
        for running in [&mut self.running_mean, &mut self.running_variance] {
            *running = running.clone().map(|kept| kept.zeros_like());
        }
    }

    /// The mean and the variance of the only batch since they were 0, `[units]` each.
    pub(crate) fn of_one_batch(&self) -> [Tensor<1>; 2] {
        let share = 1.0 / (1.0 - DECAY);
        [&self.running_mean, &self.running_variance].map(|it| it.val().mul_scalar(share))
    }

    pub(crate) fn set(&mut self, [mean, variance]: [Tensor<1>; 2]) {
        self.running_mean = self.running_mean.clone().map(|_| mean);
        self.running_variance = self.running_variance.clone().map(|_| variance);
    }

    /// Normalizes `x`, `[batch, units]`, by the running statistics.
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
    /// Initial running variance.
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

    /// Factor from the biased variance of a batch to the variance that is averaged.
    fn correction(self, batch: usize) -> f64 {
        match self {
            Self::Torch => batch as f64 / (batch as f64 - 1.0),
            Self::Book | Self::None => 1.0,
        }
    }

    /// Normalizes `[.., batch, units]` by its own statistics. Returns the result, and the mean and
    /// variance for the running statistics, `[.., 1, units]`.
    pub(crate) fn by_batch<const D: usize>(self, x: Tensor<D>) -> [Tensor<D>; 3] {
        let batch = x.dims()[D - 2];
        let mean = x.clone().mean_dim(D - 2);
        let centred = x - mean.clone();
        let variance = centred.clone().square().mean_dim(D - 2);
        let running_variance = variance.clone().mul_scalar(self.correction(batch));
        let normalized = centred / variance.add_scalar(self.epsilon()).sqrt();
        [normalized, mean, running_variance]
    }

    /// Normalizes `[.., batch, units]` by running statistics, `[.., 1, units]`.
    pub(crate) fn by_running<const D: usize>(
        self,
        x: Tensor<D>,
        mean: Tensor<D>,
        variance: Tensor<D>,
    ) -> Tensor<D> {
        (x - mean) / variance.add_scalar(self.epsilon()).sqrt()
    }
}

/// Updates a running statistic with that of a batch.
pub(crate) fn update_running<const D: usize>(running: &mut Param<Tensor<D>>, seen: Tensor<D>) {
    let seen = seen.mul_scalar(1.0 - DECAY);
    // Detach it, or it would keep the tape of all batches alive.
    *running = (running.clone()).map(|kept| (kept.mul_scalar(DECAY) + seen).detach());
}

/// Like [`update_running`], for values on the host.
#[cfg(feature = "flex")]
fn update_running_on_host(running: &mut Param<Tensor<1>>, seen: &[f32], correction: f32) {
    let (decay, weight) = (DECAY as f32, (1.0 - DECAY) as f32);
    *running = running.clone().map(|kept| {
        let device = kept.device();
        let kept = kept.into_data();
        let kept = kept.as_slice::<f32>().expect("running statistics are f32");
        let numbers: Vec<f32> = (kept.iter().zip(seen))
            .map(|(kept, seen)| kept * decay + seen * correction * weight)
            .collect();
        Tensor::from_floats(numbers.as_slice(), &device)
    });
}

/// Checks the size of a batch.
///
/// # Panics
///
/// If the batch has only one image, and therefore no variance.
pub(crate) fn check(batch: usize) {
    assert!(
        batch > 1,
        "batch normalization needs a batch of at least 2 images, got {batch}"
    );
}
