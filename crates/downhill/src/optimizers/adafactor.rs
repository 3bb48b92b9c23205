//! Adafactor.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, root_mean_square};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Adafactor: Adam with the second moment of a matrix stored as one number per row and per column.
///
/// ```text
/// b_t = 1 - t^-decay_power
/// s_t = g_t^2 + epsilon, floor: g_t^2
/// factored:  r_t = b_t * r_{t-1} + (1 - b_t) * mean of s_t over the columns,  r_0 = 0
///            c_t = b_t * c_{t-1} + (1 - b_t) * mean of s_t over the rows,     c_0 = 0
///            v_t = r_t * c_t / mean of r_t
/// else:      v_t = b_t * v_{t-1} + (1 - b_t) * s_t,  v_0 = 0
///
/// u_t = g_t / sqrt(v_t), floor: g_t / sqrt(max(v_t, epsilon^2)), and the mean of r_t at least
///       epsilon;  u_t / max(1, rms(u_t) / clipping_threshold), unless that is 0
/// rate = learning_rate;  relative: min(learning_rate, 1 / sqrt(t))
/// by the parameter: rate * max(min_scale, rms(x_{t-1}))
/// m_t = momentum * m_{t-1} + (1 - momentum) * rate * u_t, without momentum rate * u_t
/// x_t = x_{t-1} - m_t
/// ```
///
/// with `rms` the root mean square over the whole parameter. Parameters of rank 2 and more are
/// factored over two axes, as a batch of matrices over the others. State: one number per row and
/// per column, or one tensor per parameter; one more tensor with momentum. Source: Shazeer and
/// Stern 2018 (arXiv:1804.04235). optax's weight decay is [`WeightDecay::Independent`].
#[derive(Clone, Debug)]
pub struct Adafactor {
    config: AdafactorConfig,
}

/// The two axes of a parameter that are its rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FactoredAxes {
    /// The last two (Keras, Burn).
    Last,
    /// The two longest (optax).
    Longest,
}

/// What Adafactor's epsilon is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdafactorEpsilon {
    /// Added to the squared gradients (Keras, optax, Burn).
    Squares,
    /// Minimum of the root of the second moment and of the mean of the rows (PyTorch).
    Floor,
}

/// Which RMS multiplies the rate if `multiply_by_parameter_scale` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdafactorSize {
    /// That of the parameter after weight decay (Keras).
    Decayed,
    /// That of the parameter before weight decay (PyTorch, optax, Burn).
    Whole,
}

impl Setting for AdafactorEpsilon {}
impl Setting for AdafactorSize {}
impl Setting for FactoredAxes {}

settings! {
    /// The settings of [`Adafactor`].
    pub struct AdafactorConfig for Adafactor, "adafactor" {
        /// Learning rate; positive. Relative to the parameter's RMS if
        /// `multiply_by_parameter_scale` is set.
        pub learning_rate: f64 => positive,
        /// Exponent of the averages' decay rate `1 - t^-decay_power`; positive.
        pub decay_power: f64 => positive,
        /// Regularization of the squared gradients or of the denominator, see `epsilon_place`;
        /// non-negative.
        pub epsilon: f64 => not_negative,
        /// What epsilon is applied to.
        pub epsilon_place: AdafactorEpsilon,
        /// Maximum RMS of a step before it is scaled by the rate; non-negative. 0 means no maximum.
        pub clipping_threshold: f64 => not_negative,
        /// Whether the rate is limited to `1 / sqrt(t)`.
        pub relative_step: bool,
        /// Whether the rate is multiplied by the parameter's RMS.
        pub multiply_by_parameter_scale: bool,
        /// Minimum RMS that a parameter is taken to have; non-negative.
        pub min_scale: f64 => not_negative,
        /// Whether that RMS is taken before or after weight decay.
        pub sized_by: AdafactorSize,
        /// Decay rate of the mean step, in \[0, 1); 0 means no momentum.
        pub momentum: f64 => decay_rate,
        /// The two axes that are factored.
        pub factored_axes: FactoredAxes,
        /// Minimum length of both axes for a parameter to be factored; non-negative.
        pub min_dim_size_to_factor: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: keras, optax, torch, burn
    source: "Shazeer and Stern 2018, arXiv:1804.04235"
    renamed: clip => clipping_threshold, scales_by_parameter => multiply_by_parameter_scale,
        least_scale => min_scale, least_factored => min_dim_size_to_factor
}

impl AdafactorConfig {
    /// Keras's defaults: learning rate 0.001, limited to `1 / sqrt(t)` (by Keras 3.15 whatever its
    /// `relative_step`), every matrix factored.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            decay_power: 0.8,
            epsilon: 1e-30,
            epsilon_place: AdafactorEpsilon::Squares,
            clipping_threshold: 1.0,
            relative_step: true,
            multiply_by_parameter_scale: true,
            min_scale: 1e-3,
            sized_by: AdafactorSize::Decayed,
            momentum: 0.0,
            factored_axes: FactoredAxes::Last,
            min_dim_size_to_factor: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// optax's defaults: the rate is not limited, only axes of at least 128 are factored. optax has
    /// no default learning rate; this uses 0.01. It computes `t^-decay_power` in `f32`, which
    /// changes a step by about 1e-8 of its size.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            relative_step: false,
            sized_by: AdafactorSize::Whole,
            factored_axes: FactoredAxes::Longest,
            min_dim_size_to_factor: 128.0,
            ..Self::keras()
        }
    }

    /// Burn's defaults. Burn has no default learning rate; this uses 0.01, with which it reproduces
    /// the paper according to its documentation.
    pub fn burn() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: f64::from(1e-30_f32),
            min_scale: f64::from(1e-3_f32),
            sized_by: AdafactorSize::Whole,
            ..Self::keras()
        }
    }

    /// PyTorch's defaults: learning rate 0.01, limited to `1 / sqrt(t)`. PyTorch's floor is the
    /// epsilon of the parameter's type; this uses that of `f32` for all types.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: f64::from(f32::EPSILON),
            epsilon_place: AdafactorEpsilon::Floor,
            sized_by: AdafactorSize::Whole,
            ..Self::keras()
        }
    }

    /// Returns the shape `[before, rows, between, columns, after]`, or `None` if the parameter is
    /// not factored.
    fn factors(&self, shape: &[usize]) -> Option<[usize; 5]> {
        let rank = shape.len();
        if rank < 2 {
            return None;
        }
        let (first, second) = match self.factored_axes {
            FactoredAxes::Last => (rank - 2, rank - 1),
            FactoredAxes::Longest => {
                let mut axes: alloc::vec::Vec<usize> = (0..rank).collect();
                axes.sort_by_key(|&axis| shape[axis]);
                let (a, b) = (axes[rank - 2], axes[rank - 1]);
                (a.min(b), a.max(b))
            }
        };
        let shorter = shape[first].min(shape[second]) as f64;
        (shorter >= self.min_dim_size_to_factor).then(|| {
            [
                shape[..first].iter().product(),
                shape[first],
                shape[first + 1..second].iter().product(),
                shape[second],
                shape[second + 1..].iter().product(),
            ]
        })
    }
}

