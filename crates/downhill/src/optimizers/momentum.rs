//! Stochastic gradient descent with momentum.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{positive, share_kept, zero_unless};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::{Setting, settings};
use crate::{InvalidHyperparameter, WeightDecay};

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
/// Elementwise: any rank and shape. State: one tensor per parameter. The two forms take the same
/// steps while the learning rate is constant; after a change of the rate, the velocity still
/// carries the old one. Velocity is the form of the book, Theano and Keras, buffer that of PyTorch
/// and optax. Burn's own SGD is the buffer form with a dampening of 0.1 by default.
#[derive(Clone, Debug)]
pub struct Momentum {
    config: MomentumConfig,
}

/// What the memory of a momentum method holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MomentumForm {
    /// Past steps, each scaled by the learning rate of its time (book, Theano, Keras).
    Velocity,
    /// Past gradients, scaled by the learning rate of now (PyTorch, optax, Burn).
    Buffer,
}

impl Setting for MomentumForm {}

settings! {
    /// The settings of [`Momentum`].
    pub struct MomentumConfig for Momentum, "momentum" {
        /// Step per unit of gradient, greater than 0.
        pub learning_rate: f64,
        /// Share of the memory that each step keeps, in \[0, 1).
        pub momentum: f64,
        /// What the memory holds.
        pub form: MomentumForm,
        /// Share of each gradient but the first that the buffer leaves out, in \[0, 1); 0 with
        /// [`MomentumForm::Velocity`], which knows no such thing.
        pub dampening: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: ""
}

impl MomentumConfig {
    /// As in the book: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
            dampening: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// As in the Theano code (`MomentumSGD`), which is as in the book.
    pub fn theano() -> Self {
        Self::book()
    }

    /// As in PyTorch 2: learning rate 1e-3, buffer, no dampening. PyTorch's own momentum is 0
    /// until one asks for it; here it is 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
            ..Self::book()
        }
    }

    /// As in Keras, whose own momentum is 0 until one asks for it; here it is as in the book.
    pub fn keras() -> Self {
        Self::book()
    }

    /// As in optax, which has no defaults: learning rate 0.01, momentum 0.9, buffer.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            ..Self::torch()
        }
    }

    /// As in Burn (its `SgdConfig` with a `MomentumConfig::new()`): momentum 0.9, rounded to `f32`,
    /// dampening 0.1, buffer. Burn has no default rate; here it is 0.01.
    pub fn burn() -> Self {
        Self {
            momentum: f64::from(0.9_f32),
            dampening: 0.1,
            ..Self::optax()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Momentum, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        share_kept("dampening", self.dampening)?;
        let buffer = self.form == MomentumForm::Buffer;
        zero_unless(
            "dampening",
            self.dampening,
            buffer,
            "be 0 where form is velocity",
        )?;
        self.weight_decay.check()?;
        Ok(Momentum {
            config: self.clone(),
        })
    }
}

memory!(Velocity { velocity });
optimizer!(Momentum, elementwise);

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

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}

/// What the memory takes in of the gradient, and the parameter of the memory.
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
