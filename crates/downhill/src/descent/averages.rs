//! What is done with the weights after the step.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::{positive, share, share_kept};
use crate::rule::Memory;

/// Something that is kept beside each parameter. State: one tensor per parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightStage {
    /// An exponential moving average.
    Ema(Ema),
    /// The plain mean of the weights from a step on (stochastic weight averaging, Izmailov et al.
    /// 2018, arXiv:1803.05407).
    Swa(Swa),
    /// Slow weights, to which the fast ones return (Zhang et al. 2019, arXiv:1907.08610).
    Lookahead(Lookahead),
}

/// An exponential moving average of the weights.
///
/// ```text
/// a_t = kept * a_{t-1} + (1 - kept) * x_t
/// first:           a_1 = x_1 (Keras, PyTorch's AveragedModel)
/// zero:            a_0 = 0
/// zero-corrected:  a_0 = 0, and the average is a_t / (1 - kept^t) (optax)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ema {
    /// Share of the average that each step keeps, in \[0, 1).
    pub kept: f64,
    /// How it begins.
    #[serde(default)]
    pub start: EmaStart,
    /// Every so many steps the weights themselves become the average; 0 is never (Keras
    /// `ema_overwrite_frequency`).
    #[serde(default)]
    pub overwrite_every: u64,
}

/// How an average begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmaStart {
    /// As the weights after the first step.
    #[default]
    First,
    /// At 0.
    Zero,
    /// At 0, and what is read is corrected for it.
    ZeroCorrected,
}

/// The plain mean of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swa {
    /// The first step after which the weights are taken in, from 1.
    #[serde(default = "one")]
    pub from: u64,
    /// They are taken in every so many steps from there, at least 1.
    #[serde(default = "one")]
    pub every: u64,
}

/// Slow weights.
///
/// ```text
/// every `every` steps:  s <- s + share * (x - s),  x <- s;  s = x before the first step
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookahead {
    /// Fast steps between two slow ones, at least 1.
    pub every: u64,
    /// The share of the way that a slow step goes, in \[0, 1\].
    pub share: f64,
}

fn one() -> u64 {
    1
}

/// The name of the tensor that each stage keeps.
pub(crate) const KEPT: &str = "kept";
/// The number of times that weights were taken in.
pub(crate) const TAKEN: &str = "taken";

impl WeightStage {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ema(_) => "ema",
            Self::Swa(_) => "swa",
            Self::Lookahead(_) => "lookahead",
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidHyperparameter> {
        match self {
            Self::Ema(ema) => share_kept("ema.kept", ema.kept),
            Self::Swa(swa) => {
                positive("swa.from", swa.from as f64)?;
                positive("swa.every", swa.every as f64)
            }
            Self::Lookahead(lookahead) => {
                positive("lookahead.every", lookahead.every as f64)?;
                share("lookahead.share", lookahead.share)
            }
        }
    }

    /// Whether it needs what a parameter was before a step.
    pub(crate) fn looks_back(&self) -> bool {
        matches!(self, Self::Lookahead(_))
    }

    /// After step `memory.time` brought a parameter to `x`, from `before` if this
    /// [looks back](Self::looks_back): where it goes on from.
    pub(crate) fn after(
        &self,
        before: Option<&Tensor<1>>,
        x: Tensor<1>,
        memory: &mut Memory,
    ) -> Tensor<1> {
        let time = memory.time;
        match self {
            Self::Ema(ema) => {
                let average = match (memory.take(KEPT), ema.start) {
                    (Some(a), _) => a.mul_scalar(ema.kept) + x.clone().mul_scalar(1.0 - ema.kept),
                    (None, EmaStart::First) => x.clone(),
                    (None, EmaStart::Zero | EmaStart::ZeroCorrected) => {
                        x.clone().mul_scalar(1.0 - ema.kept)
                    }
                };
                memory.put(KEPT, average);
                if ema.overwrite_every > 0 && time.is_multiple_of(ema.overwrite_every) {
                    return self.read(memory).unwrap_or(x);
                }
                x
            }
            Self::Swa(swa) => {
                if time >= swa.from && (time - swa.from).is_multiple_of(swa.every) {
                    let taken = memory.number(TAKEN).unwrap_or(0.0) + 1.0;
                    let mean = match memory.take(KEPT) {
                        Some(mean) => mean.clone() + (x.clone() - mean).mul_scalar(1.0 / taken),
                        None => x.clone(),
                    };
                    memory.put(KEPT, mean);
                    memory.put_number(TAKEN, taken);
                }
                x
            }
            Self::Lookahead(lookahead) => {
                let start = || before.cloned().expect("it looks back");
                let slow = memory.take(KEPT).unwrap_or_else(start);
                if !time.is_multiple_of(lookahead.every) {
                    memory.put(KEPT, slow);
                    return x;
                }
                let slow = slow.clone() + (x - slow).mul_scalar(lookahead.share);
                memory.put(KEPT, slow.clone());
                slow
            }
        }
    }

    /// What is kept, as it is to be used; nothing before there is anything.
    pub(crate) fn read(&self, memory: &Memory) -> Option<Tensor<1>> {
        let kept = memory.tensor(KEPT)?.clone();
        Some(match self {
            Self::Ema(ema) if ema.start == EmaStart::ZeroCorrected => {
                let taken = crate::rule::bias_correction(ema.kept, memory.time);
                kept.mul_scalar(1.0 / taken)
            }
            _ => kept,
        })
    }
}
