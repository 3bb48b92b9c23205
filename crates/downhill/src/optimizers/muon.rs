//! Muon.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, bias_correction, optimizer};
use crate::settings::{Setting, settings};
use crate::{Adam, AdamConfig, InvalidHyperparameter, MomentumKind, WeightDecay};

/// Muon: momentum for matrices, each step made nearly orthogonal by Newton and Schulz's iteration.
///
/// ```text
/// mean:  m_t = momentum * m_{t-1} + (1 - momentum) * g_t,  m_0 = 0
///        d_t = m_t, nesterov: momentum * m_t + (1 - momentum) * g_t
///        corrected: m_t / (1 - momentum^t), nesterov: m_t / (1 - momentum^(t+1)) and
///        g_t / (1 - momentum^t), in their place
/// sum:   m_t = momentum * m_{t-1} + g_t,  m_0 = 0
///        d_t = m_t, nesterov: momentum * m_t + g_t
///
/// X = d_t / (|d_t| + epsilon), floor: d_t / max(|d_t|, epsilon);  then `iterations` times, with X lying (rows <= columns):
/// A = X X',  X = a * X + (b * A + c * A A) X,  (a, b, c) = (3.4445, -4.775, 2.0315)
///
/// x_t = x_{t-1} - learning_rate * scale * X
/// aspect:                scale = sqrt(max(1, outputs / inputs))
/// aspect-outputs-first:  the same for parameters that lie the other way
/// rms(r):                scale = r * sqrt(max(inputs, outputs))
/// ```
///
/// For parameters of rank 2, `[inputs, outputs]` as Burn's `Linear` has them: Burn's own Muon takes
/// the first axis for the outputs, as in PyTorch, and so scales by the inverse ratio. All other
/// parameters are stepped by [`Adam`] with the settings of `others`, at a rate in proportion. State:
/// one tensor per matrix, two or three per other parameter. Source: Jordan et al. 2024, "Muon: an
/// optimizer for hidden layers in neural networks", whose momentum is a mean; Keras's is a sum, and
/// optax corrects the mean. `rms` is that of Liu et al. 2025 (arXiv:2502.16982).
#[derive(Clone, Debug)]
pub struct Muon {
    config: MuonConfig,
    others: Adam,
}

/// What Muon's memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MuonMomentum {
    /// A running mean of the gradients.
    Mean,
    /// A running mean, corrected for where it began (optax).
    CorrectedMean,
    /// A decaying sum of the gradients (Keras).
    Sum,
}

/// How large a step is for the shape of its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MuonScale {
    /// As the iteration leaves it.
    None,
    /// `sqrt(max(1, outputs / inputs))` of parameters `[inputs, outputs]`, as in Burn and JAX.
    Aspect,
    /// The same of parameters `[outputs, inputs]`, as in PyTorch.
    AspectOutputsFirst,
    /// This number, greater than 0, times `sqrt(max(inputs, outputs))`; 0.2 makes steps as large as
    /// Adam's.
    Rms(f64),
}

/// How epsilon keeps the matrix's norm from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MuonEpsilon {
    /// It is added to the norm (Keras, optax).
    Added,
    /// The norm is at least that (PyTorch).
    Floor,
}

impl Setting for MuonEpsilon {}
impl Setting for MuonMomentum {}
impl Setting for MuonScale {}
impl Setting for AdamConfig {}

settings! {
    /// The settings of [`Muon`].
    pub struct MuonConfig for Muon, "muon" {
        /// Step, in parts of an orthogonal matrix of the parameter's shape, greater than 0.
        pub learning_rate: f64,
        /// Share of the memory that each step keeps, in \[0, 1).
        pub momentum: f64,
        /// What the memory holds.
        pub momentum_form: MuonMomentum,
        /// Whether the step is by the memory or ahead of it.
        pub momentum_kind: MomentumKind,
        /// How often the iteration is done, at least 1.
        pub iterations: u64,
        /// Keeps the matrix's norm from 0, at least 0.
        pub epsilon: f64,
        /// How it does.
        pub epsilon_form: MuonEpsilon,
        /// How large a step is.
        pub scale: MuonScale,
        /// Decay of matrices towards 0.
        pub weight_decay: WeightDecay,
        /// The settings for parameters of other ranks than 2. Of their learning rate, what it is in
        /// proportion to Muon's counts; [`OptimizerConfig::set`](crate::OptimizerConfig::set) keeps
        /// that of rate and decay. Written in part, what is absent is that of Adam's preset, which
        /// may be named in it, and not that of Muon's.
        pub others: AdamConfig,
    }
    presets: optax, keras, torch
    source: r#"Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks""#
}

impl Setting for u64 {}

impl MuonConfig {
    /// As in optax: momentum 0.95, a corrected mean, Nesterov, five iterations, epsilon 1e-8, scale
    /// `aspect`; others by Adam with Nesterov's momentum. optax has no default rate; here it is 0.02.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.02,
            momentum: 0.95,
            momentum_form: MuonMomentum::CorrectedMean,
            momentum_kind: MomentumKind::Nesterov,
            iterations: 5,
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

