//! What is done with the weights after a step.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::error::{InvalidDescent, at_least_one};
use super::kept::KEPT;
use super::mechanic::{self, Mechanic};
use super::renamed;
use super::schedule_free_average::{self, ScheduleFreeAverage};
use crate::hyperparameter::{decay_rate, fraction};
use crate::rule::Memory;

/// What is done with the weights after a step: an average, slow weights, or another step in place
/// of the optimizer's. State: one tensor per parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightStage {
    /// An exponential moving average.
    Ema(Ema),
    /// The mean of the weights from a step on (stochastic weight averaging, Izmailov et al. 2018,
    /// arXiv:1803.05407).
    Swa(Swa),
    /// Slow weights, to which the fast ones return (Zhang et al. 2019, arXiv:1907.08610).
    Lookahead(Lookahead),
    /// Schedule-free learning around any optimizer (Defazio et al. 2024, arXiv:2405.15682).
    ScheduleFree(ScheduleFreeAverage),
    /// An estimated scale of the steps (Cutkosky et al. 2023, arXiv:2306.00144).
    Mechanic(Mechanic),
}

impl From<Ema> for WeightStage {
    fn from(ema: Ema) -> Self {
        Self::Ema(ema)
    }
}

impl From<Swa> for WeightStage {
    fn from(swa: Swa) -> Self {
        Self::Swa(swa)
    }
}

impl From<Lookahead> for WeightStage {
    fn from(lookahead: Lookahead) -> Self {
        Self::Lookahead(lookahead)
    }
}

impl From<ScheduleFreeAverage> for WeightStage {
    fn from(average: ScheduleFreeAverage) -> Self {
        Self::ScheduleFree(average)
    }
}

impl From<Mechanic> for WeightStage {
    fn from(mechanic: Mechanic) -> Self {
        Self::Mechanic(mechanic)
    }
}

/// An exponential moving average of the weights.
///
/// ```text
/// a_t = decay * a_{t-1} + (1 - decay) * x_t
/// first:           a_1 = x_1 (Keras, PyTorch's AveragedModel)
/// zero:            a_0 = 0
/// zero-corrected:  a_0 = 0, and the average is a_t / (1 - decay^t) (optax)
/// ```
///
/// It takes in one value per step. Keras's `use_ema` takes in one per call, also of calls that only
/// accumulate gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "WrittenEma")]
#[non_exhaustive]
pub struct Ema {
    /// Decay rate of the average, in \[0, 1).
    pub decay: f64,
    /// Initial value of the average.
    pub start: EmaStart,
    /// Number of steps between replacements of the weights by the average; 0 for never (Keras
    /// `ema_overwrite_frequency`).
    pub overwrite_every: u64,
}

impl Ema {
    /// An average with this decay rate that starts from the weights after the first step.
    pub fn new(decay: f64) -> Self {
        Self {
            decay,
            start: EmaStart::First,
            overwrite_every: 0,
        }
    }

    /// Sets the initial value.
    pub fn with_start(mut self, start: EmaStart) -> Self {
        self.start = start;
        self
    }

    /// Sets the number of steps between replacements of the weights by the average.
    pub fn with_overwrite_every(mut self, steps: u64) -> Self {
        self.overwrite_every = steps;
        self
    }
}

/// An [`Ema`] in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WrittenEma {
    decay: f64,
    #[serde(default)]
    start: EmaStart,
    #[serde(default)]
    overwrite_every: u64,
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "kept", deserialize_with = "renamed::kept")]
    _kept: (),
}

impl From<WrittenEma> for Ema {
    fn from(written: WrittenEma) -> Self {
        Self {
            decay: written.decay,
            start: written.start,
            overwrite_every: written.overwrite_every,
        }
    }
}

/// The initial value of an average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EmaStart {
    /// The weights after the first step.
    #[default]
    First,
    /// 0.
    Zero,
    /// 0, with a correction when the average is read.
    ZeroCorrected,
}

/// The mean of the weights from a step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Swa {
    /// First step whose weights are in the mean, counted from 1.
    pub from: u64,
    /// Number of steps between weights in the mean, at least 1.
    pub every: u64,
}

impl Default for Swa {
    /// The weights after every step.
    fn default() -> Self {
        Self { from: 1, every: 1 }
    }
}

impl Swa {
    /// The mean of the weights after every step.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the first step whose weights are in the mean, counted from 1.
    pub fn with_from(mut self, step: u64) -> Self {
        self.from = step;
        self
    }

    /// Sets the number of steps between weights in the mean.
    pub fn with_every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }
}

/// Slow weights.
///
/// ```text
/// every `period` steps:  s <- s + alpha * (x - s),  x <- s;  s = x before the first step
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "WrittenLookahead")]
#[non_exhaustive]
pub struct Lookahead {
    /// Number of fast steps per slow step, at least 1.
    pub period: u64,
    /// Size of a slow step relative to the distance that the fast ones covered, in \[0, 1\].
    pub alpha: f64,
}

impl Lookahead {
    /// A slow step of this relative size after each `period` fast ones.
    pub fn new(period: u64, alpha: f64) -> Self {
        Self { period, alpha }
    }
}

