//! Adam.

use serde::{Deserialize, Serialize};

use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Adam: a running mean of the gradient, divided by the root of a running mean of its square.
///
/// ```text
/// b_t = beta_1 * beta_1_decay^(t - 1)
/// m_t = b_t * m_{t-1} + (1 - b_t) * g_t,          m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t),  V = v_t / (1 - beta_2^t)
/// nesterov:     M = beta_1 * m_t / (1 - beta_1^(t + 1)) + (1 - beta_1) * g_t / (1 - beta_1^t)
///
/// corrected:    x_t = x_{t-1} - learning_rate * M / (sqrt(V + epsilon_root) + epsilon)
/// uncorrected:  x_t = x_{t-1} - learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
///                                             * m_t / (sqrt(v_t + epsilon_root) + epsilon)
///
/// amsgrad raw:          the largest v_t so far in place of v_t
/// amsgrad corrected:    the largest V so far in place of V
/// amsgrad uncorrected:  the largest v_t so far in place of V
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter, three with AMSGrad. Source:
/// Kingma and Ba 2014 (arXiv:1412.6980). Their algorithm 1 is the corrected form, which PyTorch,
/// optax, Burn and Theano use. The end of their section 2 has the uncorrected form, with "epsilon
/// hat", which Keras and the book use. Decay of beta_1 is from the first versions of the paper,
/// which the Theano code follows; the correction of the mean uses the undecayed `beta_1`. AMSGrad
/// is from Reddi, Kale and Kumar 2018 (arXiv:1904.09237); PyTorch, Keras and Burn keep the largest
/// `v_t`, optax the largest `V`. With decoupled weight decay it is [AdamW](crate::AdamWConfig).
#[derive(Clone, Debug)]
pub struct Adam {
    pub(super) config: AdamConfig,
}

/// Which root of the second moment Adam's epsilon is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdamEpsilon {
    /// The root of the bias-corrected moment (PyTorch, optax, Burn, Theano).
    Corrected,
    /// The root of the moment before correction, "epsilon hat" (Keras, the book).
    Uncorrected,
}

/// Whether the denominator may decrease, and if not, which maximum is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Amsgrad {
    /// It may decrease.
    None,
    /// The maximum of the second moment (PyTorch, Keras, Burn).
    Raw,
    /// The maximum of the bias-corrected second moment (optax).
    Corrected,
    /// The maximum of the second moment, in a step that corrects the first moment alone (optax's
    /// `bias_correction_nu=False`).
    Uncorrected,
}

impl Setting for AdamEpsilon {}
impl Setting for Amsgrad {}

settings! {
    /// The settings of [`Adam`].
    pub struct AdamConfig for Adam, "adam" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added to the root of the corrected or the uncorrected second moment.
        pub epsilon_place: AdamEpsilon,
        /// Added to the second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Factor on `beta_1` from step to step, in (0, 1]; 1 keeps it constant.
        pub beta_1_decay: f64 => shrinking,
        /// Heavy-ball or Nesterov momentum (optax's `nesterov`; [`NAdam`](crate::NAdam) has the
        /// variants of others).
        pub momentum_kind: MomentumKind,
        /// Whether, and how, AMSGrad keeps the denominator from decreasing.
        pub amsgrad: Amsgrad,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: "Kingma and Ba 2014, arXiv:1412.6980"
}

impl AdamConfig {
    /// PyTorch's defaults: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_place: AdamEpsilon::Corrected,
            epsilon_root: 0.0,
            beta_1_decay: 1.0,
            momentum_kind: MomentumKind::HeavyBall,
            amsgrad: Amsgrad::None,
            weight_decay: WeightDecay::None,
        }
    }

    /// The book's settings: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-7 on the
    /// uncorrected moment.
    pub fn book() -> Self {
        Self {
            epsilon: 1e-7,
            epsilon_place: AdamEpsilon::Uncorrected,
            ..Self::torch()
        }
    }

    /// The Theano code's settings: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8; beta_1
    /// decreases by a factor of 1 - 1e-8 (there `gamma`) per step. In Theano's `f32` that factor
    /// rounds to 1.
    pub fn theano() -> Self {
        Self {
            beta_1_decay: 1.0 - 1e-8,
            ..Self::torch()
        }
    }

    /// Keras's defaults, which are the book's settings.
    pub fn keras() -> Self {
        Self::book()
    }

    /// optax's defaults: PyTorch's. For AMSGrad as in optax, set [`Amsgrad::Corrected`]. optax has
    /// no default learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self::torch()
    }

    /// Burn's defaults: epsilon 1e-5, and betas rounded to `f32`. Burn has no default learning
    /// rate; this uses 0.001.
    pub fn burn() -> Self {
        Self {
            beta_1: f64::from(0.9_f32),
            beta_2: f64::from(0.999_f32),
            epsilon: f64::from(1e-5_f32),
            ..Self::torch()
        }
    }
}

