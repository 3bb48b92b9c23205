//! RAdam.

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, bias_correction, memory, optimizer};
use crate::settings::settings;
use crate::{AdamEpsilon, InvalidHyperparameter, MomentumKind, WeightDecay};

/// RAdam: Adam that waits until its second moment is worth dividing by.
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
/// with epsilon on the corrected root or on the uncorrected one, as in [`Adam`](crate::Adam).
///
/// Elementwise: any rank and shape. State: two tensors per parameter. Source: Liu et al. 2019
/// (arXiv:1908.03265), whose threshold is 4; PyTorch and optax have 5, PyTorch epsilon on the
/// uncorrected moment, optax on the corrected one.
#[derive(Clone, Debug)]
pub struct RAdam {
    config: RAdamConfig,
}

settings! {
    /// The settings of [`RAdam`].
    pub struct RAdamConfig for RAdam, "radam" {
        /// About the size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the first moment that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// To which second moment epsilon is added.
        pub epsilon_place: AdamEpsilon,
        /// Added to the corrected second moment inside the root, at least 0.
        pub epsilon_root: f64,
        /// The length of the average from which on it is divided by, at least 4.
        pub threshold: f64,
        /// Whether the step is by the mean or ahead of it.
        pub momentum_kind: MomentumKind,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: torch, optax
    source: "Liu et al. 2019, arXiv:1908.03265"
}

impl RAdamConfig {
    /// As in PyTorch: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8 on the uncorrected
    /// moment.
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

    /// As in optax: epsilon 1e-8 on the corrected moment. optax has no default rate; here it is
    /// 0.001.
    pub fn optax() -> Self {
        Self {
            epsilon_place: AdamEpsilon::Corrected,
            ..Self::torch()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<RAdam, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("epsilon_root", self.epsilon_root)?;
        crate::hyperparameter::at_least_4("threshold", self.threshold)?;
        self.weight_decay.check()?;
        Ok(RAdam {
            config: self.clone(),
        })
    }
}

memory!(Moments {
    first_moment,
    second_moment
});
optimizer!(RAdam, elementwise);

#[derive(Clone, Copy)]
pub(crate) struct Scalars {
    of_mean: f64,
    of_gradient: f64,
    /// What makes `V` of `v`, and epsilon beside its root; nothing while there is no division.
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
        // The average is too short to divide by: M = 2, then 4 / 3.
        let radam = RAdamConfig {
            beta_1: 0.5,
            ..RAdamConfig::torch()
        };
        let expected = [0.8, 0.666_666_666_667];
        assert_steps(&radam.build().unwrap(), [2.0, 1.0], expected);
    }
}
