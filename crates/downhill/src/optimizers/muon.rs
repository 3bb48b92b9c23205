//! Muon.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::adam::{Adam, AdamConfig};
use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, ensure, finite, positive};
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction, norm, unit_of};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Muon: momentum for matrices, with each step made nearly orthogonal by Newton-Schulz iterations.
///
/// ```text
/// mean:  m_t = momentum * m_{t-1} + (1 - momentum) * g_t,  m_0 = 0
///        d_t = m_t, nesterov: momentum * m_t + (1 - momentum) * g_t
///        corrected: m_t / (1 - momentum^t), nesterov: m_t / (1 - momentum^(t+1)) and
///        g_t / (1 - momentum^t), in their place
/// sum:   m_t = momentum * m_{t-1} + g_t,  m_0 = 0
///        d_t = m_t, nesterov: momentum * m_t + g_t
///
/// X is d_t or its transpose, whichever has no more rows than columns, and divided by
/// frobenius:  |X|
/// spectral:   the largest singular value of X
/// schatten:   sqrt(|X X'|)
/// aol:        each row by the root of the sum of absolute values in its row of X X'
/// epsilon:    added to the divisor, floor: its minimum; of schatten and aol before the root
/// then `ns_steps` times, with the coefficients (a, b, c) of the step, or the last there are:
/// A = X X',  X = a * X + (b * A + c * A A) X
/// adaptive:   X = X * the sum over all elements of d_t * X
///
/// x_t = x_{t-1} - learning_rate * scale * X
/// aspect:                scale = sqrt(max(1, outputs / inputs))
/// aspect-unclamped:      scale = sqrt(outputs / inputs)
/// rms(r):                scale = r * sqrt(max(inputs, outputs))
/// -outputs-first:        the same for parameters [outputs, inputs]
/// ```
///
/// For parameters of rank 2, `[inputs, outputs]` as in Burn's `Linear`. Burn's own Muon takes the
/// first axis for the outputs, as in PyTorch, and so scales by the inverse ratio. All other
/// parameters are stepped by [`Adam`] with the settings `others`. State: one tensor per matrix, two
/// or three per other parameter. Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers
/// in neural networks", whose momentum is a mean; in Keras it is a sum, and optax corrects the
/// mean. `rms` is from Liu et al. 2025 (arXiv:2502.16982), `aol` and `schatten` as in optax.
#[derive(Clone, Debug)]
pub struct Muon {
    config: MuonConfig,
}

/// What Muon's momentum buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MuonMomentum {
    /// A running mean of the gradients.
    Mean,
    /// A running mean, corrected for its start at 0 (optax).
    CorrectedMean,
    /// A decaying sum of the gradients (Keras).
    Sum,
}

/// The factor on a step, by the shape of its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MuonScale {
    /// 1.
    None,
    /// `sqrt(max(1, outputs / inputs))` of parameters `[inputs, outputs]`, as in optax.
    Aspect,
    /// The same of parameters `[outputs, inputs]`, as in PyTorch and Burn.
    AspectOutputsFirst,
    /// `sqrt(outputs / inputs)` of parameters `[inputs, outputs]`.
    AspectUnclamped,
    /// The same of parameters `[outputs, inputs]`, as in PyTorch.
    AspectUnclampedOutputsFirst,
    /// This number times `sqrt(max(inputs, outputs))`; positive. With 0.2, steps are about as large
    /// as Adam's.
    Rms(f64),
}

/// How epsilon keeps the norm of the matrix away from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MuonEpsilon {
    /// Added to the norm (Keras, optax).
    Added,
    /// Minimum of the norm (PyTorch).
    Floor,
}

/// What a matrix is divided by before the iterations, so that its singular values are at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MuonPreconditioning {
    /// Its norm.
    Frobenius,
    /// Its largest singular value, by 48 more products of matrices.
    Spectral,
    /// The root of the sum of absolute values in each row of the matrix times its transpose: a
    /// divisor for each row.
    Aol,
    /// The root of the norm of the matrix times its transpose.
    Schatten,
}

impl Setting for MuonEpsilon {}
impl Setting for MuonMomentum {}
impl Setting for MuonPreconditioning {}

/// The coefficients of each iteration.
impl Setting for Vec<[f64; 3]> {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        let name = "ns_coefficients";
        for number in self.iter().flatten() {
            finite(name, *number)?;
        }
        let requirement = "have three numbers for at least one iteration";
        ensure(!self.is_empty(), name, requirement, 0.0)
    }
}

