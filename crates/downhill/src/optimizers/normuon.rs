//! NorMuon.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::adam::AdamConfig;
use super::muon::{MuonConfig, MuonEpsilon, MuonMomentum, Others, direction, orthogonal};
use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, positive};
use crate::rule::{Layout, Memory, Parameter, Rule, norm};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// NorMuon: Muon with steps of equal size for all outputs of a matrix.
///
/// ```text
/// m_t = momentum * m_{t-1} + (1 - momentum) * g_t,  m_0 = 0
/// d_t = m_t, nesterov: momentum * m_t + (1 - momentum) * g_t
/// X = d_t made nearly orthogonal, as in Muon: divided by max(|d_t|, 1e-7), then `ns_steps` times
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * mean over the inputs of X^2,  v_0 = 0
/// Y = X / (sqrt(v_t) + epsilon), a divisor for each output
/// x_t = x_{t-1} - learning_rate * scale * Y / (|Y| + epsilon)
///
/// aspect:        scale = |X| * sqrt(max(1, outputs / inputs))
/// rms(r):        scale = |X| * r * sqrt(max(inputs, outputs))
/// exact-rms(r):  scale = r * sqrt(inputs * outputs)
/// ```
///
/// For parameters of rank 2. All others are stepped by [Adam](crate::Adam) with the settings
/// `others`. State: one tensor per matrix and a number per output, two tensors per other
/// parameter. Source: Li et al. 2025 (arXiv:2510.05491), as in pytorch_optimizer, which takes the
/// iteration in bfloat16.
#[derive(Clone, Debug)]
pub struct NorMuon {
    config: NorMuonConfig,
}

/// The axis of a matrix that indexes its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OutputAxis {
    /// The last, as in Burn's `Linear`.
    Last,
    /// The first, as in PyTorch.
    First,
}

impl Setting for OutputAxis {}

impl OutputAxis {
    /// Returns the number of inputs and of outputs of a matrix.
    pub(super) fn split(self, [rows, columns]: [usize; 2]) -> [f64; 2] {
        match self {
            Self::Last => [rows as f64, columns as f64],
            Self::First => [columns as f64, rows as f64],
        }
    }
}

/// The size of a step, by the shape of its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepScale {
    /// That of the orthogonal matrix, times `sqrt(max(1, outputs / inputs))`.
    Aspect,
    /// That of the orthogonal matrix, times this number and `sqrt(max(inputs, outputs))`; positive.
    /// With 0.2, steps are about as large as Adam's.
    Rms(f64),
    /// A root mean square of this number, times the learning rate; positive.
    ExactRms(f64),
}

impl Setting for StepScale {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        match self {
            Self::Aspect => Ok(()),
            Self::Rms(size) => positive("scale.rms", *size),
            Self::ExactRms(size) => positive("scale.exact-rms", *size),
        }
    }
}

impl StepScale {
    /// Returns the factor on a step of norm 1, where the orthogonal matrix has this norm.
    pub(super) fn factor(self, norm: Tensor<2>, [inputs, outputs]: [f64; 2]) -> Tensor<2> {
        match self {
            Self::Aspect => norm.mul_scalar(libm::sqrt(f64::max(1.0, outputs / inputs))),
            Self::Rms(size) => norm.mul_scalar(size * libm::sqrt(f64::max(inputs, outputs))),
            Self::ExactRms(size) => norm.full_like(size * libm::sqrt(inputs * outputs)),
        }
    }
}

settings! {
    /// The settings of [`NorMuon`].
    pub struct NorMuonConfig for NorMuon, "normuon" {
        /// Learning rate: step in units of an orthogonal matrix of the parameter's shape; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the momentum buffer, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Decay rate of the mean square of each output, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Number of Newton-Schulz iterations; at least 1.
        pub ns_steps: u64 => count,
        /// Coefficients `[a, b, c]` of the iterations: of the first, the second and so on; those of
        /// the last are also those of all after it.
        pub ns_coefficients: Vec<[f64; 3]>,
        /// Added to the divisors; non-negative.
        pub epsilon: f64 => not_negative,
        /// The axis of a matrix that indexes its outputs.
        pub outputs: OutputAxis,
        /// The size of a step, by the shape of its matrix.
        pub scale: StepScale,
        /// Weight decay of matrices.
        pub weight_decay: WeightDecay,
        /// Adam's settings for parameters whose rank is not 2. Their learning rate is relative to
        /// that of matrices, see [`MuonConfig::others`](crate::MuonConfig::others).
        pub others: AdamConfig,
    }
    presets: pytorch_optimizer
    source: "Li et al. 2025, arXiv:2510.05491"
}

