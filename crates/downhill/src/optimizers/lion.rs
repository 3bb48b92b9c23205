//! Lion.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Lion: steps of equal size, in the direction of the sign of a running mean.
///
/// ```text
/// x_t = x_{t-1} - learning_rate * sign(beta_1 * m_{t-1} + (1 - beta_1) * g_t)
/// m_t = beta_2 * m_{t-1} + (1 - beta_2) * g_t,  m_0 = 0
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter. Source: Chen et al. 2023
/// (arXiv:2302.06675), with decoupled weight decay. The same in Keras, optax (mode "hard") and
/// Burn; only the defaults differ.
#[derive(Clone, Debug)]
pub struct Lion {
    config: LionConfig,
}

settings! {
    /// The settings of [`Lion`].
    pub struct LionConfig for Lion, "lion" {
        /// Learning rate: the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Weight of the running mean in the step, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the running mean, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax, keras, burn
    source: "Chen et al. 2023, arXiv:2302.06675"
}

impl LionConfig {
    /// optax's defaults: betas 0.9 and 0.99, decoupled weight decay 0.001. optax has no default
    /// learning rate; this uses 1e-4.
    pub fn optax() -> Self {
        Self {
            learning_rate: 1e-4,
            beta_1: 0.9,
            beta_2: 0.99,
            weight_decay: WeightDecay::Decoupled(0.001),
        }
    }

    /// Keras's defaults: learning rate 0.001, no weight decay.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            weight_decay: WeightDecay::None,
            ..Self::optax()
        }
    }

    /// Burn's defaults: betas rounded to `f32`, no weight decay. Burn has no default learning rate;
    /// this uses 1e-4.
    pub fn burn() -> Self {
        Self {
            beta_1: f64::from(0.9_f32),
            beta_2: f64::from(0.99_f32),
            weight_decay: WeightDecay::None,
            ..Self::optax()
        }
    }
}

memory!(Mean { mean });
optimizer!(Lion, burn {
    tensors: ["momentum" => "mean"],
    where: |_| true,
});

impl Elementwise for Lion {
    type Remembers<R: Real> = Mean<R>;
    /// The learning rate.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Mean<R> {
        Mean::new(g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Mean<R>) -> (R, Mean<R>) {
        let direction = past.mean.clone().mix(self.config.beta_1, g.clone()).sign();
        let mean = past.mean.mix(self.config.beta_2, g);
        (x - direction.scale(*rate), Mean::new(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // m = 0.02, so that 0.9 * 0.02 - 0.1 * 0.1 is still above 0, and 0.1 * 0.3 is not.
        let lion = LionConfig::keras().build().unwrap();
        assert_steps(&lion, [2.0, -0.1], [0.9, 0.8]);
        assert_steps(&lion, [2.0, -0.3], [0.9, 1.0]);
    }
}
