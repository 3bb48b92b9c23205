//! MADGRAD.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// MADGRAD: dual averaging from the initial parameter, divided by the cube root of the squares.
///
/// ```text
/// l_t = (learning_rate + epsilon) * sqrt(t)
/// q_t = q_{t-1} + l_t * g_t^2,  q_0 = 0
/// s_t = s_{t-1} + l_t * g_t,    s_0 = 0
/// z_t = x_0 - s_t / (q_t^(1/3) + epsilon)
/// x_t = momentum * x_{t-1} + (1 - momentum) * z_t
/// ```
///
/// Elementwise: any rank and shape. State: three tensors per parameter. Source: Defazio and Jelassi
/// 2021 (arXiv:2101.11075), in the form of optax, which adds epsilon to the rate. Weight decay, if
/// any, should be `l2`, because each step computes the parameter from its initial value.
#[derive(Clone, Debug)]
pub struct Madgrad {
    config: MadgradConfig,
}

settings! {
    /// The settings of [`Madgrad`].
    pub struct MadgradConfig for Madgrad, "madgrad" {
        /// Learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Weight of the previous parameter in the new one, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Defazio and Jelassi 2021, arXiv:2101.11075"
}

impl MadgradConfig {
    /// optax's defaults: momentum 0.9, epsilon 1e-6. optax has no default learning rate; this uses
    /// 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.9,
            epsilon: 1e-6,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Sums {
    squares,
    gradients,
    beginning
});
optimizer!(Madgrad);

impl Elementwise for Madgrad {
    type Remembers<R: Real> = Sums<R>;
    /// The weight of this step's gradient.
    type Scalars = f64;
    const PROPORTIONAL: bool = false;
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> f64 {
        (learning_rate + self.config.epsilon) * libm::sqrt(memory.time as f64)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _weight: &f64, x: &R, g: &R) -> Sums<R> {
        Sums::new(g.zero(), g.zero(), x.clone())
    }

    #[inline(always)]
    fn update<R: Real>(&self, weight: &f64, x: R, g: R, past: Sums<R>) -> (R, Sums<R>) {
        let config = &self.config;
        let q = past.squares + g.clone().square().scale(*weight);
        let s = past.gradients + g.scale(*weight);
        let root = q.clone().cube_root().shift(config.epsilon);
        let z = past.beginning.clone() - s.clone() / root;
        let x = x.mix(config.momentum, z);
        (x, Sums::new(q, s, past.beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // l = 1.1: q = 4.4 and s = 2.2, halved; then l = 1.1 * sqrt(2).
        let madgrad = MadgradConfig {
            momentum: 0.5,
            epsilon: 1.0,
            ..MadgradConfig::optax()
        };
        let expected = [0.583_118_977_723, 0.123_922_109_129];
        assert_steps(&madgrad.build().unwrap(), [2.0, 1.0], expected);
    }
}
