//! Rprop.

use serde::{Deserialize, Serialize};

use crate::InvalidHyperparameter;
use crate::hyperparameter::{at_least_1, not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::{Setting, settings};

/// Rprop: each coordinate has a step size of its own, which grows while the gradient keeps its sign
/// and shrinks when it turns.
///
/// ```text
/// s = g_t * p_{t-1},  p_0 = 0,  d_0 = learning_rate of the first step
/// d_t = clamp(d_{t-1} * (s > 0: grow, s < 0: shrink, s = 0: 1), least_step, largest_step)
/// p_t = 0 where s < 0, else g_t
///
/// now:   x_t = x_{t-1} - d_t * sign(p_t)
/// late:  x_t = x_{t-1} - d_{t-1} * sign(p_{t-1}), and where s < 0 not at all
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Riedmiller and Braun
/// 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", in the
/// form without going back after a turn, which PyTorch has. optax 0.2.8 makes each step
/// one call late. Made for whole data sets, not
/// for batches. Only the learning rate of the first step matters.
#[derive(Clone, Debug)]
pub struct Rprop {
    config: RpropConfig,
}

/// When a step is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RpropTiming {
    /// At once (PyTorch).
    Now,
    /// At the next call, unless the gradient has turned (optax).
    Late,
}

impl Setting for RpropTiming {}

settings! {
    /// The settings of [`Rprop`].
    pub struct RpropConfig for Rprop, "rprop" {
        /// Size of the first step, greater than 0.
        pub learning_rate: f64,
        /// Factor on the step size after a turn, in \[0, 1).
        pub shrink: f64,
        /// Factor on the step size where the sign stays, at least 1.
        pub grow: f64,
        /// The least step size, at least 0.
        pub least_step: f64,
        /// The largest step size, greater than 0.
        pub largest_step: f64,
        /// When a step is made.
        pub timing: RpropTiming,
    }
    presets: torch, optax
    source: r#"Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm""#
}

impl RpropConfig {
    /// As in PyTorch: first step 0.01, factors 0.5 and 1.2, step sizes from 1e-6 to 50.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            shrink: 0.5,
            grow: 1.2,
            least_step: 1e-6,
            largest_step: 50.0,
            timing: RpropTiming::Now,
        }
    }

    /// As in optax, whose steps come late; its rate, which has no default there, is 0.01 here.
    pub fn optax() -> Self {
        Self {
            timing: RpropTiming::Late,
            ..Self::torch()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Rprop, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("shrink", self.shrink)?;
        at_least_1("grow", self.grow)?;
        not_negative("least_step", self.least_step)?;
        positive("largest_step", self.largest_step)?;
        if self.least_step > self.largest_step {
            return Err(InvalidHyperparameter {
                name: "least_step",
                requirement: "be at most largest_step",
                value: self.least_step,
            });
        }
        Ok(Rprop {
            config: self.clone(),
        })
    }
}

memory!(Steps {
    step_size,
    past_gradient
});
optimizer!(Rprop, elementwise);

impl Elementwise for Rprop {
    type Remembers<R: Real> = Steps<R>;
    /// The learning rate.
    type Scalars = f64;

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
        let factor = turns.clone().positive_or(g.fill(config.shrink), one);
        let factor = stays.positive_or(g.fill(config.grow), factor);
        let d = (past.step_size.clone() * factor).clamp(config.least_step, config.largest_step);
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
            largest_step: 0.05,
            ..RpropConfig::torch()
        };
        assert_steps(&bounded.build().unwrap(), [2.0, 1.0], [0.95, 0.9]);
        let late = RpropConfig::optax().build().unwrap();
        assert_steps(&late, [2.0, 1.0], [1.0, 0.9]);
        assert_steps(&late, [2.0, -1.0], [1.0, 1.0]);
    }
}
