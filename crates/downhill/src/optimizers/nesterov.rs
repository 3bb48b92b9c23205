//! Nesterov's accelerated gradient.

use super::momentum::MomentumForm;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Stochastic gradient descent with Nesterov momentum, with the gradient taken at the parameter
/// itself.
///
/// ```text
/// velocity:  v_t = momentum * v_{t-1} - learning_rate * g_t
///            x_t = x_{t-1} + momentum * v_t - learning_rate * g_t
///
/// buffer:    v_t = momentum * v_{t-1} + g_t,  v_1 = g_1
///            x_t = x_{t-1} - learning_rate * (g_t + momentum * v_t)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. Keras and the book use the
/// velocity; the book writes the same step as
/// `x_t = x_{t-1} + momentum^2 * v_{t-1} - (1 + momentum) * learning_rate * g_t`. PyTorch and optax
/// use the buffer. Both forms agree while the learning rate is constant. Source: Bengio,
/// Boulanger-Lewandowski and Pascanu 2012 (arXiv:1212.0901), who rewrote the rule for a gradient
/// taken at the parameter; the book's code cites them.
///
/// Earlier revisions of the book's code, and forks of it, multiply `momentum^2` by the new `v_t`.
/// That is a mistake, which is not reproduced.
#[derive(Clone, Debug)]
pub struct Nesterov {
    config: NesterovConfig,
}

settings! {
    /// The settings of [`Nesterov`].
    pub struct NesterovConfig for Nesterov, "nesterov" {
        /// Learning rate: step per unit of gradient; positive.
        pub learning_rate: f64 => positive,
        /// Momentum coefficient, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// What the momentum buffer holds.
        pub form: MomentumForm,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, keras, optax
    source: "Bengio, Boulanger-Lewandowski and Pascanu 2012, arXiv:1212.0901"
}

impl NesterovConfig {
    /// The book's settings: learning rate 0.01, momentum 0.9, velocity.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            form: MomentumForm::Velocity,
            weight_decay: WeightDecay::None,
        }
    }

    /// Defaults of PyTorch's `SGD` with `nesterov=True`: learning rate 1e-3, buffer. PyTorch's
    /// default momentum is 0; this uses 0.9.
    pub fn torch() -> Self {
        Self {
            learning_rate: 1e-3,
            momentum: 0.9,
            form: MomentumForm::Buffer,
            ..Self::book()
        }
    }

    /// Defaults of Keras's `SGD` with `nesterov=True`, but momentum 0.9, where Keras's default is
    /// 0; the same as the book's settings.
    pub fn keras() -> Self {
        Self::book()
    }

    /// Settings for optax's `sgd` with `nesterov=True`, which has no defaults: learning rate 0.01,
    /// momentum 0.9, buffer.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            ..Self::torch()
        }
    }
}

memory!(Velocity { velocity });
optimizer!(Nesterov, burn {
    tensors: ["momentum.velocity" => "velocity"],
    where: |rule| rule.config.form == MomentumForm::Buffer,
});

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
