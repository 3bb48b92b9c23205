//! Stochastic gradient descent with momentum.

use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, ensure};
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// Stochastic gradient descent with (heavy-ball) momentum.
///
/// ```text
/// velocity:  v_t = momentum * v_{t-1} - learning_rate * g_t
///            x_t = x_{t-1} + v_t
///
/// buffer:    v_t = momentum * v_{t-1} + (1 - dampening) * g_t,  v_1 = g_1
///            x_t = x_{t-1} - learning_rate * v_t
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. Both forms take the same steps
/// while the learning rate is constant; after a change, the velocity still contains steps at the
/// old rate. The book, Theano and Keras use the velocity, PyTorch and optax the buffer. Burn's own
/// SGD uses the buffer, by default with a dampening of 0.1.
#[derive(Clone, Debug)]
pub struct Momentum {
    config: MomentumConfig,
}

/// What a momentum buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MomentumForm {
    /// Past steps, each scaled by the learning rate at its time (book, Theano, Keras).
    Velocity,
    /// Past gradients, scaled by the current learning rate (PyTorch, optax, Burn).
    Buffer,
}

impl Setting for MomentumForm {}

settings! {
    /// The settings of [`Momentum`].
    pub struct MomentumConfig for Momentum, "momentum" {
        /// Learning rate: step per unit of gradient; positive.
        pub learning_rate: f64 => positive,
        /// Momentum coefficient, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// What the momentum buffer holds.
        pub form: MomentumForm,
        /// Fraction of every gradient but the first that the buffer leaves out, in \[0, 1). Must be
        /// 0 with [`MomentumForm::Velocity`].
        pub dampening: f64 => decay_rate,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: ""
    check: dampened
}

impl MomentumConfig {
    /// The book's settings: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
            dampening: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// The settings of the Theano code's `MomentumSGD`, which are the book's.
    pub fn theano() -> Self {
        Self::book()
    }

    /// PyTorch's defaults: learning rate 1e-3, buffer, no dampening. PyTorch's default momentum is
    /// 0; this uses 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
            ..Self::book()
        }
    }

    /// Keras's defaults, but momentum 0.9, where Keras's default is 0; the same as the book's
    /// settings.
    pub fn keras() -> Self {
        Self::book()
    }

    /// Settings for optax, which has no defaults: learning rate 0.01, momentum 0.9, buffer.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            ..Self::torch()
        }
    }

    /// Defaults of Burn's `SgdConfig` with a `MomentumConfig::new()`: momentum 0.9, rounded to
    /// `f32`, dampening 0.1, buffer. Burn has no default learning rate; this uses 0.01.
    pub fn burn() -> Self {
        Self {
            momentum: f64::from(0.9_f32),
            dampening: 0.1,
            ..Self::optax()
        }
    }

    fn dampened(&self) -> Result<(), InvalidHyperparameter> {
        let holds = self.form == MomentumForm::Buffer || self.dampening == 0.0;
        let requirement = "be 0 where form is velocity";
        ensure(holds, "dampening", requirement, self.dampening)
    }
}

memory!(Velocity { velocity });
optimizer!(Momentum, burn {
    tensors: ["momentum.velocity" => "velocity"],
    where: |rule| rule.config.form == MomentumForm::Buffer,
});

impl Elementwise for Momentum {
    type Remembers<R: Real> = Velocity<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let share = match memory.time {
            1 => 1.0,
            _ => 1.0 - self.config.dampening,
        };
        match self.config.form {
            MomentumForm::Velocity => Scalars {
                share: -learning_rate,
                rate: -1.0,
            },
            MomentumForm::Buffer => Scalars {
                share,
                rate: learning_rate,
            },
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Velocity<R> {
        Velocity::new(g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Velocity<R>) -> (R, Velocity<R>) {
        let v = past.velocity.scale(self.config.momentum) + g.scale(s.share);
        (x - v.clone().scale(s.rate), Velocity::new(v))
    }
}

/// The factors on the gradient and on the velocity.
#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    share: f64,
    rate: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // v = -0.2, then 0.9 * -0.2 + 0.1 = -0.08.
        let velocity = MomentumConfig::book().build().unwrap();
        assert_steps(&velocity, [2.0, -1.0], [0.8, 0.72]);
        // v = 2, then 0.9 * 2 - 1 = 0.8.
        let buffer = MomentumConfig::torch().build().unwrap();
        assert_steps(&buffer, [2.0, -1.0], [0.8, 0.72]);
        // v = 2, undampened at first, then 0.9 * 2 - 0.5 = 1.3.
        let dampened = MomentumConfig {
            dampening: 0.5,
            ..MomentumConfig::torch()
        };
        assert_steps(&dampened.build().unwrap(), [2.0, -1.0], [0.8, 0.67]);
    }
}