impl Setting for MuonScale {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        match self {
            Self::Rms(size) => positive("scale.rms", *size),
            Self::None
            | Self::Aspect
            | Self::AspectOutputsFirst
            | Self::AspectUnclamped
            | Self::AspectUnclampedOutputsFirst => Ok(()),
        }
    }
}

/// As the settings of other parameters.
impl Setting for AdamConfig {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        self.build().map(drop)
    }

    /// Rate and decay keep their ratio to those of matrices. If the decay of matrices is set to 0,
    /// this decay becomes 0, too.
    fn follow(&mut self, name: &str, old: f64, new: f64) {
        let scaled = |value: f64| match old == 0.0 {
            true => value,
            false => value * (new / old),
        };
        match name {
            "learning_rate" => self.learning_rate = scaled(self.learning_rate),
            "weight_decay" => {
                let lambda = match new == 0.0 {
                    true => 0.0,
                    false => scaled(self.weight_decay.lambda()),
                };
                self.weight_decay = self.weight_decay.with_lambda(lambda);
            }
            _ => {}
        }
    }
}

settings! {
    /// The settings of [`Muon`].
    pub struct MuonConfig for Muon, "muon" {
        /// Learning rate: step in units of an orthogonal matrix of the parameter's shape; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the momentum buffer, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// What the momentum buffer holds.
        pub momentum_form: MuonMomentum,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Number of Newton-Schulz iterations; at least 1.
        pub ns_steps: u64 => count,
        /// Coefficients `[a, b, c]` of the iterations: of the first, the second and so on; those of
        /// the last are also those of all after it.
        pub ns_coefficients: Vec<[f64; 3]>,
        /// What a matrix is divided by before the iterations.
        pub preconditioning: MuonPreconditioning,
        /// Whether a step is multiplied by its product with the momentum, the dual norm of the
        /// momentum where the step is orthogonal.
        pub adaptive: bool,
        /// Keeps the norm of the matrix away from 0; non-negative. If the norm is not much larger,
        /// the steps are not orthogonal and become smaller with it, as in the libraries.
        pub epsilon: f64 => not_negative,
        /// How epsilon does this.
        pub epsilon_form: MuonEpsilon,
        /// Factor on a step, by the shape of the matrix.
        pub scale: MuonScale,
        /// Weight decay of matrices.
        pub weight_decay: WeightDecay,
        /// Adam's settings for parameters whose rank is not 2. Their learning rate is relative to
        /// Muon's: both are scaled alike in each step, and
        /// [`OptimizerConfig::set`](crate::OptimizerConfig::set) keeps the ratios of rate and
        /// weight decay. In a file, settings that are absent here come from Adam's preset, not from
        /// Muon's.
        pub others: AdamConfig,
    }
    presets: optax, keras, torch, burn
    source: r#"Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks""#
    renamed: iterations => ns_steps
}

impl MuonConfig {
    /// The coefficients of the original.
    pub(super) const QUINTIC: [f64; 3] = [3.4445, -4.775, 2.0315];

    /// Coefficients that optax calls `dion`, for five iterations.
    pub(crate) const DION: [[f64; 3]; 5] = [
        [4.0848, -6.8946, 2.9270],
        [3.9505, -6.3029, 2.6377],
        [3.7418, -5.5913, 2.3037],
        [2.8769, -3.1427, 1.2046],
        [2.8366, -3.0525, 1.2012],
    ];

