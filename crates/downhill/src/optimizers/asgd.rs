//! Averaged stochastic gradient descent.

use crate::hyperparameter::{not_negative, positive};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// Averaged stochastic gradient descent: a falling rate, and beside the parameter its mean.
///
/// ```text
/// eta_t = learning_rate / (1 + lambda * learning_rate * (t - 1))^alpha,  eta_1 = learning_rate
/// x_t = (1 - lambda * eta_t) * x_{t-1} - eta_t * g_t
/// a_t = a_{t-1} + (x_t - a_{t-1}) / max(1, t - 1 - averages_from),  a_0 = 0
/// ```
///
/// Elementwise: any rank and shape. State: one tensor per parameter, the mean `a` (in the memory as
/// `average`), which does not act on the steps. Source: Polyak and Juditsky 1992; the schedule is
/// that of PyTorch's `ASGD`.
#[derive(Clone, Debug)]
pub struct Asgd {
    config: AsgdConfig,
}

settings! {
    /// The settings of [`Asgd`].
    pub struct AsgdConfig for Asgd, "asgd" {
        /// The first step per unit of gradient, greater than 0.
        pub learning_rate: f64,
        /// Decay towards 0 and, by it, of the rate, at least 0.
        pub lambda: f64,
        /// How fast the rate falls, at least 0.
        pub alpha: f64,
        /// The number of steps from which on the parameter is averaged, at least 0.
        pub averages_from: f64,
        /// Further decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: torch
    source: "Polyak and Juditsky 1992"
}

impl AsgdConfig {
    /// As in PyTorch: learning rate 0.01, lambda 1e-4, alpha 0.75, averages from 1e6 steps on.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.01,
            lambda: 1e-4,
            alpha: 0.75,
            averages_from: 1e6,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Asgd, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        not_negative("lambda", self.lambda)?;
        not_negative("alpha", self.alpha)?;
        not_negative("averages_from", self.averages_from)?;
        self.weight_decay.check()?;
        Ok(Asgd {
            config: self.clone(),
        })
    }
}

memory!(Mean { average });
optimizer!(Asgd, elementwise);

impl Elementwise for Asgd {
    type Remembers<R: Real> = Mean<R>;
    /// The rate, and the share of the average that a step keeps.
    type Scalars = (f64, f64);

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> (f64, f64) {
        let AsgdConfig {
            lambda,
            alpha,
            averages_from,
            ..
        } = self.config;
        let past = (memory.time - 1) as f64;
        let rate = learning_rate / libm::pow(1.0 + lambda * learning_rate * past, alpha);
        (rate, 1.0 - 1.0 / f64::max(1.0, past - averages_from))
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
