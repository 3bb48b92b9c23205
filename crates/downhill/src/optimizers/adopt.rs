//! ADOPT.

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, MomentumKind, WeightDecay};

/// ADOPT: Adam that divides each gradient by the second moment of those before it, before the mean
/// takes it in.
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
/// (arXiv:2411.02853); clipping at the fourth root is that of its later versions and of optax. The
/// first step moves nothing.
#[derive(Clone, Debug)]
pub struct Adopt {
    config: AdoptConfig,
}

settings! {
    /// The settings of [`Adopt`].
    pub struct AdoptConfig for Adopt, "adopt" {
        /// About the size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the mean that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// The least divisor, greater than 0.
        pub epsilon: f64,
        /// Whether the divided gradients are clipped.
        pub clips: bool,
        /// The power of the number of steps that they are clipped to, at least 0.
        pub clip_power: f64,
        /// Whether the step is by the mean or ahead of it.
        pub momentum_kind: MomentumKind,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Taniguchi et al. 2024, arXiv:2411.02853"
}

impl AdoptConfig {
    /// As in optax: betas 0.9 and 0.9999, epsilon 1e-6, clipping at the fourth root. optax has no
    /// default rate; here it is 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.9999,
            epsilon: 1e-6,
            clips: true,
            clip_power: 0.25,
            momentum_kind: MomentumKind::HeavyBall,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Adopt, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        positive("epsilon", self.epsilon)?;
        not_negative("clip_power", self.clip_power)?;
        self.weight_decay.check()?;
        Ok(Adopt {
            config: self.clone(),
        })
    }
}

memory!(Moments {
    mean,
    second_moment
});
optimizer!(Adopt, elementwise);

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
        if config.clips {
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
        // Nothing, then g / |g_1| = 0.5, halved by the mean.
        let adopt = AdoptConfig {
            beta_1: 0.5,
            ..AdoptConfig::optax()
        };
        assert_steps(&adopt.build().unwrap(), [2.0, 1.0], [1.0, 0.975]);
        // 3 is clipped to 1.
        assert_steps(&adopt.build().unwrap(), [2.0, 6.0], [1.0, 0.95]);
        let unclipped = AdoptConfig {
            clips: false,
            ..adopt
        };
        assert_steps(&unclipped.build().unwrap(), [2.0, 6.0], [1.0, 0.85]);
    }
}
