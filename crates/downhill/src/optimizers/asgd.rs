//! Averaged stochastic gradient descent.

use crate::burn_optimizer::optimizer;
use crate::hyperparameter::InvalidHyperparameter;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Averaged stochastic gradient descent: a decreasing rate, and a running mean of the parameter.
///
/// ```text
/// eta_t = learning_rate / (1 + lambda * learning_rate * (t - 1))^alpha,  eta_1 = learning_rate
/// x_t = (1 - lambda * eta_t) * x_{t-1} - eta_t * g_t
/// a_t = a_{t-1} + (x_t - a_{t-1}) / max(1, t - 1 - t0),  a_0 = 0
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, the mean `a` (`average` in the
/// memory), which does not affect the steps. Source: Polyak and Juditsky 1992, with the rate of
/// PyTorch's `ASGD`.
#[derive(Clone, Debug)]
pub struct Asgd {
    config: AsgdConfig,
}

settings! {
    /// The settings of [`Asgd`].
    pub struct AsgdConfig for Asgd, "asgd" {
        /// Learning rate of the first step; positive.
        pub learning_rate: f64 => positive,
        /// Decay of the parameters, and (through lambda) of the rate; non-negative.
        pub lambda: f64 => not_negative,
        /// Exponent of the rate's decay; non-negative.
        pub alpha: f64 => not_negative,
        /// Number of steps before averaging starts; non-negative.
        pub t0: f64 => not_negative,
        /// Weight decay in addition to `lambda`.
        pub weight_decay: WeightDecay,
    }
    presets: torch
    source: "Polyak and Juditsky 1992"
    check: check_decay
    renamed: averages_from => t0
}

impl AsgdConfig {
    fn check_decay(&self) -> Result<(), InvalidHyperparameter> {
        self.weight_decay.refuse_cautious()
    }

    /// PyTorch's defaults: learning rate 0.01, lambda 1e-4, alpha 0.75, averaging after 1e6 steps.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            lambda: 1e-4,
            alpha: 0.75,
            t0: 1e6,
            weight_decay: WeightDecay::None,
        }
    }
}

memory!(Mean { average });
optimizer!(Asgd);

impl Elementwise for Asgd {
    type Remembers<R: Real> = Mean<R>;
    /// The rate, and the decay rate of the average.
    type Scalars = (f64, f64);
    const PROPORTIONAL: bool = false;
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> (f64, f64) {
        let AsgdConfig {
            lambda, alpha, t0, ..
        } = self.config;
        let past = (memory.time - 1) as f64;
        let rate = learning_rate / libm::pow(1.0 + lambda * learning_rate * past, alpha);
        (rate, 1.0 - 1.0 / f64::max(1.0, past - t0))
    }

    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &(f64, f64), _x: &R, g: &R) -> Mean<R> {
        Mean::new(g.zero())
    }

    #[inline(always)]
    fn update<R: Real>(
        &self,
        (rate, kept): &(f64, f64),
        x: R,
        g: R,
        past: Mean<R>,
    ) -> (R, Mean<R>) {
        let x = x.scale(1.0 - self.config.lambda * rate) - g.scale(*rate);
        let average = past.average.mix(*kept, x.clone());
        (x, Mean::new(average))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        // eta = 0.1: x = (1 - 0.5) - 0.2; then eta = 0.1 / 1.5.
        let asgd = AsgdConfig {
            lambda: 5.0,
            alpha: 1.0,
            ..AsgdConfig::torch()
        };
        let expected = [0.3, 0.133_333_333_333];
        assert_steps(&asgd.build().unwrap(), [2.0, 1.0], expected);
    }
}
