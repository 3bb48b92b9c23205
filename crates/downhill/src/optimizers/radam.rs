//! RAdam.

use super::adam::AdamEpsilon;
use super::rmsprop::MomentumKind;
use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// RAdam: Adam that divides by its second moment only once enough gradients are averaged in it.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t),  V = v_t / (1 - beta_2^t)
/// nesterov:  M = beta_1 * m_t / (1 - beta_1^(t + 1)) + (1 - beta_1) * g_t / (1 - beta_1^t)
///
/// rho   = 2 / (1 - beta_2) - 1
/// rho_t = rho - 2 * t * beta_2^t / (1 - beta_2^t)
/// r_t = sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
///
/// rho_t > threshold:  x_t = x_{t-1} - learning_rate * r_t * M / (sqrt(V) + epsilon)
/// else:               x_t = x_{t-1} - learning_rate * M
/// ```
///
/// with epsilon added to the corrected or the uncorrected root, as in [`Adam`](crate::Adam).
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Liu et al. 2019
/// (arXiv:1908.03265), with a threshold of 4; it is 5 in PyTorch and optax. PyTorch adds epsilon to
/// the uncorrected root, optax to the corrected one.
#[derive(Clone, Debug)]
pub struct RAdam {
    config: RAdamConfig,
}

settings! {
    /// The settings of [`RAdam`].
    pub struct RAdamConfig for RAdam, "radam" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Whether epsilon is added to the root of the corrected or the uncorrected second moment.
        pub epsilon_place: AdamEpsilon,
        /// Added to the corrected second moment inside the root; non-negative.
        pub epsilon_root: f64 => not_negative,
        /// Length of the average above which steps are adaptive; at least 4.
        pub threshold: f64 => at_least_4,
        /// Heavy-ball or Nesterov momentum.
        pub momentum_kind: MomentumKind,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: torch, optax
    source: "Liu et al. 2019, arXiv:1908.03265"
}

impl RAdamConfig {
    /// PyTorch's defaults: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8 on the
    /// uncorrected moment.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_place: AdamEpsilon::Uncorrected,
            epsilon_root: 0.0,
            threshold: 5.0,
            momentum_kind: MomentumKind::HeavyBall,
            weight_decay: WeightDecay::None,
        }
    }

    /// optax's defaults: epsilon 1e-8 on the corrected moment. optax has no default learning rate;
    /// this uses 0.001.
    pub fn optax() -> Self {
        Self {
            epsilon_place: AdamEpsilon::Corrected,
            ..Self::torch()
        }
    }
}

memory!(Moments {
    first_moment,
    second_moment
});
optimizer!(RAdam);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_mean: f64,
    of_gradient: f64,
    /// Factor from `v` to `V`, and the epsilon of its root; `None` while the step does not divide.
    divisor: Option<(f64, f64)>,
}

impl Elementwise for RAdam {
    type Remembers<R: Real> = Moments<R>;
    type Scalars = Scalars;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Scalars {
        let config = &self.config;
        let t = memory.time as f64;
        let first = bias_correction(config.beta_1, memory.time);
        let second = bias_correction(config.beta_2, memory.time);
        let longest = 2.0 / (1.0 - config.beta_2) - 1.0;
        let length = longest - 2.0 * t * libm::pow(config.beta_2, t) / second;
        let mut rate = learning_rate;
        let divisor = (length > config.threshold).then(|| {
            let variance = (length - 4.0) * (length - 2.0) * longest
                / ((longest - 4.0) * (longest - 2.0) * length);
            rate *= libm::sqrt(variance);
            let epsilon = match config.epsilon_place {
                AdamEpsilon::Corrected => config.epsilon,
                AdamEpsilon::Uncorrected => config.epsilon / libm::sqrt(second),
            };
            (1.0 / second, epsilon)
        });
        let (of_mean, of_gradient) = match config.momentum_kind {
            MomentumKind::HeavyBall => (rate / first, 0.0),
            MomentumKind::Nesterov => {
                let next = bias_correction(config.beta_1, memory.time + 1);
                (
                    rate * config.beta_1 / next,
                    rate * (1.0 - config.beta_1) / first,
                )
            }
        };
        Scalars {
            of_mean,
            of_gradient,
            divisor,
        }
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Scalars, _x: &R, g: &R) -> Moments<R> {
        Moments::new(g.zero(), g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &Scalars, x: R, g: R, past: Moments<R>) -> (R, Moments<R>) {
        let config = &self.config;
        let m = past.first_moment.mix(config.beta_1, g.clone());
        let v = past.second_moment.mix(config.beta_2, g.clone().square());
        let mut step = m.clone().scale(s.of_mean);
        if s.of_gradient != 0.0 {
            step = step + g.scale(s.of_gradient);
        }
        if let Some((correction, epsilon)) = s.divisor {
            let square = v.clone().scale(correction).shift(config.epsilon_root);
            step = step / square.sqrt().shift(epsilon);
        }
        (x - step, Moments::new(m, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // The average is too short to divide by: M = 2, then 4 / 3.
        let radam = RAdamConfig {
            beta_1: 0.5,
            ..RAdamConfig::torch()
        };
        let expected = [0.8, 0.666_666_666_667];
        assert_steps(&radam.build().unwrap(), [2.0, 1.0], expected);
    }
}
