//! Adafactor.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, optimizer, root_mean_square};
use crate::settings::{Setting, settings};
use crate::{InvalidHyperparameter, WeightDecay};

/// Adafactor: the second moment of a matrix kept as one number per row and one per column.
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
///       epsilon;  u_t / max(1, rms(u_t) / clip), unless clip is 0
/// rate = learning_rate;  relative: min(learning_rate, 1 / sqrt(t))
/// by the parameter: rate * max(least_scale, rms(x_{t-1}))
/// m_t = momentum * m_{t-1} + (1 - momentum) * rate * u_t, without momentum rate * u_t
/// x_t = x_{t-1} - m_t
/// ```
///
/// with `rms` the root of the mean square over the whole parameter. Rank 2 and more is factored, over
/// two of its axes; the others count as so many matrices. State: one number per row and one per
/// column, or one tensor per parameter; one more with momentum. Source: Shazeer and Stern 2018
/// (arXiv:1804.04235). optax decays whatever the rate, which is a kind of [`WeightDecay`].
#[derive(Clone, Debug)]
pub struct Adafactor {
    config: AdafactorConfig,
}

/// Which two axes of a parameter are its rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FactoredAxes {
    /// The last two (Keras, Burn).
    Last,
    /// The two longest (optax).
    Longest,
}

/// What Adafactor's epsilon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AdafactorEpsilon {
    /// It is added to the squared gradients (Keras, optax, Burn).
    Squares,
    /// It is the least root of the second moment, and the least mean of the rows (PyTorch).
    Floor,
}

/// Which parameter sizes a step, where a step is sized by the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AdafactorSize {
    /// That after the decay (Keras).
    Decayed,
    /// That before it (PyTorch, optax, Burn).
    Whole,
}

impl Setting for AdafactorEpsilon {}
impl Setting for AdafactorSize {}
impl Setting for FactoredAxes {}

settings! {
    /// The settings of [`Adafactor`].
    pub struct AdafactorConfig for Adafactor, "adafactor" {
        /// Step, in parts of the parameter's size where it scales by that, greater than 0.
        pub learning_rate: f64,
        /// How fast the averages become slow, greater than 0.
        pub decay_power: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// How it does.
        pub epsilon_place: AdafactorEpsilon,
        /// The largest root mean square of a step before the rate, at least 0; 0 is no bound.
        pub clip: f64,
        /// Whether the rate is at most `1 / sqrt(t)`.
        pub relative_step: bool,
        /// Whether a step is sized by the parameter.
        pub scales_by_parameter: bool,
        /// The least size that a parameter counts as, at least 0.
        pub least_scale: f64,
        /// Which parameter's size it is.
        pub sized_by: AdafactorSize,
        /// Share of the mean step that each step keeps, in \[0, 1); 0 is no momentum.
        pub momentum: f64,
        /// Which axes are factored.
        pub factored_axes: FactoredAxes,
        /// The length that both axes must have to be factored, at least 0.
        pub least_factored: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: keras, optax, torch, burn
    source: "Shazeer and Stern 2018, arXiv:1804.04235"
}

impl AdafactorConfig {
    /// As in Keras: learning rate 0.001, the rate at most `1 / sqrt(t)` (in Keras 3.15 whatever its
    /// `relative_step` says), every matrix factored.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            decay_power: 0.8,
            epsilon: 1e-30,
            epsilon_place: AdafactorEpsilon::Squares,
            clip: 1.0,
            relative_step: true,
            scales_by_parameter: true,
            least_scale: 1e-3,
            sized_by: AdafactorSize::Decayed,
            momentum: 0.0,
            factored_axes: FactoredAxes::Last,
            least_factored: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// As in optax: no relative step, only axes of at least 128 factored. optax has no default rate;
    /// here it is 0.01. It computes `t^-decay_power` in `f32`, which moves a step by about 1e-8 of
    /// its size.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            relative_step: false,
            sized_by: AdafactorSize::Whole,
            factored_axes: FactoredAxes::Longest,
            least_factored: 128.0,
            ..Self::keras()
        }
    }

    /// As in Burn, which has no default rate; here it is 0.01, of which Burn's documentation says
    /// that it gives the paper's.
    pub fn burn() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: f64::from(1e-30_f32),
            least_scale: f64::from(1e-3_f32),
            sized_by: AdafactorSize::Whole,
            ..Self::keras()
        }
    }

    /// As in PyTorch: learning rate 0.01, the rate at most `1 / sqrt(t)`, a floor of the float type's
    /// epsilon; here that of `f32`, whatever the type.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: f64::from(f32::EPSILON),
            epsilon_place: AdafactorEpsilon::Floor,
            sized_by: AdafactorSize::Whole,
            ..Self::keras()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Adafactor, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        positive("decay_power", self.decay_power)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("clip", self.clip)?;
        not_negative("least_scale", self.least_scale)?;
        share_kept("momentum", self.momentum)?;
        not_negative("least_factored", self.least_factored)?;
        self.weight_decay.check()?;
        Ok(Adafactor {
            config: self.clone(),
        })
    }

    /// The parameter's elements as `[before, rows, between, columns, after]`, if it is factored.
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
        (shorter >= self.least_factored).then(|| {
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

/// A running mean of this name, kept flat, takes in `new`.
fn mean<const D: usize>(
    memory: &mut Memory,
    name: &'static str,
    kept: f64,
    new: Tensor<D>,
) -> Tensor<D> {
    let shape = new.dims();
    let elements = [shape.iter().product::<usize>()];
    let new = new.mul_scalar(1.0 - kept);
    let mean = match memory.take(name) {
        Some(mean) => mean.reshape(shape).mul_scalar(kept) + new,
        None => new,
    };
    memory.put(name, mean.clone().reshape(elements));
    mean
}

optimizer!(Adafactor);

impl Rule for Adafactor {
    const TENSORS: &'static [&'static str] = &["rows", "columns", "second_moment", "mean_step"];
    const NUMBERS: &'static [&'static str] = &[];

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
            (config.weight_decay).around(learning_rate, parameter.value, parameter.gradient);
        let floor = config.epsilon_place == AdafactorEpsilon::Floor;

        let kept = 1.0 - libm::pow(t, -config.decay_power);
        let mut square = g.clone() * g.clone();
        if !floor {
            square = square.add_scalar(config.epsilon);
        }
        let mut u = match config.factors(parameter.shape) {
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
                    // In turns, lest the product of two small numbers be 0.
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
        if config.clip > 0.0 {
            let excess = root_mean_square(u.clone()).mul_scalar(1.0 / config.clip);
            u = u / excess.clamp_min(1.0);
        }
        let rate = match config.relative_step {
            true => f64::min(learning_rate, 1.0 / libm::sqrt(t)),
            false => learning_rate,
        };
        let mut step = u.mul_scalar(rate);
        if config.scales_by_parameter {
            let sizing = match config.sized_by {
                AdafactorSize::Decayed => x.clone(),
                AdafactorSize::Whole => whole,
            };
            step = step * root_mean_square(sizing).clamp_min(config.least_scale);
        }
        if config.momentum > 0.0 {
            step = mean(&mut memory, "mean_step", config.momentum, step);
        }
        (config.weight_decay.after(learning_rate, x - step), memory)
    }
    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}
