//! Nesterov's accelerated gradient.

use crate::hyperparameter::{positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, MomentumForm, WeightDecay};

/// Stochastic gradient descent with Nesterov's momentum, the gradient taken at the point itself.
///
/// ```text
/// velocity:  v_t = momentum * v_{t-1} - learning_rate * g_t
///            x_t = x_{t-1} + momentum * v_t - learning_rate * g_t
///
/// buffer:    v_t = momentum * v_{t-1} + g_t,  v_1 = g_1
///            x_t = x_{t-1} - learning_rate * (g_t + momentum * v_t)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. The velocity form is that of
/// Keras, and of the book, which writes the same step as
/// `x_t = x_{t-1} + momentum^2 * v_{t-1} - (1 + momentum) * learning_rate * g_t`; the buffer form
/// is that of PyTorch and optax. They agree while the learning rate is constant. The rewriting of
/// the rule for a gradient taken at the point itself is that of Bengio, Boulanger-Lewandowski and
/// Pascanu 2012 (arXiv:1212.0901), which the book's code cites.
///
/// A widespread mistake, in earlier revisions of the book's code and in forks of it, multiplies
/// `momentum^2` with the new `v_t`; it takes other steps and is not offered.
#[derive(Clone, Debug)]
pub struct Nesterov {
    config: NesterovConfig,
}

settings! {
    /// The settings of [`Nesterov`].
    pub struct NesterovConfig for Nesterov, "nesterov" {
        /// Step per unit of gradient, greater than 0.
        pub learning_rate: f64,
        /// Share of the memory that each step keeps, in \[0, 1).
        pub momentum: f64,
        /// What the memory holds.
        pub form: MomentumForm,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, keras, optax
    source: "Bengio, Boulanger-Lewandowski and Pascanu 2012, arXiv:1212.0901"
}

impl NesterovConfig {
    /// As in the book: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
            weight_decay: WeightDecay::None,
        }
    }

    /// As in PyTorch 2 (`SGD` with `nesterov=True`): learning rate 1e-3, buffer. PyTorch's own
    /// momentum is 0 until one asks for it; here it is 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
            ..Self::book()
        }
    }

    /// As in Keras (`SGD` with `nesterov=True`), whose own momentum is 0 until one asks for it; here
    /// it is as in the book.
    pub fn keras() -> Self {
        Self::book()
    }

    /// As in optax (`sgd` with `nesterov=True`), which has no defaults: learning rate 0.01, momentum
    /// 0.9, buffer.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            ..Self::torch()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Nesterov, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        self.weight_decay.check()?;
        Ok(Nesterov {
            config: self.clone(),
        })
    }
}

memory!(Velocity { velocity });
optimizer!(Nesterov, elementwise);

impl Elementwise for Nesterov {
    type Remembers<R: Real> = Velocity<R>;
    /// What the gradient, and then the step, is scaled by.
    type Scalars = (f64, f64);

    // Both forms step by `momentum * v + now`; they differ in whether `now` and the memory are
    // scaled by the learning rate when they come in or when they go out.
    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> (f64, f64) {
        match self.config.form {
            MomentumForm::Velocity => (-learning_rate, -1.0),
            MomentumForm::Buffer => (1.0, learning_rate),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &(f64, f64), _x: &R, g: &R) -> Velocity<R> {
        Velocity::new(g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(
        &self,
        (share, rate): &(f64, f64),
        x: R,
        g: R,
        past: Velocity<R>,
    ) -> (R, Velocity<R>) {
        let now = g.scale(*share);
        let v = past.velocity.scale(self.config.momentum) + now.clone();
        let ahead = v.clone().scale(self.config.momentum) + now;
        (x - ahead.scale(*rate), Velocity::new(v))
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
        // v = -0.2 and x = 1 - 0.18 - 0.2; then v = -0.08 and x = 0.62 - 0.072 + 0.1.
        let velocity = NesterovConfig::book().build().unwrap();
        assert_steps(&velocity, [2.0, -1.0], [0.62, 0.648]);
        let buffer = NesterovConfig::torch().build().unwrap();
        assert_steps(&buffer, [2.0, -1.0], [0.62, 0.648]);
    }
}
