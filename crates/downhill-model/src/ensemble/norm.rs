//! Batch normalization of an ensemble.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::stacked::{stacked, unstacked};
use crate::batch_norm::{check, update_running};
use crate::{BatchNorm, BatchNormConvention};

/// [`BatchNorm`] of every member, each with its own statistics.
#[derive(Module, Debug)]
pub struct EnsembleNorm {
    /// Factor on each normalized unit, `[members, units]`.
    pub scale: Param<Tensor<2>>,
    /// Added to each normalized unit, `[members, units]`.
    pub shift: Param<Tensor<2>>,
    /// Running mean of each unit, `[members, units]`; not trained.
    pub running_mean: Param<Tensor<2>>,
    /// Running variance of each unit, `[members, units]`; not trained.
    pub running_variance: Param<Tensor<2>>,
    #[module(skip)]
    convention: BatchNormConvention,
}

impl EnsembleNorm {
    /// Stacks normalizations of the same convention. `None` if the members have none.
    pub(super) fn of<'a>(norms: impl Iterator<Item = Option<&'a BatchNorm>>) -> Option<Self> {
        let norms: Vec<&BatchNorm> = norms.collect::<Option<_>>()?;
        let all = |which: fn(&BatchNorm) -> &Param<Tensor<1>>| {
            stacked(norms.iter().map(|norm| which(norm)))
        };
        Some(Self {
            scale: all(|norm| &norm.scale),
            shift: all(|norm| &norm.shift),
            running_mean: all(|norm| &norm.running_mean),
            running_variance: all(|norm| &norm.running_variance),
            convention: norms.first()?.convention,
        })
    }

    pub(super) fn member(&self, member: usize) -> BatchNorm {
        BatchNorm {
            scale: unstacked(&self.scale, member),
            shift: unstacked(&self.shift, member),
            running_mean: unstacked(&self.running_mean, member),
            running_variance: unstacked(&self.running_variance, member),
            convention: self.convention,
        }
    }

    /// Normalizes `x`, `[members, batch, units]`, by the statistics of each member's batch, and
    /// updates the running statistics.
    pub(super) fn train(&mut self, x: Tensor<3>) -> Tensor<3> {
        check(x.dims()[1]);
        let [normalized, mean, variance] = self.convention.by_batch(x);
        update_running(&mut self.running_mean, mean.squeeze_dim(1));
        update_running(&mut self.running_variance, variance.squeeze_dim(1));
        self.scale_and_shift(normalized)
    }

    /// Normalizes `x`, `[members, batch, units]`, by each member's running statistics.
    pub(super) fn evaluate(&self, x: Tensor<3>) -> Tensor<3> {
        let mean = self.running_mean.val().unsqueeze_dim(1);
        let variance = self.running_variance.val().unsqueeze_dim(1);
        self.scale_and_shift(self.convention.by_running(x, mean, variance))
    }

    fn scale_and_shift(&self, normalized: Tensor<3>) -> Tensor<3> {
        let scale = self.scale.val().unsqueeze_dim(1);
        let shift = self.shift.val().unsqueeze_dim(1);
        normalized * scale + shift
    }
}