    /// optax's defaults: momentum 0.95, a corrected mean, Nesterov, five iterations, epsilon 1e-8,
    /// scale `aspect`; Adam with Nesterov momentum for the others. optax has no default learning
    /// rate; this uses 0.02.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.02,
            momentum: 0.95,
            momentum_form: MuonMomentum::CorrectedMean,
            momentum_kind: MomentumKind::Nesterov,
            ns_steps: 5,
            ns_coefficients: vec![Self::QUINTIC],
            preconditioning: MuonPreconditioning::Frobenius,
            adaptive: false,
            epsilon: 1e-8,
            epsilon_form: MuonEpsilon::Added,
            scale: MuonScale::Aspect,
            weight_decay: WeightDecay::None,
            others: AdamConfig {
                learning_rate: 0.02,
                momentum_kind: MomentumKind::Nesterov,
                ..AdamConfig::optax()
            },
        }
    }

    /// Keras's defaults: learning rate 0.001, momentum 0.95, a sum, Nesterov, five iterations,
    /// epsilon 1e-7, scale `rms(0.2)`, decoupled weight decay 0.004 for matrices and others.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            momentum_form: MuonMomentum::Sum,
            epsilon: 1e-7,
            scale: MuonScale::Rms(0.2),
            weight_decay: WeightDecay::Decoupled(0.004),
            others: AdamConfig {
                weight_decay: WeightDecay::Decoupled(0.004),
                ..AdamConfig::keras()
            },
            ..Self::optax()
        }
    }

    /// PyTorch's defaults: learning rate 0.001, momentum 0.95, a mean, Nesterov, five iterations
    /// (in bfloat16 there, in the parameter's type here), a floor of 1e-7, decoupled weight decay
    /// 0.1. PyTorch refuses parameters that are not matrices; this steps them by AdamW.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.001,
            momentum_form: MuonMomentum::Mean,
            epsilon: 1e-7,
            epsilon_form: MuonEpsilon::Floor,
            weight_decay: WeightDecay::Decoupled(0.1),
            others: AdamConfig {
                weight_decay: WeightDecay::Decoupled(0.01),
                ..AdamConfig::torch()
            },
            ..Self::optax()
        }
    }

    /// Burn's defaults: momentum 0.95, a sum, Nesterov, five iterations, a floor of 1e-7, numbers
    /// rounded to `f32`, the first axis taken for the outputs. Burn has no default learning rate;
    /// this uses 0.02. Burn refuses parameters that are not matrices; this steps them by Adam.
    pub fn burn() -> Self {
        Self {
            momentum: f64::from(0.95_f32),
            momentum_form: MuonMomentum::Sum,
            ns_coefficients: vec![Self::QUINTIC.map(|number| f64::from(number as f32))],
            epsilon: f64::from(1e-7_f32),
            epsilon_form: MuonEpsilon::Floor,
            scale: MuonScale::AspectOutputsFirst,
            others: AdamConfig {
                learning_rate: 0.02,
                ..AdamConfig::burn()
            },
            ..Self::optax()
        }
    }

    /// Returns the factor on a step for a matrix of this shape.
    pub(super) fn scale_of(&self, [inputs, outputs]: [usize; 2]) -> f64 {
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        match self.scale {
            MuonScale::None => 1.0,
            MuonScale::Aspect => libm::sqrt(f64::max(1.0, outputs / inputs)),
            MuonScale::AspectOutputsFirst => libm::sqrt(f64::max(1.0, inputs / outputs)),
            MuonScale::AspectUnclamped => libm::sqrt(outputs / inputs),
            MuonScale::AspectUnclampedOutputsFirst => libm::sqrt(inputs / outputs),
            MuonScale::Rms(size) => size * libm::sqrt(f64::max(inputs, outputs)),
        }
    }
}

/// How parameters that are not matrices are stepped.
pub(super) struct Others<'a> {
    pub(super) config: &'a AdamConfig,
    /// Their learning rate relative to that of matrices.
    pub(super) ratio: f64,
}

impl Others<'_> {
    pub(super) fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
    ) -> (Tensor<1>, Memory) {
        let adam = Adam {
            config: self.config.clone(),
        };
        Rule::step(&adam, self.ratio * learning_rate, parameter, memory, &[])
    }

    /// Returns the decay, and the rate that it is scaled by.
    pub(super) fn weight_decay(&self, learning_rate: f64) -> (WeightDecay, f64) {
        (self.config.weight_decay, self.ratio * learning_rate)
    }
}

/// Returns the momentum that a step is made of, and remembers the buffer.
pub(super) fn direction(g: Tensor<1>, memory: &mut Memory, config: &MuonConfig) -> Tensor<1> {
    let share = match config.momentum_form {
        MuonMomentum::Mean | MuonMomentum::CorrectedMean => 1.0 - config.momentum,
        MuonMomentum::Sum => 1.0,
    };
    let now = g.mul_scalar(share);
    let m = memory.accumulate("momentum", config.momentum, now.clone());
    let correction = |time| match config.momentum_form {
        MuonMomentum::CorrectedMean => 1.0 / bias_correction(config.momentum, time),
        MuonMomentum::Mean | MuonMomentum::Sum => 1.0,
    };
    match config.momentum_kind {
        MomentumKind::HeavyBall => m.mul_scalar(correction(memory.time)),
        MomentumKind::Nesterov => {
            let ahead = config.momentum * correction(memory.time + 1);
            m.mul_scalar(ahead) + now.mul_scalar(correction(memory.time))
        }
    }
}

