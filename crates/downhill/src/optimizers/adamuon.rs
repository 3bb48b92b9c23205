//! AdaMuon.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::adam::AdamConfig;
use super::muon::{MuonConfig, Others, direction, orthogonal};
use super::normuon::{OutputAxis, StepScale, muon_with_mean, norm_of};
use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// AdaMuon: Muon's orthogonal matrix, each element divided by the root of its own mean square.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,  m_0 = 0
/// X = m_t made nearly orthogonal, as in Muon: divided by max(|m_t|, 1e-7), then `ns_steps` times
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * X^2,  v_0 = 0
/// Y = X / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
/// x_t = x_{t-1} - learning_rate * scale * Y / (|Y| + epsilon)
///
/// aspect:        scale = sqrt(min(inputs, outputs)) * sqrt(max(1, outputs / inputs))
/// rms(r):        scale = r * sqrt(inputs * outputs)
/// exact-rms(r):  the same
/// ```
///
/// For parameters of rank 2. All others are stepped by [Adam](crate::Adam) with the settings
/// `others`. State: two tensors per parameter. Source: Si et al. 2025 (arXiv:2507.11005), as in
/// pytorch_optimizer, which takes the iteration in bfloat16.
#[derive(Clone, Debug)]
pub struct AdaMuon {
    config: AdaMuonConfig,
}

settings! {
    /// The settings of [`AdaMuon`].
    pub struct AdaMuonConfig for AdaMuon, "adamuon" {
        /// Learning rate: step in units of its scale; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the mean gradient, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean square of the orthogonal matrix, in \[0, 1).
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
    source: "Si et al. 2025, arXiv:2507.11005"
}

impl AdaMuonConfig {
    /// pytorch_optimizer's defaults: learning rate 0.02, betas 0.9 and 0.95, five iterations,
    /// epsilon 1e-10, scale `rms(0.2)`; AdamW at 3e-4 with betas 0.9 and 0.999 for the others.
    pub fn pytorch_optimizer() -> Self {
        Self {
            learning_rate: 0.02,
            beta_1: 0.9,
            beta_2: 0.95,
            ns_steps: 5,
            ns_coefficients: vec![MuonConfig::QUINTIC],
            epsilon: 1e-10,
            outputs: OutputAxis::Last,
            scale: StepScale::Rms(0.2),
            weight_decay: WeightDecay::None,
            others: AdamConfig {
                learning_rate: 3e-4,
                epsilon: 1e-10,
                ..AdamConfig::torch()
            },
        }
    }
}

optimizer!(AdaMuon);

impl Layout for AdaMuon {
    const TENSORS: &'static [&'static str] =
        &["momentum", "second_moment", "first_moment", "largest"];
}

impl AdaMuon {
    fn others(&self) -> Others<'_> {
        Others {
            config: &self.config.others,
            ratio: self.config.others.learning_rate / self.config.learning_rate,
        }
    }
}

impl Rule for AdaMuon {
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
        let (kind, coefficients) = (MomentumKind::HeavyBall, &config.ns_coefficients);
        let muon = muon_with_mean(config.beta_1, kind, config.ns_steps, coefficients);
        let d = direction(g, &mut memory, &muon).reshape([rows, columns]);
        let step = orthogonal(d, &muon);

        let square = step.clone().square().reshape([rows * columns]);
        let v = memory.mix("second_moment", config.beta_2, square);
        let corrected = v.mul_scalar(1.0 / bias_correction(config.beta_2, memory.time));
        let divisor = corrected.sqrt().add_scalar(config.epsilon);
        let even = step / divisor.reshape([rows, columns]);
        let divisor = norm_of(&even).add_scalar(config.epsilon);
        let norm = divisor.full_like(libm::sqrt(rows.min(columns) as f64));
        let factor = (config.scale).factor(norm, config.outputs.split([rows, columns]));
        let step = even * (factor / divisor);

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
