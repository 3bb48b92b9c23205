//! RMSprop.

use serde::{Deserialize, Serialize};

use super::momentum::MomentumForm;
use crate::burn_optimizer::optimizer;
use crate::epsilon::EpsilonPlace;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// RMSprop: each coordinate's gradient divided by its running root mean square.
///
/// ```text
/// v_t = rho * v_{t-1} + (1 - rho) * g_t^2,  v_0 = initial_mean_square
/// m_t = rho * m_{t-1} + (1 - rho) * g_t,    m_0 = 0
/// c_t = 1 - rho^t with bias correction, else 1
///
/// V = v_t / c_t, centered: v_t / c_t - (m_t / c_t)^2
/// outside:  d_t = g_t / (sqrt(V) + epsilon)
/// inside:   d_t = g_t / sqrt(V + epsilon)
///
/// velocity:  b_t = momentum * b_{t-1} + learning_rate * d_t,  x_t = x_{t-1} - b_t
/// buffer:    b_t = momentum * b_{t-1} + d_t,  x_t = x_{t-1} - learning_rate * b_t
/// nesterov:  momentum * b_t plus the term added to b_t, in place of b_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, one more if centered and one
/// more with momentum. Source: Tieleman and Hinton, lecture 6e of "Neural Networks for Machine
/// Learning" (2012), which has no epsilon; hence the variants. Epsilon is outside the root in
/// PyTorch, the book and Burn, inside in Keras, optax and Theano. Rho is 0.9 in Keras and optax,
/// 0.99 in the others. The centered form is from Graves 2013 (arXiv:1308.0850, equations 38 to 45).
#[derive(Clone, Debug)]
pub struct RmsProp {
    config: RmsPropConfig,
}

/// Heavy-ball or Nesterov momentum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MomentumKind {
    /// The step is the momentum buffer.
    HeavyBall,
    /// The step is the momentum buffer after one more step with the same gradient.
    Nesterov,
}

impl Setting for MomentumKind {}

settings! {
    /// The settings of [`RmsProp`].
    pub struct RmsPropConfig for RmsProp, "rmsprop" {
        /// Learning rate: the step of a coordinate whose gradient has its usual size; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the averages, in \[0, 1).
        pub rho: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added inside or outside the root.
        pub epsilon_place: EpsilonPlace,
        /// Whether to divide by the standard deviation instead of the root mean square.
        pub centered: bool,
        /// Initial value of the mean square; non-negative.
        pub initial_mean_square: f64 => not_negative,
        /// Whether the averages are corrected for their start at 0.
        pub bias_correction: bool,
        /// Momentum coefficient, in \[0, 1); 0 means no momentum.
        pub momentum: f64 => decay_rate,
        /// What the momentum buffer holds.
        pub momentum_form: MomentumForm,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: r#"Tieleman and Hinton 2012, "Neural Networks for Machine Learning", lecture 6e"#
}

impl RmsPropConfig {
    /// The book's settings: learning rate 0.01, rho 0.99, epsilon 1e-7 outside the root.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            rho: 0.99,
            epsilon: 1e-7,
            epsilon_place: EpsilonPlace::Outside,
            centered: false,
            initial_mean_square: 0.0,
            bias_correction: false,
            momentum: 0.0,
            momentum_form: MomentumForm::Buffer,
            momentum_kind: MomentumKind::HeavyBall,
            weight_decay: WeightDecay::None,
        }
    }

    /// The Theano code's settings: learning rate 0.001, rho 0.99, epsilon 1e-8 inside the root.
    pub fn theano() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon: 1e-8,
            epsilon_place: EpsilonPlace::Inside,
            ..Self::book()
        }
    }

    /// PyTorch's defaults: learning rate 0.01, rho (there `alpha`) 0.99, epsilon 1e-8 outside the
    /// root; buffer, if momentum is set.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-8,
            ..Self::book()
        }
    }

    /// Keras's defaults: learning rate 0.001, rho 0.9, epsilon 1e-7 inside the root; velocity, if
    /// momentum is set.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            rho: 0.9,
            epsilon_place: EpsilonPlace::Inside,
            momentum_form: MomentumForm::Velocity,
            ..Self::book()
        }
    }

    /// optax's defaults: rho (there `decay`) 0.9, epsilon 1e-8 inside the root; velocity, if
    /// momentum is set. optax has no default learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            epsilon: 1e-8,
            ..Self::keras()
        }
    }

    /// Burn's defaults: rho 0.99, epsilon 1e-5 outside the root, momentum 0.9 with a buffer. Burn
    /// has no default learning rate; this uses 0.01.
    pub fn burn() -> Self {
        Self {
            rho: f64::from(0.99_f32),
            epsilon: f64::from(1e-5_f32),
            momentum: f64::from(0.9_f32),
            ..Self::book()
        }
    }
}