/// A [`Lookahead`] in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WrittenLookahead {
    period: u64,
    alpha: f64,
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "every", deserialize_with = "renamed::every")]
    _every: (),
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(default, rename = "share", deserialize_with = "renamed::share")]
    _share: (),
}

impl From<WrittenLookahead> for Lookahead {
    fn from(written: WrittenLookahead) -> Self {
        Self::new(written.period, written.alpha)
    }
}

/// The number of weights in a mean.
const TAKEN: &str = "taken";

/// Returns the names of these stages.
pub(super) fn names<'a>(stages: impl Iterator<Item = &'a WeightStage>) -> String {
    stages.map(WeightStage::name).collect::<Vec<_>>().join(", ")
}

/// A step of a parameter, as far as a stage looks at it.
pub(crate) struct Made<'a> {
    /// The parameter before the step; `Some` if a stage [looks back](WeightStage::looks_back).
    pub(crate) before: Option<&'a Tensor<1>>,
    /// The learning rate.
    pub(crate) rate: f64,
}

impl Made<'_> {
    fn start(&self) -> Tensor<1> {
        self.before.cloned().expect("it looks back")
    }
}

impl WeightStage {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ema(_) => "ema",
            Self::Swa(_) => "swa",
            Self::Lookahead(_) => "lookahead",
            Self::ScheduleFree(_) => "schedule-free",
            Self::Mechanic(_) => "mechanic",
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidDescent> {
        match self {
            Self::Ema(ema) => decay_rate("ema.decay", ema.decay)?,
            Self::Swa(swa) => {
                at_least_one("swa.from", swa.from)?;
                at_least_one("swa.every", swa.every)?;
            }
            Self::Lookahead(lookahead) => {
                at_least_one("lookahead.period", lookahead.period)?;
                fraction("lookahead.alpha", lookahead.alpha)?;
            }
            Self::ScheduleFree(average) => average.check()?,
            Self::Mechanic(mechanic) => mechanic.check()?,
        }
        Ok(())
    }

    /// Whether it has weights to evaluate the network at, other than the trained ones.
    pub fn is_average(&self) -> bool {
        !matches!(self, Self::Mechanic(_))
    }

    /// Whether a config may have several of them.
    pub(crate) fn may_repeat(&self) -> bool {
        !matches!(self, Self::ScheduleFree(_) | Self::Mechanic(_))
    }

    /// Whether it needs the parameter from before the step.
    pub(crate) fn looks_back(&self) -> bool {
        match self {
            Self::Ema(_) | Self::Swa(_) => false,
            Self::Lookahead(_) | Self::ScheduleFree(_) | Self::Mechanic(_) => true,
        }
    }

    /// The numbers in its memory.
    pub(crate) fn numbers(&self) -> Vec<&'static str> {
        match self {
            Self::Ema(_) | Self::Lookahead(_) => Vec::new(),
            Self::Swa(_) => vec![TAKEN],
            Self::ScheduleFree(_) => schedule_free_average::NUMBERS.to_vec(),
            Self::Mechanic(_) => mechanic::numbers().collect(),
        }
    }

    /// Returns the parameter after step `memory.time`, which brought it to `x`.
    pub(crate) fn after(&self, made: &Made<'_>, x: Tensor<1>, memory: &mut Memory) -> Tensor<1> {
        let time = memory.time;
        match self {
            Self::Ema(ema) => {
                let average = match (memory.take(KEPT), ema.start) {
                    (Some(a), _) => a.mul_scalar(ema.decay) + x.clone().mul_scalar(1.0 - ema.decay),
                    (None, EmaStart::First) => x.clone(),
                    (None, EmaStart::Zero | EmaStart::ZeroCorrected) => {
                        x.clone().mul_scalar(1.0 - ema.decay)
                    }
                };
                memory.put(KEPT, average);
                if ema.overwrite_every > 0 && time.is_multiple_of(ema.overwrite_every) {
                    return self.read(&x, memory).unwrap_or(x);
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
                let slow = memory.take(KEPT).unwrap_or_else(|| made.start());
                if !time.is_multiple_of(lookahead.period) {
                    memory.put(KEPT, slow);
                    return x;
                }
                let slow = slow.clone() + (x - slow).mul_scalar(lookahead.alpha);
                memory.put(KEPT, slow.clone());
                slow
            }
            Self::ScheduleFree(average) => average.after(made.start(), x, made.rate, memory),
            Self::Mechanic(mechanic) => mechanic.after(made.start(), x, memory),
        }
    }

    /// Returns the average or the slow weights of a parameter that is at `x`; `None` before the
    /// first, and if it has none.
    pub(crate) fn read(&self, x: &Tensor<1>, memory: &Memory) -> Option<Tensor<1>> {
        let kept = memory.tensor(KEPT)?.clone();
        match self {
            Self::Ema(ema) if ema.start == EmaStart::ZeroCorrected => {
                let taken = crate::rule::bias_correction(ema.decay, memory.time);
                Some(kept.mul_scalar(1.0 / taken))
            }
            Self::Ema(_) | Self::Swa(_) | Self::Lookahead(_) => Some(kept),
            Self::ScheduleFree(average) => Some(average.average(x.clone(), kept, memory)),
            Self::Mechanic(_) => None,
        }
    }
}
