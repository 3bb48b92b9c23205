//! Optimistic gradient descent.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Optimistic gradient descent: SGD that expects the gradient to go on changing as it just did.
///
/// ```text
/// x_t = x_{t-1} - learning_rate * (alpha * g_t + beta * (g_t - g_{t-1})),  g_0 = g_1
/// ```
///
/// For games between networks, in which plain SGD goes round the equilibrium. Elementwise: any rank
/// and shape. State: one tensor per parameter. Source: Mokhtari, Ozdaglar and Pattathil 2019
/// (arXiv:1901.08511), as in optax.
#[derive(Clone, Debug)]
pub struct OptimisticSgd {
    config: OptimisticSgdConfig,
}

settings! {
    /// The settings of [`OptimisticSgd`].
    pub struct OptimisticSgdConfig for OptimisticSgd, "optimistic-sgd" {
        /// Learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Factor on the gradient; non-negative.
        pub alpha: f64 => not_negative,
        /// Factor on the change of the gradient; non-negative.
        pub beta: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Mokhtari, Ozdaglar and Pattathil 2019, arXiv:1901.08511"
}

impl OptimisticSgdConfig {
    /// optax's defaults: alpha and beta 1. optax has no default learning rate; this uses 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            alpha: 1.0,
            beta: 1.0,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Past { gradient });
optimizer!(OptimisticSgd);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_gradient: f64,
    of_last: f64,
}

impl Elementwise for OptimisticSgd {
    type Remembers<R: Real> = Past<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> Scalars {
        let OptimisticSgdConfig { alpha, beta, .. } = self.config;
        Scalars {
            of_gradient: learning_rate * (alpha + beta),
            of_last: learning_rate * beta,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Past<R> {
        Past::new(g.clone())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Past<R>) -> (R, Past<R>) {
        let step = g.clone().scale(s.of_gradient) - past.gradient.scale(s.of_last);
        (x - step, Past::new(g))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // 2 - 0.5 * (2 - 2); then 1 * 2 + 0.5 * (1 - 2) of the gradients 2 and 1.
        let rule = OptimisticSgdConfig {
            learning_rate: 0.1,
            alpha: 2.0,
            beta: 0.5,
            ..OptimisticSgdConfig::optax()
        };
        assert_steps(&rule.build().unwrap(), [2.0, 1.0], [0.6, 0.45]);
    }
}