impl NorMuonConfig {
    /// pytorch_optimizer's defaults: learning rate 0.02, momentum 0.95, Nesterov, beta_2 0.95, five
    /// iterations, epsilon 1e-10, scale `aspect`; AdamW at 3e-4 with betas 0.9 and 0.95 for the
    /// others.
    pub fn pytorch_optimizer() -> Self {
        Self {
            learning_rate: 0.02,
            momentum: 0.95,
            momentum_kind: MomentumKind::Nesterov,
            beta_2: 0.95,
            ns_steps: 5,
            ns_coefficients: vec![MuonConfig::QUINTIC],
            epsilon: 1e-10,
            outputs: OutputAxis::Last,
            scale: StepScale::Aspect,
            weight_decay: WeightDecay::None,
            others: AdamConfig {
                learning_rate: 3e-4,
                beta_2: 0.95,
                epsilon: 1e-10,
                ..AdamConfig::torch()
            },
        }
    }
}

optimizer!(NorMuon);

impl Layout for NorMuon {
    const TENSORS: &'static [&'static str] = &[
        "momentum",
        "mean_square",
        "first_moment",
        "second_moment",
        "largest",
    ];
}

/// Muon's settings with a mean of the gradients, divided by at least 1e-7.
pub(super) fn muon_with_mean(
    momentum: f64,
    momentum_kind: MomentumKind,
    ns_steps: u64,
    ns_coefficients: &[[f64; 3]],
) -> MuonConfig {
    MuonConfig {
        momentum,
        momentum_form: MuonMomentum::Mean,
        momentum_kind,
        ns_steps,
        ns_coefficients: ns_coefficients.to_vec(),
        epsilon: 1e-7,
        epsilon_form: MuonEpsilon::Floor,
        ..MuonConfig::torch()
    }
}

/// Returns the norm of a matrix, `[1, 1]`.
pub(super) fn norm_of(x: &Tensor<2>) -> Tensor<2> {
    norm(x.clone().reshape([x.shape().num_elements()])).unsqueeze()
}

impl NorMuon {
    fn others(&self) -> Others<'_> {
        Others {
            config: &self.config.others,
            ratio: self.config.others.learning_rate / self.config.learning_rate,
        }
    }
}

impl Rule for NorMuon {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[rows, columns] = parameter.shape else {
            return self.others().step(learning_rate, parameter, memory);
        };
        let x = parameter.value;
        let g = config.weight_decay.into_gradient(&x, parameter.gradient);
        let (kind, coefficients) = (config.momentum_kind, &config.ns_coefficients);
        let muon = muon_with_mean(config.momentum, kind, config.ns_steps, coefficients);
        let d = direction(g, &mut memory, &muon).reshape([rows, columns]);
        let step = orthogonal(d, &muon);

        let axis = match config.outputs {
            OutputAxis::Last => 0,
            OutputAxis::First => 1,
        };
        let square = step.clone().square().mean_dim(axis);
        let (shape, outputs) = (square.dims(), square.shape().num_elements());
        let v = memory.mix("mean_square", config.beta_2, square.reshape([outputs]));
        let even = step.clone() / v.sqrt().add_scalar(config.epsilon).reshape(shape);
        let sides = config.outputs.split([rows, columns]);
        let factor = config.scale.factor(norm_of(&step), sides);
        let step = even.clone() * (factor / norm_of(&even).add_scalar(config.epsilon));

        let step = step.reshape([rows * columns]).mul_scalar(learning_rate);
        let x = (config.weight_decay).around_step(learning_rate, x, step);
        (x, memory)
    }

    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        match shape {
            [_, _] => (self.config.weight_decay, learning_rate),
            _ => self.others().weight_decay(learning_rate),
        }
    }
}