memory!(Averages { mean_square; mean, momentum });
optimizer!(RmsProp, burn {
    tensors: [
        "square_avg.square_avg" => "mean_square",
        "centered.grad_avg" => "mean",
        "centered.avg" => "",
        "momentum.buf" => "momentum",
    ],
    where: |rule| {
        let RmsPropConfig { momentum, momentum_form, bias_correction, .. } = rule.config;
        !bias_correction && (momentum == 0.0 || momentum_form == MomentumForm::Buffer)
    },
});

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    rate: f64,
    /// `1 / c_t`
    correction: f64,
    /// Whether the mean is that of a single gradient, so that the variance is 0.
    is_single: bool,
}

impl Elementwise for RmsProp {
    type Remembers<R: Real> = Averages<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let correction = match self.config.bias_correction {
            true => 1.0 / (1.0 - libm::pow(self.config.rho, memory.time as f64)),
            false => 1.0,
        };
        Scalars {
            rate: learning_rate,
            correction,
            is_single: self.config.bias_correction && memory.time == 1,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Averages<R> {
        Averages::new(
            g.fill(self.config.initial_mean_square),
            self.config.centered.then(|| g.zero()),
            (self.config.momentum > 0.0).then(|| g.zero()),
        )
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Averages<R>) -> (R, Averages<R>) {
        let config = &self.config;
        let v = past.mean_square.mix(config.rho, g.clone().square());
        let m = past.mean.map(|m| m.mix(config.rho, g.clone()));
        let mut square = v.clone().scale(s.correction);
        if let Some(m) = &m {
            // Rounding may make it less than 0, or more at the first step.
            let variance = square - m.clone().scale(s.correction).square();
            square = match s.is_single && config.initial_mean_square == 0.0 {
                true => variance.zero(),
                false => variance.max(g.zero()),
            };
        }
        let d = g / config.epsilon_place.root(square, config.epsilon);
        let Some(b) = past.momentum else {
            return (x - d.scale(s.rate), Averages::new(v, m, None));
        };
        let (now, rate) = match config.momentum_form {
            MomentumForm::Velocity => (d.scale(s.rate), 1.0),
            MomentumForm::Buffer => (d, s.rate),
        };
        let b = b.scale(config.momentum) + now.clone();
        let step = match config.momentum_kind {
            MomentumKind::HeavyBall => b.clone(),
            MomentumKind::Nesterov => b.clone().scale(config.momentum) + now,
        };
        (x - step.scale(rate), Averages::new(v, m, Some(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // v = 1 at both steps.
        let (rho, epsilon) = (0.75, 1.0);
        let outside = RmsPropConfig {
            rho,
            epsilon,
            ..RmsPropConfig::book()
        };
        assert_steps(&outside.build().unwrap(), [2.0, -1.0], [0.9, 0.95]);
        let inside = RmsPropConfig {
            rho,
            epsilon: 3.0,
            ..RmsPropConfig::theano()
        };
        assert_steps(&inside.build().unwrap(), [2.0, -1.0], [0.9, 0.95]);
        // b = 0.1, then 0.5 * 0.1 - 0.05.
        let momentum = RmsPropConfig {
            momentum: 0.5,
            ..outside
        };
        assert_steps(&momentum.build().unwrap(), [2.0, -1.0], [0.9, 0.9]);
    }
}
