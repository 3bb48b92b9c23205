//! ADOPT.

use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// ADOPT: Adam that divides each gradient by the root of the second moment of earlier gradients,
/// and averages the quotients.
///
/// ```text
/// t = 1:  v_1 = g_1^2,  m_1 = 0,  x_1 = x_0
/// t > 1:  d_t = g_t / max(sqrt(v_{t-1}), epsilon), clipped to +-(t - 1)^clip_power
///         m_t = beta_1 * m_{t-1} + (1 - beta_1) * d_t
///         nesterov: M = beta_1 * m_t + (1 - beta_1) * d_t, else M = m_t
///         x_t = x_{t-1} - learning_rate * M
///         v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2
/// ```
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Taniguchi et al. 2024
/// (arXiv:2411.02853). Its later versions and optax clip to the fourth root of the step. The first
/// step moves nothing.
#[derive(Clone, Debug)]
pub struct Adopt {
    config: AdoptConfig,
}

settings! {
    /// The settings of [`Adopt`].
    pub struct AdoptConfig for Adopt, "adopt" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Minimum of the denominator; positive.
        pub epsilon: f64 => positive,
        /// Whether the normalized gradients are clipped.
        pub use_clipping: bool,
        /// Exponent of the clipping bound `(t - 1)^clip_power`; non-negative.
        pub clip_power: f64 => not_negative,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Taniguchi et al. 2024, arXiv:2411.02853"
    renamed: clips => use_clipping
}

impl AdoptConfig {
    /// optax's defaults: betas 0.9 and 0.9999, epsilon 1e-6, clipping to the fourth root of the
    /// step. optax has no default learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.9999,
            epsilon: 1e-6,
            use_clipping: true,
            clip_power: 0.25,
            momentum_kind: MomentumKind::HeavyBall,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Moments {
    mean,
    second_moment
});
optimizer!(Adopt);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    rate: f64,
    first: bool,
    most: f64,
}

impl Elementwise for Adopt {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let past = (memory.time - 1) as f64;
        Scalars {
            rate: learning_rate,
            first: memory.time == 1,
            most: libm::pow(past, self.config.clip_power),
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.clone().square())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        if s.first {
            return (x, past);
        }
        let config = &self.config;
        let v = past.second_moment;
        let least = g.fill(config.epsilon);
        let mut d = g.clone() / v.clone().sqrt().max(least);
        if config.use_clipping {
            d = d.clamp(-s.most, s.most);
        }
        let m = past.mean.mix(config.beta_1, d.clone());
        let step = match config.momentum_kind {
            MomentumKind::HeavyBall => m.clone(),
            MomentumKind::Nesterov => m.clone().mix(config.beta_1, d),
        };
        let v = v.mix(config.beta_2, g.square());
        (x - step.scale(s.rate), Moments::new(m, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // Nothing, then g / |g_1| = 0.5, halved by the mean.
        let adopt = AdoptConfig {
            beta_1: 0.5,
            ..AdoptConfig::optax()
        };
        assert_steps(&adopt.build().unwrap(), [2.0, 1.0], [1.0, 0.975]);
        // 3 is clipped to 1.
        assert_steps(&adopt.build().unwrap(), [2.0, 6.0], [1.0, 0.95]);
        let unclipped = AdoptConfig {
            use_clipping: false,
            ..adopt
        };
        assert_steps(&unclipped.build().unwrap(), [2.0, 6.0], [1.0, 0.85]);
    }
}