    /// As in Keras: learning rate 0.001, momentum 0.95, a sum, Nesterov, five iterations, epsilon
    /// 1e-7, scale `rms(0.2)`, decoupled weight decay 0.004 for matrices and others.
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

    /// As in PyTorch: learning rate 0.001, momentum 0.95, a mean, Nesterov, five iterations (there in
    /// bfloat16, here in the parameter's type), a floor of 1e-7, decoupled weight decay 0.1. PyTorch
    /// refuses other parameters than matrices; here they are AdamW's.
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

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Muon, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        not_negative("epsilon", self.epsilon)?;
        positive("iterations", self.iterations as f64)?;
        if let MuonScale::Rms(size) = self.scale {
            positive("scale.rms", size)?;
        }
        self.weight_decay.check()?;
        Ok(Muon {
            config: self.clone(),
            others: self.others.build()?,
        })
    }

    /// What a setting for all parameters does to the others: rate and decay keep their proportion
    /// to those of matrices, and no decay is none.
    pub(crate) fn set_others(&mut self, setting: &str, old: f64, new: f64) {
        let scaled = |value: f64| match old == 0.0 {
            true => value,
            false => value * (new / old),
        };
        let others = &mut self.others;
        match setting {
            "learning_rate" => others.learning_rate = scaled(others.learning_rate),
            "weight_decay" => {
                let lambda = match new == 0.0 {
                    true => 0.0,
                    false => scaled(others.weight_decay.lambda()),
                };
                others.weight_decay = others.weight_decay.with_lambda(lambda);
            }
            _ => {}
        }
    }

    /// The factor on a step for a matrix of this shape.
    fn scale_of(&self, [inputs, outputs]: [usize; 2]) -> f64 {
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        match self.scale {
            MuonScale::None => 1.0,
            MuonScale::Aspect => libm::sqrt(f64::max(1.0, outputs / inputs)),
            MuonScale::AspectOutputsFirst => libm::sqrt(f64::max(1.0, inputs / outputs)),
            MuonScale::Rms(size) => size * libm::sqrt(f64::max(inputs, outputs)),
        }
    }
}

/// The nearest orthogonal matrix, nearly.
fn orthogonal(x: Tensor<2>, config: &MuonConfig) -> Tensor<2> {
    let [rows, columns] = x.dims();
    let stands = rows > columns;
    let x = if stands { x.transpose() } else { x };
    let norm = (x.clone() * x.clone()).sum().sqrt();
    let norm = match config.epsilon_form {
        MuonEpsilon::Added => norm.add_scalar(config.epsilon),
        MuonEpsilon::Floor => norm.clamp_min(config.epsilon),
    };
    let mut x = x / norm.unsqueeze();
    for _ in 0..config.iterations {
        let a = x.clone().matmul(x.clone().transpose());
        let b = a.clone().mul_scalar(-4.775) + a.clone().matmul(a).mul_scalar(2.0315);
        x = x.clone().mul_scalar(3.4445) + b.matmul(x);
    }
    if stands { x.transpose() } else { x }
}

impl Muon {
    fn rate_of_others(&self, learning_rate: f64) -> f64 {
        learning_rate * (self.config.others.learning_rate / self.config.learning_rate)
    }
}

optimizer!(Muon);

impl Rule for Muon {
    const TENSORS: &'static [&'static str] =
        &["momentum", "first_moment", "second_moment", "largest"];
    const NUMBERS: &'static [&'static str] = &[];

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let &[rows, columns] = parameter.shape else {
            let rate = self.rate_of_others(learning_rate);
            return Rule::step(&self.others, rate, parameter, memory, &[]);
        };
        let (x, g) =
            (config.weight_decay).around(learning_rate, parameter.value, parameter.gradient);
        let share = match config.momentum_form {
            MuonMomentum::Mean | MuonMomentum::CorrectedMean => 1.0 - config.momentum,
            MuonMomentum::Sum => 1.0,
        };
        let now = g.mul_scalar(share);
        let m = match memory.take("momentum") {
            Some(m) => m.mul_scalar(config.momentum) + now.clone(),
            None => now.clone(),
        };
        let correction = |time| match config.momentum_form {
            MuonMomentum::CorrectedMean => 1.0 / bias_correction(config.momentum, time),
            MuonMomentum::Mean | MuonMomentum::Sum => 1.0,
        };
        let d = match config.momentum_kind {
            MomentumKind::HeavyBall => m.clone().mul_scalar(correction(memory.time)),
            MomentumKind::Nesterov => {
                let ahead = config.momentum * correction(memory.time + 1);
                m.clone().mul_scalar(ahead) + now.mul_scalar(correction(memory.time))
            }
        };
        memory.put("momentum", m);
        let step = orthogonal(d.reshape([rows, columns]), config);
        let rate = learning_rate * config.scale_of([rows, columns]);
        let x = x - step.reshape([rows * columns]).mul_scalar(rate);
        (config.weight_decay.after(learning_rate, x), memory)
    }

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }

    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        match shape {
            [_, _] => (self.config.weight_decay, learning_rate),
            _ => (
                self.config.others.weight_decay,
                self.rate_of_others(learning_rate),
            ),
        }
    }
}
