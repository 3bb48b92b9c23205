//! AdaGrad.

use crate::burn_optimizer::optimizer;
use crate::epsilon::EpsilonPlace;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::{Setting, settings};
use crate::weight_decay::WeightDecay;

/// AdaGrad: each coordinate's step shrinks with the squares of all its gradients so far.
///
/// ```text
/// h_t = h_{t-1} + g_t^2,  h_0 = initial_accumulator
/// r_t = learning_rate / (1 + (t - 1) * rate_decay)
///
/// outside:  x_t = x_{t-1} - r_t * g_t / (sqrt(h_t) + epsilon)
/// inside:   x_t = x_{t-1} - r_t * g_t / sqrt(h_t + epsilon)
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter and a step count. Source:
/// Duchi, Hazan and Singer 2011 (JMLR 12). The accumulator starts at 0.1 in Keras and optax, at 0
/// in all others. Burn's own AdaGrad has an epsilon of 1e-5.
#[derive(Clone, Debug)]
pub struct AdaGrad {
    config: AdaGradConfig,
}

impl Setting for EpsilonPlace {}

settings! {
    /// The settings of [`AdaGrad`].
    pub struct AdaGradConfig for AdaGrad, "adagrad" {
        /// Learning rate: the size of a coordinate's first step if the accumulator starts at 0;
        /// positive.
        pub learning_rate: f64 => positive,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added inside or outside the root.
        pub epsilon_place: EpsilonPlace,
        /// Initial value of the accumulator; non-negative.
        pub initial_accumulator: f64 => not_negative,
        /// Decay of the learning rate over the steps (PyTorch's `lr_decay`); non-negative.
        pub rate_decay: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, book, theano, keras, optax, burn
    source: "Duchi, Hazan and Singer 2011, JMLR 12"
}

impl AdaGradConfig {
    /// The book's settings: learning rate 0.01, epsilon 1e-7 outside the root.
    pub fn book() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: 1e-7,
            epsilon_place: EpsilonPlace::Outside,
            initial_accumulator: 0.0,
            rate_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// The Theano code's settings: learning rate 0.01, epsilon 1e-6 inside the root.
    pub fn theano() -> Self {
        Self {
            epsilon: 1e-6,
            epsilon_place: EpsilonPlace::Inside,
            ..Self::book()
        }
    }

    /// PyTorch's defaults: learning rate 0.01, epsilon 1e-10 outside the root.
    pub fn torch() -> Self {
        Self {
            epsilon: 1e-10,
            ..Self::book()
        }
    }

    /// Keras's defaults: learning rate 0.001, accumulator from 0.1, epsilon 1e-7 inside the root.
    pub fn keras() -> Self {
        Self {
            learning_rate: 0.001,
            epsilon_place: EpsilonPlace::Inside,
            initial_accumulator: 0.1,
            ..Self::book()
        }
    }

    /// optax's defaults: accumulator from 0.1, epsilon 1e-7 inside the root. optax has no default
    /// learning rate; this uses 0.01. optax does not move coordinates whose accumulator is 0;
    /// neither does this, because their gradient is 0.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            ..Self::keras()
        }
    }

    /// Burn's defaults: epsilon 1e-5 outside the root. Burn has no default learning rate; this uses
    /// 0.01.
    pub fn burn() -> Self {
        Self {
            epsilon: f64::from(1e-5_f32),
            ..Self::book()
        }
    }
}

memory!(Squares { accumulator });
optimizer!(AdaGrad, burn {
    time: "lr_decay.time",
    tensors: ["lr_decay.sum" => "accumulator"],
    where: |_| true,
});

impl Elementwise for AdaGrad {
    type Remembers<R: Real> = Squares<R>;
    /// The rate of this step.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> f64 {
        let past = (memory.time - 1) as f64;
        learning_rate / (1.0 + past * self.config.rate_decay)
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Squares<R> {
        Squares::new(g.fill(self.config.initial_accumulator))
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Squares<R>) -> (R, Squares<R>) {
        let h = past.accumulator + g.clone().square();
        let divisor = (self.config.epsilon_place).root(h.clone(), self.config.epsilon);
        (x - g.scale(*rate) / divisor, Squares::new(h))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let with = |config: AdaGradConfig| config.build().unwrap();
        // h = 4, then 5.
        let outside = AdaGradConfig {
            epsilon: 2.0,
            ..AdaGradConfig::book()
        };
        assert_steps(&with(outside), [2.0, -1.0], [0.95, 0.973_606_797_7]);
        let inside = AdaGradConfig {
            epsilon: 12.0,
            ..AdaGradConfig::theano()
        };
        assert_steps(&with(inside), [2.0, -1.0], [0.95, 0.974_253_562_5]);
        // h = 12 + 4, then 17; the rate 0.1, then 0.1 / 2.
        let started = AdaGradConfig {
            epsilon: 0.0,
            initial_accumulator: 12.0,
            rate_decay: 1.0,
            ..AdaGradConfig::torch()
        };
        assert_steps(&with(started), [2.0, -1.0], [0.95, 0.962_126_781_3]);
    }
}
