//! Cosines with warm restarts.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{half_cosine, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, finite};
use crate::setters::setters;

setters! {
    /// Cosines with warm restarts, each from the base to the end value and longer by a factor.
    ///
    /// ```text
    /// period_0 = first_period,  period_{i+1} = period_factor * period_i
    /// s = steps since the last restart,  period = the current one
    /// value = end_value + (base - end_value) * (1 + cos(pi * s / period)) / 2
    /// ```
    ///
    /// PyTorch's `CosineAnnealingWarmRestarts`, where the settings are `T_0`, `T_mult` and
    /// `eta_min`; optax's `sgdr_schedule` with such cycles; `CosineDecayRestarts` of Keras with a
    /// whole `t_mul`, an `m_mul` of 1 and the end value `alpha * base`. PyTorch, optax and Keras
    /// name SGDR (arXiv:1608.03983) as the source. The end value itself is not reached: that step
    /// is the restart.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct CosineRestarts {
        /// Number of steps to the first restart; at least 1.
        pub first_period: u64,
        /// Factor from each period to the next; at least 1.
        #[serde(default = "default_period_factor")]
        pub period_factor: u64,
        /// Value at the end of a period, not a factor.
        #[serde(default)]
        pub end_value: f64,
    }
}

/// As in PyTorch.
fn default_period_factor() -> u64 {
    1
}

impl CosineRestarts {
    /// Returns cosines to 0, in periods of this length.
    pub fn new(first_period: u64) -> Self {
        Self {
            first_period,
            period_factor: default_period_factor(),
            end_value: 0.0,
        }
    }

    /// Returns the number of steps since the last restart and the current period.
    fn place(&self, step: u64) -> (u64, u64) {
        let (mut since, mut period) = (step, self.first_period.max(1));
        if self.period_factor <= 1 {
            return (since % period, period);
        }
        while since >= period {
            since -= period;
            period = period.saturating_mul(self.period_factor);
        }
        (since, period)
    }
}

impl Curve for CosineRestarts {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("cosine-restarts.first_period", self.first_period)?;
        count("cosine-restarts.period_factor", self.period_factor)?;
        finite("cosine-restarts.end_value", self.end_value)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let (since, period) = self.place(step);
        half_cosine(base, self.end_value, share_done(since, period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    #[test]
    fn periods_grow() {
        // optax.sgdr_schedule of two cycles, dict(init_value=0.1, peak_value=0.1, warmup_steps=0,
        // decay_steps=3, end_value=0.01) and the same with decay_steps=6
        let schedule = CosineRestarts {
            first_period: 3,
            period_factor: 2,
            end_value: 0.01,
        };
        let expected = [
            0.1,
            0.0775,
            0.0325,
            0.1,
            0.09397114317029975,
            0.0775,
            0.055,
            0.0325,
            0.016028856829700257,
        ];
        assert_values(&schedule, 0.1, &expected);
    }

    #[test]
    fn equal_periods_repeat() {
        let schedule = CosineRestarts::new(3);
        assert_values(&schedule, 0.1, &[0.1, 0.075, 0.025, 0.1, 0.075, 0.025, 0.1]);
    }
}
