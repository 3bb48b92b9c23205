//! Half a period of a cosine.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{half_cosine, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, finite};
use crate::setters::setters;

setters! {
    /// Half a period of a cosine from the base to an end value.
    ///
    /// ```text
    /// hold:  p = min(t, steps) / steps
    /// cycle: p = t / steps
    /// value = end_value + (base - end_value) * (1 + cos(pi * p)) / 2
    /// ```
    ///
    /// The cosine of PyTorch's `CosineAnnealingLR`, where the length is `T_max` and the end value
    /// `eta_min`, goes back up to the base and down again after its end (`cycle`, the default), as
    /// does Burn's cosine scheduler. `cosine_decay_schedule` of optax, with an `exponent` of 1, and
    /// `CosineDecay` of Keras stay there (`hold`); in both the end value is `alpha * base`.
    /// PyTorch, optax and Keras name SGDR (arXiv:1608.03983) as the source.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Cosine {
        /// Number of steps from the base to the end value; at least 1.
        pub steps: u64,
        /// Value at the end, not a factor.
        #[serde(default)]
        pub end_value: f64,
        /// What follows the end.
        #[serde(default)]
        pub after: CosineEnd,
    }
}

/// What follows the end of a [`Cosine`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CosineEnd {
    /// The same way back to the base, and so on.
    #[default]
    Cycle,
    /// The end value.
    Hold,
}

impl Cosine {
    /// Returns a cosine to 0 and back, as in PyTorch.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            end_value: 0.0,
            after: CosineEnd::default(),
        }
    }
}

impl Curve for Cosine {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("cosine.steps", self.steps)?;
        finite("cosine.end_value", self.end_value)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let step = match self.after {
            CosineEnd::Hold => step,
            CosineEnd::Cycle => {
                // Mirrored at the end, which is exact, unlike the cosine of a large number.
                let place = step % self.steps.saturating_mul(2).max(1);
                place.min(self.steps.saturating_mul(2) - place)
            }
        };
        half_cosine(base, self.end_value, share_done(step, self.steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    // optax.cosine_decay_schedule(0.1, 5, alpha=0.1)
    const FALL: [f64; 6] = [
        0.1,
        0.09140576474687263,
        0.06890576474687264,
        0.04109423525312738,
        0.018594235253127374,
        0.01,
    ];

    #[test]
    fn the_end_value_holds() {
        let schedule = Cosine {
            end_value: 0.01,
            after: CosineEnd::Hold,
            ..Cosine::new(5)
        };
        assert_values(&schedule, 0.1, &FALL);
        assert_eq!(schedule.value(0.1, 1000), 0.01);
    }

    #[test]
    fn a_cycle_comes_back_the_way_it_went() {
        let schedule = Cosine {
            end_value: 0.01,
            ..Cosine::new(5)
        };
        let [peak, a, b, c, d, end] = FALL;
        assert_values(
            &schedule,
            0.1,
            &[peak, a, b, c, d, end, d, c, b, a, peak, a],
        );
        assert_eq!(schedule.value(0.1, 1_000_000_000_010), 0.1);
    }
}