/// Updates the running mean of this name, which is stored flat, with `new`.
fn mean<const D: usize>(
    memory: &mut Memory,
    name: &'static str,
    kept: f64,
    new: Tensor<D>,
) -> Tensor<D> {
    let shape = new.dims();
    let elements = [shape.iter().product::<usize>()];
    memory.mix(name, kept, new.reshape(elements)).reshape(shape)
}

optimizer!(Adafactor, burn {
    time: "time",
    tensors: ["second_moment" => "second_moment", "column_second_moment" => "columns"],
    where: |rule| {
        let config = &rule.config;
        config.epsilon_place == AdafactorEpsilon::Squares
            && config.factored_axes == FactoredAxes::Last
            && config.min_dim_size_to_factor <= 1.0
            && config.momentum == 0.0
    },
});

impl Layout for Adafactor {
    const TENSORS: &'static [&'static str] = &["rows", "columns", "second_moment", "mean_step"];
}

impl Rule for Adafactor {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let t = memory.time as f64;
        let whole = parameter.value.clone();
        let (x, g) =
            (config.weight_decay).before_step(learning_rate, parameter.value, parameter.gradient);
        let floor = config.epsilon_place == AdafactorEpsilon::Floor;

        let factors = config.factors(parameter.shape);
        if factors.is_some()
            && let Some(rows) = memory.take("second_moment")
        {
            // As Burn's own Adafactor calls them.
            memory.put("rows", rows);
        }
        let kept = 1.0 - libm::pow(t, -config.decay_power);
        let mut square = g.clone() * g.clone();
        if !floor {
            square = square.add_scalar(config.epsilon);
        }
        let mut u = match factors {
            Some(shape) => {
                let square = square.reshape(shape);
                let rows = square.clone().mean_dim(3);
                let rows = mean(&mut memory, "rows", kept, rows);
                let columns = mean(&mut memory, "columns", kept, square.mean_dim(1));
                let mut mean_row = rows.clone().mean_dim(1);
                if floor {
                    mean_row = mean_row.clamp_min(config.epsilon);
                }
                let elements = g.dims();
                let g = g.reshape(shape);
                let u = match floor {
                    true => {
                        let moment = rows / mean_row * columns;
                        g / moment.clamp_min(config.epsilon * config.epsilon).sqrt()
                    }
                    // One after the other, because the product of two small numbers may be 0.
                    false => g / (rows / mean_row).sqrt() / columns.sqrt(),
                };
                u.reshape(elements)
            }
            None => {
                let mut moment = mean(&mut memory, "second_moment", kept, square);
                if floor {
                    moment = moment.clamp_min(config.epsilon * config.epsilon);
                }
                g / moment.sqrt()
            }
        };
        if config.clipping_threshold > 0.0 {
            let excess = root_mean_square(u.clone()).mul_scalar(1.0 / config.clipping_threshold);
            u = u / excess.clamp_min(1.0);
        }
        let rate = match config.relative_step {
            true => f64::min(learning_rate, 1.0 / libm::sqrt(t)),
            false => learning_rate,
        };
        let mut step = u.mul_scalar(rate);
        if config.multiply_by_parameter_scale {
            let sizing = match config.sized_by {
                AdafactorSize::Decayed => x,
                AdafactorSize::Whole => whole.clone(),
            };
            step = step * root_mean_square(sizing).clamp_min(config.min_scale);
        }
        if config.momentum > 0.0 {
            step = mean(&mut memory, "mean_step", config.momentum, step);
        }
        let x = (config.weight_decay).around_step(learning_rate, whole, step);
        (x, memory)
    }
}
