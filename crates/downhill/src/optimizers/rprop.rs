//! Rprop.

use serde::{Deserialize, Serialize};

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::{InvalidHyperparameter, ensure};
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::{Setting, settings};

/// Rprop: each coordinate has its own step size, which grows while the gradient keeps its sign and
/// shrinks when the sign changes.
///
/// ```text
/// s = g_t * p_{t-1},  p_0 = 0,  d_0 = learning_rate of the first step
/// d_t = clamp(d_{t-1} * eta, min_step_size, max_step_size),
///       with eta = eta_plus if s > 0, eta_minus if s < 0, 1 if s = 0
/// p_t = 0 if s < 0, else g_t
///
/// now:   x_t = x_{t-1} - d_t * sign(p_t)
/// late:  x_t = x_{t-1} - d_{t-1} * sign(p_{t-1}), or x_{t-1} if s < 0
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Riedmiller and Braun
/// 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", in
/// PyTorch's form, which does not undo the last step when the sign changes. optax 0.2.8 applies
/// each step one call late. Meant for gradients of the whole data set, not of batches. Only the
/// learning rate of the first step matters.
#[derive(Clone, Debug)]
pub struct Rprop {
    config: RpropConfig,
}

/// When a step is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RpropTiming {
    /// Immediately (PyTorch).
    Now,
    /// At the next call, unless the gradient has changed its sign (optax).
    Late,
}

impl Setting for RpropTiming {}

settings! {
    /// The settings of [`Rprop`].
    pub struct RpropConfig for Rprop, "rprop" {
        /// Size of the first step; positive.
        pub learning_rate: f64 => positive,
        /// Factor on the step size when the gradient changes its sign, in \[0, 1).
        pub eta_minus: f64 => decay_rate,
        /// Factor on the step size while the gradient keeps its sign; at least 1.
        pub eta_plus: f64 => at_least_1,
        /// Minimum step size; non-negative.
        pub min_step_size: f64 => not_negative,
        /// Maximum step size; positive.
        pub max_step_size: f64 => positive,
        /// When a step is applied.
        pub timing: RpropTiming,
    }
    presets: torch, optax
    source: r#"Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm""#
    check: ordered
    renamed: shrink => eta_minus, grow => eta_plus, least_step => min_step_size,
        largest_step => max_step_size
}

impl RpropConfig {
    /// PyTorch's defaults: first step 0.01, factors 0.5 and 1.2, step sizes from 1e-6 to 50.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            eta_minus: 0.5,
            eta_plus: 1.2,
            min_step_size: 1e-6,
            max_step_size: 50.0,
            timing: RpropTiming::Now,
        }
    }

    /// optax's defaults: PyTorch's, with steps applied one call late. optax has no default learning
    /// rate; this uses 0.01.
    pub fn optax() -> Self {
        Self {
            timing: RpropTiming::Late,
            ..Self::torch()
        }
    }

    fn ordered(&self) -> Result<(), InvalidHyperparameter> {
        let holds = self.min_step_size <= self.max_step_size;
        let requirement = "be at most max_step_size";
        ensure(holds, "min_step_size", requirement, self.min_step_size)
    }
}

memory!(Steps {
    step_size,
    past_gradient
});
optimizer!(Rprop);

impl Elementwise for Rprop {
    type Remembers<R: Real> = Steps<R>;
    /// The learning rate.
    type Scalars = f64;
    const PROPORTIONAL: bool = false;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, rate: &f64, _x: &R, g: &R) -> Steps<R> {
        Steps::new(g.fill(*rate), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, _rate: &f64, x: R, g: R, past: Steps<R>) -> (R, Steps<R>) {
        let config = &self.config;
        let stays = g.clone() * past.past_gradient.clone();
        let turns = -stays.clone();
        let one = g.fill(1.0);
        let factor = turns.clone().positive_or(g.fill(config.eta_minus), one);
        let factor = stays.positive_or(g.fill(config.eta_plus), factor);
        let d = (past.step_size.clone() * factor).clamp(config.min_step_size, config.max_step_size);
        let p = turns.clone().positive_or(g.zero(), g.clone());
        let step = match config.timing {
            RpropTiming::Now => d.clone() * p.clone().sign(),
            RpropTiming::Late => {
                let late = past.step_size * past.past_gradient.sign();
                turns.positive_or(g.zero(), late)
            }
        };
        let x = x - step;
        (x, Steps::new(d, p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let rprop = RpropConfig::torch().build().unwrap();
        // 0.1, then 0.12.
        assert_steps(&rprop, [2.0, 1.0], [0.9, 0.78]);
        // After a turn it waits.
        assert_steps(&rprop, [2.0, -1.0], [0.9, 0.9]);
        let bounded = RpropConfig {
            max_step_size: 0.05,
            ..RpropConfig::torch()
        };
        assert_steps(&bounded.build().unwrap(), [2.0, 1.0], [0.95, 0.9]);
        let late = RpropConfig::optax().build().unwrap();
        assert_steps(&late, [2.0, 1.0], [1.0, 0.9]);
        assert_steps(&late, [2.0, -1.0], [1.0, 1.0]);
    }
}
