//! One cycle.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{half_cosine, line};
use crate::hyperparameter::{InvalidHyperparameter, count, ensure, positive};
use crate::setters::setters;

setters! {
    /// One cycle: up to the base, which is the peak, and down to almost 0.
    ///
    /// ```text
    /// start = base / start_divisor,  end = start / end_divisor
    /// top = rise_share * steps - 1,  foot = 2 * rise_share * steps - 2,  last = steps - 1
    /// two phases:   start -> base in the steps 0 to top, base -> end in top to last
    /// three phases: start -> base in 0 to top, base -> start in top to foot,
    ///               start -> end in foot to last
    /// ```
    ///
    /// The steps `top` and `foot` need not be whole. PyTorch's `OneCycleLR`, where the settings are
    /// `total_steps`, `pct_start`, `div_factor`, `final_div_factor`, `anneal_strategy` and
    /// `three_phase`; it names arXiv:1708.07120 as the source of the three phases. After the last
    /// step the end value holds; PyTorch's schedule continues for one more step, which is negative
    /// if the curve is linear, and then raises an error. optax's `cosine_onecycle_schedule` and
    /// `linear_onecycle_schedule` have their peak and end a step later and round the peak's step
    /// down.
    ///
    /// PyTorch moves the momentum as well; here that is a schedule of its own, with `base_momentum`
    /// as the base, `base_momentum / max_momentum` as `start_divisor` and 1 as `end_divisor`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct OneCycle {
        /// Total number of steps; at least 1.
        pub steps: u64,
        /// The share of the steps on which the value rises, in \[0, 1], with three phases in \[0,
        /// 0.5].
        #[serde(default = "default_rise_share")]
        pub rise_share: f64,
        /// Ratio of the base to the first value; positive.
        #[serde(default = "default_start_divisor")]
        pub start_divisor: f64,
        /// Ratio of the first value to the last; positive.
        #[serde(default = "default_end_divisor")]
        pub end_divisor: f64,
        /// Shape of the curve between two values.
        #[serde(default)]
        pub anneal: Anneal,
        /// Whether the way down has one phase or two.
        #[serde(default)]
        pub phases: Phases,
    }
}

/// Shape of a [`OneCycle`] between two values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Anneal {
    /// Half a period of a cosine.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

/// The phases of a [`OneCycle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phases {
    /// Up, and down to the end.
    #[default]
    Two,
    /// Up, down as fast, and on to the end.
    Three,
}

/// As in PyTorch.
fn default_rise_share() -> f64 {
    0.3
}

/// As in PyTorch.
fn default_start_divisor() -> f64 {
    25.0
}

/// As in PyTorch.
fn default_end_divisor() -> f64 {
    1e4
}

impl OneCycle {
    /// As in PyTorch: three tenths of the steps up from a 25th of the base, the rest down to a
    /// 10,000th of that.
    pub fn new(steps: u64) -> Self {
        Self {
            steps,
            rise_share: default_rise_share(),
            start_divisor: default_start_divisor(),
            end_divisor: default_end_divisor(),
            anneal: Anneal::default(),
            phases: Phases::default(),
        }
    }
}

impl Curve for OneCycle {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        count("one-cycle.steps", self.steps)?;
        let (most, requirement) = match self.phases {
            Phases::Two => (1.0, "lie in [0, 1]"),
            Phases::Three => (0.5, "lie in [0, 0.5] with three phases"),
        };
        let holds = (0.0..=most).contains(&self.rise_share);
        ensure(holds, "one-cycle.rise_share", requirement, self.rise_share)?;
        positive("one-cycle.start_divisor", self.start_divisor)?;
        positive("one-cycle.end_divisor", self.end_divisor)
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let last = self.steps.saturating_sub(1) as f64;
        let rise = self.rise_share * self.steps as f64;
        let (top, foot) = (rise - 1.0, 2.0 * rise - 2.0);
        let start = base / self.start_divisor;
        let end = start / self.end_divisor;

        let now = last.min(step as f64);
        let (since, until, from, to) = match self.phases {
            _ if now <= top => (0.0, top, start, base),
            Phases::Two => (top, last, base, end),
            Phases::Three if now <= foot => (top, foot, base, start),
            Phases::Three => (foot, last, start, end),
        };
        let share = if until > since {
            (now - since) / (until - since)
        } else {
            1.0
        };
        match self.anneal {
            Anneal::Cosine => half_cosine(from, to, share),
            Anneal::Linear => line(from, to, share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    // The numbers are those of PyTorch 2.9.1.

    #[test]
    fn two_phases_on_lines() {
        // OneCycleLR(optimizer, 0.1, 10, pct_start=0.25, anneal_strategy="linear")
        let schedule = OneCycle {
            rise_share: 0.25,
            anneal: Anneal::Linear,
            ..OneCycle::new(10)
        };
        let expected = [
            0.004, 0.068, 0.09333336, 0.08000008, 0.0666668, 0.05333352, 0.04000024, 0.02666696,
            0.01333368, 4e-7,
        ];
        assert_values(&schedule, 0.1, &expected);
        assert_eq!(schedule.value(0.1, 10), schedule.value(0.1, 9));
    }

    #[test]
    fn three_phases_on_lines() {
        // OneCycleLR(optimizer, 0.1, 10, three_phase=True, anneal_strategy="linear")
        let schedule = OneCycle {
            anneal: Anneal::Linear,
            phases: Phases::Three,
            ..OneCycle::new(10)
        };
        let expected = [
            0.004, 0.052, 0.1, 0.052, 0.004, 0.00320008, 0.00240016, 0.00160024, 0.00080032, 4e-7,
        ];
        assert_values(&schedule, 0.1, &expected);
    }

    #[test]
    fn three_phases_on_cosines() {
        // OneCycleLR(optimizer, 0.1, 10, pct_start=0.35, div_factor=10, final_div_factor=100,
        // three_phase=True)
        let schedule = OneCycle {
            steps: 10,
            rise_share: 0.35,
            start_divisor: 10.0,
            end_divisor: 100.0,
            anneal: Anneal::Cosine,
            phases: Phases::Three,
        };
        let expected = [
            0.01,
            0.041094235253127366,
            0.09140576474687263,
            0.09140576474687263,
            0.04109423525312737,
            0.01,
            0.00855017856687341,
            0.00505,
            0.0015498214331265902,
            0.0001,
        ];
        assert_values(&schedule, 0.1, &expected);
    }

    #[test]
    fn without_a_rise_it_only_falls() {
        // OneCycleLR(optimizer, 0.1, 5, pct_start=0.0)
        let schedule = OneCycle {
            rise_share: 0.0,
            ..OneCycle::new(5)
        };
        let expected = [
            0.0904508879153485,
            0.0654509879153485,
            0.03454941208465151,
            0.009549512084651508,
            4e-7,
        ];
        assert_values(&schedule, 0.1, &expected);
        assert_values(&OneCycle::new(1), 0.1, &[4e-7]);
        // PyTorch divides by 0 here.
        let schedule = OneCycle {
            rise_share: 0.2,
            ..OneCycle::new(5)
        };
        assert_values(&schedule, 0.1, &[0.1]);
    }
}