/// Returns approximately the nearest orthogonal matrix.
pub(super) fn orthogonal(x: Tensor<2>, config: &MuonConfig) -> Tensor<2> {
    let [rows, columns] = x.dims();
    let stands = rows > columns;
    let x = if stands { x.transpose() } else { x };
    let product = |x: &Tensor<2>| x.clone().matmul(x.clone().transpose());
    let mut x = divided(x, config);
    let last = config.ns_coefficients.len() - 1;
    for step in 0..config.ns_steps as usize {
        let [one, three, five] = config.ns_coefficients[step.min(last)];
        let a = product(&x);
        let b = a.clone().mul_scalar(three) + a.clone().matmul(a).mul_scalar(five);
        x = x.clone().mul_scalar(one) + b.matmul(x);
    }
    if stands { x.transpose() } else { x }
}

/// Returns the matrix divided by a norm of it or of its rows.
fn divided(x: Tensor<2>, config: &MuonConfig) -> Tensor<2> {
    let flat = |x: Tensor<2>| x.clone().reshape([x.shape().num_elements()]);
    let norm_of = |x: Tensor<2>| norm(flat(x)).unsqueeze::<2>();
    if config.preconditioning == MuonPreconditioning::Frobenius {
        let norm = norm_of(x.clone());
        return x / match config.epsilon_form {
            MuonEpsilon::Added => norm.add_scalar(config.epsilon),
            MuonEpsilon::Floor => norm.clamp_min(config.epsilon),
        };
    }
    // In this unit, which is almost always 1, products neither overflow nor underflow.
    let unit: Tensor<2> = unit_of(flat(x.clone())).unsqueeze();
    let x = x / unit.clone();
    let product = x.clone().matmul(x.clone().transpose());
    let epsilon = unit.full_like(config.epsilon) / unit.clone();
    let of_squares = epsilon.clone() / unit;
    let above_0 = |divisor: Tensor<2>, epsilon: Tensor<2>| {
        let epsilon = epsilon.expand(divisor.dims());
        match config.epsilon_form {
            MuonEpsilon::Added => divisor + epsilon,
            MuonEpsilon::Floor => divisor.max_pair(epsilon),
        }
    };
    let divisor = match config.preconditioning {
        MuonPreconditioning::Schatten => above_0(norm_of(product), of_squares).sqrt(),
        MuonPreconditioning::Aol => above_0(product.abs().sum_dim(1), of_squares).sqrt(),
        _ => above_0(spectral_norm(product), epsilon),
    };
    // Epsilon may be 0, or underflow in this unit. Zeros stay zeros.
    let nothing = divisor.clone().equal_scalar(0.0);
    x / divisor.mask_fill(nothing, 1.0)
}

/// Returns the largest singular value, `[1, 1]`, of a matrix by its product with its transpose.
///
/// Squared again and again, the product becomes the projection on what is stretched most. After 48
/// squarings what is stretched by a part of 1e-15 less has faded.
fn spectral_norm(product: Tensor<2>) -> Tensor<2> {
    let [rows, _] = product.dims();
    let diagonal = Tensor::<2>::eye(rows, &product.device()).cast(product.dtype());
    let trace = |x: Tensor<2>| (x * diagonal.clone()).sum().unsqueeze::<2>();
    // A matrix of zeros stays one.
    let scaled = |x: Tensor<2>| {
        let trace = trace(x.clone());
        let nothing = trace.clone().equal_scalar(0.0);
        x / trace.mask_fill(nothing, 1.0)
    };
    let mut projection = scaled(product.clone());
    for _ in 0..48 {
        projection = scaled(projection.clone().matmul(projection));
    }
    trace(projection.matmul(product)).sqrt()
}

impl Muon {
    fn others(&self) -> Others<'_> {
        Others {
            config: &self.config.others,
            ratio: self.config.others.learning_rate / self.config.learning_rate,
        }
    }
}

optimizer!(Muon, burn {
    tensors: ["momentum.velocity" => "momentum"],
    where: |rule| rule.config.momentum_form == MuonMomentum::Sum,
});

impl Layout for Muon {
    const TENSORS: &'static [&'static str] =
        &["momentum", "first_moment", "second_moment", "largest"];
}

impl Rule for Muon {
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
        let d = direction(g, &mut memory, config).reshape([rows, columns]);
        let mut step = orthogonal(d.clone(), config);
        if config.adaptive {
            step = step.clone() * (d * step).sum().unsqueeze();
        }
        let rate = learning_rate * config.scale_of([rows, columns]);
        let step = step.reshape([rows * columns]).mul_scalar(rate);
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