memory!(Moments { first_moment, second_moment; largest });
optimizer!(Adam, burn {
    time: "momentum.time",
    tensors: [
        "momentum.moment_1" => "first_moment",
        "momentum.moment_2" => "second_moment",
        "momentum.max_moment_2" => "largest",
    ],
    where: |rule| matches!(rule.config.amsgrad, Amsgrad::None | Amsgrad::Raw),
});

/// What all elements share at a step.
#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    beta_1: f64,
    /// Factor on the mean.
    rate: f64,
    /// Factor on the gradient, which is added to the mean.
    rate_ahead: f64,
    epsilon: f64,
    root: f64,
    /// Factor from `v` to `V` if the largest `V` is kept.
    correction: f64,
}

impl Elementwise for Adam {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let first = bias_correction(config.beta_1, memory.time);
        let second = bias_correction(config.beta_2, memory.time);
        // sqrt(V + root) + epsilon = (sqrt(v + root * c^2) + epsilon * c) / c with c^2 = 1 -
        // beta_2^t, so that both forms are one division and differ in these scalars alone.
        let scale = libm::sqrt(second);
        let (epsilon, root) = match config.epsilon_place {
            AdamEpsilon::Corrected => (config.epsilon * scale, config.epsilon_root * second),
            AdamEpsilon::Uncorrected => (config.epsilon, config.epsilon_root),
        };
        let (learning_rate, epsilon, root, correction) = match config.amsgrad {
            Amsgrad::None | Amsgrad::Raw => (learning_rate * scale, epsilon, root, 1.0),
            Amsgrad::Corrected => (learning_rate, epsilon / scale, root / second, 1.0 / second),
            Amsgrad::Uncorrected => (learning_rate, config.epsilon, config.epsilon_root, 1.0),
        };
        let (rate, rate_ahead) = match config.momentum_kind {
            MomentumKind::HeavyBall => (learning_rate / first, 0.0),
            MomentumKind::Nesterov => {
                let next = bias_correction(config.beta_1, memory.time + 1);
                let rate = learning_rate * config.beta_1 / next;
                (rate, learning_rate * (1.0 - config.beta_1) / first)
            }
        };
        let past = (memory.time - 1) as f64;
        Scalars {
            beta_1: config.beta_1 * libm::pow(config.beta_1_decay, past),
            rate,
            rate_ahead,
            epsilon,
            root,
            correction,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        let largest = match self.config.amsgrad {
            Amsgrad::None => None,
            Amsgrad::Raw | Amsgrad::Corrected | Amsgrad::Uncorrected => Some(g.zero()),
        };
        Moments::new(g.zero(), g.zero(), largest)
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let m = past.first_moment.mix(s.beta_1, g.clone());
        let v = (past.second_moment).mix(self.config.beta_2, g.clone().square());
        let largest = (past.largest).map(|largest| largest.max(v.clone().scale(s.correction)));
        let square = largest.clone().unwrap_or_else(|| v.clone());
        let divisor = match s.root {
            0.0 => square.sqrt(),
            root => square.shift(root).sqrt(),
        };
        let mut step = m.clone().scale(s.rate);
        if s.rate_ahead != 0.0 {
            step = step + g.scale(s.rate_ahead);
        }
        let x = x - step / divisor.shift(s.epsilon);
        (x, Moments::new(m, v, largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 1 and v = 1 at both steps: M = 2 and V = 4, then M = 4 / 3 and V = 16 / 7.
        let (beta_1, beta_2) = (0.5, 0.75);
        let corrected = |epsilon: f64| AdamConfig {
            beta_1,
            beta_2,
            epsilon,
            ..AdamConfig::torch()
        };
        let expected = [0.9, 0.811_808_289_6];
        assert_steps(&corrected(0.0).build().unwrap(), [2.0, 1.0], expected);
        let expected = [0.95, 0.912_033_391_6];
        assert_steps(&corrected(2.0).build().unwrap(), [2.0, 1.0], expected);
        // Half of each step without epsilon, for sqrt(v) is 1, too.
        let uncorrected = AdamConfig {
            epsilon_place: AdamEpsilon::Uncorrected,
            ..corrected(1.0)
        };
        let expected = [0.95, 0.905_904_144_8];
        assert_steps(&uncorrected.build().unwrap(), [2.0, 1.0], expected);
    }
}
