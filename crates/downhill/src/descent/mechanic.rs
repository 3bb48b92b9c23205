//! Mechanic: a scale of the steps of any optimizer, estimated from the gradients.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Descent;
use super::error::{InvalidDescent, at_least_one};
use super::gradients::global_norm;
use super::kept::KEPT;
use super::slots::{Slot, sum};
use crate::hyperparameter::{ensure, not_negative, positive};
use crate::rule::{Memory, widened};

/// Scales the steps of the optimizer, and estimates the scale, so that the learning rate need not
/// be tuned; a schedule then starts from 1 or another constant.
///
/// ```text
/// u_t: the step of the optimizer at x_{t-1};  g_t: the gradient, all parameters together
/// beta_i = 1 - 0.1^i for i = 1, .., num_betas;  s: the sum of the scales s_i
///
/// d   = (x_0 - x_{t-1}) / (s + epsilon)
/// h   = <g_t + weight_decay * s * |g_t| / (|x_{t-1}| + epsilon) * x_{t-1}, d>
/// r_i = beta_i * r_i + clamp(h, -m_i, m_i) * s_i
/// m_i = max(beta_i * m_i, |h| + epsilon)
/// v_i = beta_i^2 * v_i + h^2
/// s_i = (initial_scale / num_betas * m_i + max(0, r_i)) / (sqrt(v_i) + epsilon)
/// x_t = x_0 - s * (d - u_t)
///
/// r_i = m_i = v_i = 0 and s_i = initial_scale before the first step
/// ```
///
/// State: one tensor per parameter, `x_0`, and numbers. Each step fetches the sums from the device.
/// A parameter that pauses stays where it is, and its `d` is taken with the scale of its last step.
/// Parameters of 16 bits need [`with_master_weights`](crate::DescentConfig::with_master_weights):
/// without it the first steps, which `initial_scale` makes small, are lost.
///
/// Source: Cutkosky et al. 2023 (arXiv:2306.00144); the clamped `h` is of optax's
/// `contrib.mechanize`, whose defaults these are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Mechanic {
    /// Scale of the first step; positive (optax `s_init`).
    pub initial_scale: f64,
    /// Weight decay of the gradient that the scale is estimated from; non-negative.
    pub weight_decay: f64,
    /// Added to denominators for numerical stability; positive.
    pub epsilon: f64,
    /// Number of scales, each with a decay rate of its own; from 1 to 8.
    pub num_betas: u64,
}

impl Default for Mechanic {
    fn default() -> Self {
        Self {
            initial_scale: 1e-6,
            weight_decay: 1e-2,
            epsilon: 1e-8,
            num_betas: 6,
        }
    }
}

impl Mechanic {
    /// The defaults of optax's `contrib.mechanize`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scale of the first step.
    pub fn with_initial_scale(mut self, scale: f64) -> Self {
        self.initial_scale = scale;
        self
    }

    /// Sets the weight decay of the gradient that the scale is estimated from.
    pub fn with_weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = decay;
        self
    }

    /// Sets what is added to denominators.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets the number of scales.
    pub fn with_num_betas(mut self, number: u64) -> Self {
        self.num_betas = number;
        self
    }

    pub(super) fn check(&self) -> Result<(), InvalidDescent> {
        positive("mechanic.initial_scale", self.initial_scale)?;
        not_negative("mechanic.weight_decay", self.weight_decay)?;
        positive("mechanic.epsilon", self.epsilon)?;
        at_least_one("mechanic.num_betas", self.num_betas)?;
        let fits = self.num_betas <= MOST as u64;
        let number = self.num_betas as f64;
        ensure(fits, "mechanic.num_betas", "be at most 8", number)?;
        Ok(())
    }

    /// Returns the parameter after a step of the optimizer from `before` to `x`.
    pub(super) fn after(&self, before: Tensor<1>, x: Tensor<1>, memory: &mut Memory) -> Tensor<1> {
        let start = memory.take(KEPT).unwrap_or_else(|| before.clone());
        let scale = Scales::of(memory, self).total();
        let past = memory.number(PAST).unwrap_or(scale);
        let way = (start.clone() - before.clone()).mul_scalar(1.0 / (past + self.epsilon));
        let x = start.clone() - (way - (x - before)).mul_scalar(scale);
        memory.put(KEPT, start);
        memory.put_number(PAST, scale);
        x
    }
}

