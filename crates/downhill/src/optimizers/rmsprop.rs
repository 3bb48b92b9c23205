//! RMSprop.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::{Setting, settings};
use crate::{EpsilonPlace, InvalidHyperparameter, MomentumForm, WeightDecay};

/// RMSprop: each coordinate's gradient divided by the root of its running mean square.
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
/// nesterov:  momentum * b_t and what b_t took in, instead of b_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, one more where it is centered
/// and one more with momentum. Source: Tieleman and Hinton, lecture 6e of "Neural Networks for
/// Machine Learning" (2012), which names no epsilon; hence the variants. PyTorch, the book and Burn
/// put it outside the root, Keras, optax and Theano inside; Keras and optax keep 0.9 of the past, the
/// others here 0.99. The centered form is that of Graves 2013 (arXiv:1308.0850, equations 38 to 45).
#[derive(Clone, Debug)]
pub struct RmsProp {
    config: RmsPropConfig,
}

/// How a step goes on after what momentum remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MomentumKind {
    /// By the memory.
    HeavyBall,
    /// By the memory as it will be after one more such step.
    Nesterov,
}

impl Setting for MomentumKind {}
impl Setting for bool {}

settings! {
    /// The settings of [`RmsProp`].
    pub struct RmsPropConfig for RmsProp, "rmsprop" {
        /// Step of a coordinate whose gradient is as large as usual, greater than 0.
        pub learning_rate: f64,
        /// Share of the averages that each step keeps, in \[0, 1).
        pub rho: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Where epsilon goes.
        pub epsilon_place: EpsilonPlace,
        /// Whether the gradient's running mean is taken off, so that the divisor is a standard
        /// deviation.
        pub centered: bool,
        /// The mean square before the first step, at least 0.
        pub initial_mean_square: f64,
        /// Whether the averages are corrected for where they start.
        pub bias_correction: bool,
        /// Share of the scaled gradients that each step keeps, in \[0, 1); 0 is no momentum.
        pub momentum: f64,
        /// What momentum remembers.
        pub momentum_form: MomentumForm,
        /// How momentum steps.
        pub momentum_kind: MomentumKind,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: r#"Tieleman and Hinton 2012, "Neural Networks for Machine Learning", lecture 6e"#
}

impl RmsPropConfig {
    /// As in the book: learning rate 0.01, rho 0.99, epsilon 1e-7 outside the root.
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

    /// As in the Theano code: learning rate 0.001, rho 0.99, epsilon 1e-8 inside the root.
    pub fn theano() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon: 1e-8,
            epsilon_place: EpsilonPlace::Inside,
            ..Self::book()
        }
    }

    /// As in PyTorch: learning rate 0.01, rho (there `alpha`) 0.99, epsilon 1e-8 outside the root;
    /// momentum, if any, by a buffer.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-8,
            ..Self::book()
        }
    }

    /// As in Keras: learning rate 0.001, rho 0.9, epsilon 1e-7 inside the root; momentum, if any, by
    /// a velocity.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            rho: 0.9,
            epsilon_place: EpsilonPlace::Inside,
            momentum_form: MomentumForm::Velocity,
            ..Self::book()
        }
    }

    /// As in optax: rho (there `decay`) 0.9, epsilon 1e-8 inside the root; momentum, if any, by a
    /// velocity. optax has no default rate; here it is 0.001.
    pub fn optax() -> Self {
        Self {
            epsilon: 1e-8,
            ..Self::keras()
        }
    }

    /// As in Burn: rho 0.99, epsilon 1e-5 outside the root, momentum 0.9 by a buffer. Burn has no
    /// default rate; here it is 0.01.
    pub fn burn() -> Self {
        Self {
            rho: f64::from(0.99_f32),
            epsilon: f64::from(1e-5_f32),
            momentum: f64::from(0.9_f32),
            ..Self::book()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<RmsProp, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("rho", self.rho)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("initial_mean_square", self.initial_mean_square)?;
        share_kept("momentum", self.momentum)?;
        self.weight_decay.check()?;
        Ok(RmsProp {
            config: self.clone(),
        })
    }
}

memory!(Averages { mean_square; mean, momentum });
optimizer!(RmsProp, elementwise);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    rate: f64,
    /// `1 / c_t`
    correction: f64,
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
            square = square - m.clone().scale(s.correction).square();
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

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
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