/// The largest number of scales.
const MOST: usize = 8;
/// The sum of the scales in the last step of a parameter.
const PAST: &str = "past_scale";
/// The sums `r_i`.
const REWARDS: [&str; MOST] = [
    "reward_1", "reward_2", "reward_3", "reward_4", "reward_5", "reward_6", "reward_7", "reward_8",
];
/// The largest `m_i`.
const LARGEST: [&str; MOST] = [
    "largest_1",
    "largest_2",
    "largest_3",
    "largest_4",
    "largest_5",
    "largest_6",
    "largest_7",
    "largest_8",
];
/// The sums of squares `v_i`.
const SQUARES: [&str; MOST] = [
    "square_1", "square_2", "square_3", "square_4", "square_5", "square_6", "square_7", "square_8",
];
/// The scales `s_i`.
const SCALES: [&str; MOST] = [
    "scale_1", "scale_2", "scale_3", "scale_4", "scale_5", "scale_6", "scale_7", "scale_8",
];

/// The numbers in the memory of a parameter.
pub(super) fn numbers() -> impl Iterator<Item = &'static str> {
    let all = [REWARDS, LARGEST, SQUARES, SCALES];
    all.into_iter().flatten().chain([PAST])
}

/// What the scales are estimated from. All parameters have the same.
struct Scales {
    /// `r_i`, `m_i`, `v_i` and `s_i` for each decay rate.
    each: Vec<[f64; 4]>,
}

impl Scales {
    /// Those in a memory, or those before the first step.
    fn of(memory: &Memory, mechanic: &Mechanic) -> Self {
        let of = |index: usize| {
            let number = |names: [&str; MOST]| memory.number(names[index]);
            let scale = number(SCALES).unwrap_or(mechanic.initial_scale);
            let [r, m, v] = [REWARDS, LARGEST, SQUARES].map(|names| number(names).unwrap_or(0.0));
            [r, m, v, scale]
        };
        let each = (0..mechanic.num_betas as usize).map(of).collect();
        Self { each }
    }

    fn put(&self, memory: &mut Memory) {
        for (index, numbers) in self.each.iter().enumerate() {
            let names = [REWARDS, LARGEST, SQUARES, SCALES];
            for (names, number) in names.iter().zip(numbers) {
                memory.put_number(names[index], *number);
            }
        }
    }

    fn total(&self) -> f64 {
        self.each.iter().map(|[_, _, _, scale]| scale).sum()
    }

    /// Takes in `h` of a step.
    fn learn(&mut self, h: f64, mechanic: &Mechanic) {
        let Mechanic {
            initial_scale,
            epsilon,
            num_betas,
            ..
        } = *mechanic;
        let mut rest = 1.0;
        for [r, m, v, scale] in &mut self.each {
            rest *= 0.1;
            let beta = 1.0 - rest;
            // `clamp` panics at bounds that are no numbers.
            let clamped = h.min(*m).max(-*m);
            *r = beta * *r + clamped * *scale;
            *m = (beta * *m).max(h.abs() + epsilon);
            *v = beta * beta * *v + h * h;
            let wealth = initial_scale / num_betas as f64 * *m + r.max(0.0);
            *scale = wealth / (libm::sqrt(*v) + epsilon);
        }
    }
}

impl Descent {
    /// Estimates the scale of the steps, if the config has [`Mechanic`], and gives it to all
    /// parameters.
    pub(super) fn estimate_scale(&mut self, slots: &[Slot]) {
        let Some((stage, mechanic)) = self.config.mechanic() else {
            return;
        };
        // A parameter that joins takes over what the others have learned.
        let states = self.state.iter().map(|(_, state)| &state.weights[stage]);
        let longest = states.max_by_key(|memory| memory.time);
        let none = Memory::default();
        let mut scales = Scales::of(longest.unwrap_or(&none), &mechanic);
        let scale = scales.total();
        let [mut squares, mut along, mut of_decay] = [const { Vec::new() }; 3];
        let dot = |a: Tensor<1>, b: Tensor<1>| (a * b).sum();
        for slot in slots.iter().filter(|slot| !slot.is_empty()) {
            let state = self.state_mut(slot);
            let x = state.master.as_ref().unwrap_or(&slot.value).clone();
            let memory = &state.weights[stage];
            squares.push(dot(x.clone(), x.clone()));
            let past = memory.number(PAST).unwrap_or(scale);
            if let Some(start) = memory.tensor(KEPT) {
                let way = widened(start.clone()) - x.clone();
                let way = way.mul_scalar(1.0 / (past + mechanic.epsilon));
                along.push(dot(slot.gradient.clone(), way.clone()));
                of_decay.push(dot(x, way));
            }
        }
        let size = libm::sqrt(sum(squares)) + mechanic.epsilon;
        let decay = mechanic.weight_decay * scale * global_norm(slots) / size;
        let of_decay = match decay {
            0.0 => 0.0,
            decay => decay * sum(of_decay),
        };
        scales.learn(sum(along) + of_decay, &mechanic);
        for state in self.state.iter_mut() {
            scales.put(&mut state.weights[stage]);
        }
    }
}
