//! Triangles.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::interpolation::{line, share_done};
use crate::hyperparameter::{InvalidHyperparameter, count, finite, shrinking};
use crate::setters::setters;

setters! {
    /// Linearly from the base to a peak and back, repeatedly.
    ///
    /// ```text
    /// cycle = floor(t / (steps_up + steps_down)),  s = t - cycle * (steps_up + steps_down)
    /// h = s / steps_up on the way up, (steps_up + steps_down - s) / steps_down on the way down
    /// triangular:  value = base + (peak - base) * h
    /// triangular2: value = base + (peak - base) * h / 2^cycle
    /// exp-range:   value = base + (peak - base) * h * gamma^t
    /// ```
    ///
    /// PyTorch's `CyclicLR`, where the base is `base_lr` and the peak `max_lr`; it names
    /// arXiv:1506.01186 as the source. PyTorch moves the momentum as well; here that is a schedule
    /// of its own, with `max_momentum` as the base and `base_momentum` as the peak.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields)]
    pub struct Cyclic {
        /// Value at the peak of the first cycle, not a factor.
        pub peak: f64,
        /// Number of steps from the base to the peak; at least 1.
        pub steps_up: u64,
        /// Number of steps from the peak to the base; `None` for as many as up.
        #[serde(default)]
        pub steps_down: Option<u64>,
        /// How the height of the triangles changes.
        #[serde(default)]
        pub shape: CyclicShape,
    }
}

/// How the height of a [`Cyclic`]'s triangles changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CyclicShape {
    /// Not at all.
    #[default]
    Triangular,
    /// It halves from cycle to cycle.
    Triangular2,
    /// It is multiplied by this gamma at each step, in (0, 1].
    ExpRange(f64),
}

impl Cyclic {
    /// Returns triangles as fast down as up, always to the same peak.
    pub fn new(peak: f64, steps_up: u64) -> Self {
        Self {
            peak,
            steps_up,
            steps_down: None,
            shape: CyclicShape::default(),
        }
    }
}

impl Curve for Cyclic {
    fn check(&self) -> Result<(), InvalidHyperparameter> {
        finite("cyclic.peak", self.peak)?;
        count("cyclic.steps_up", self.steps_up)?;
        if let Some(steps_down) = self.steps_down {
            count("cyclic.steps_down", steps_down)?;
        }
        match self.shape {
            CyclicShape::ExpRange(gamma) => shrinking("cyclic.shape.exp-range", gamma),
            CyclicShape::Triangular | CyclicShape::Triangular2 => Ok(()),
        }
    }

    fn value(&self, base: f64, step: u64) -> f64 {
        let up = self.steps_up;
        let down = self.steps_down.unwrap_or(up);
        let length = up.saturating_add(down).max(1);
        let (cycle, place) = (step / length, step % length);
        let height = if place < up {
            share_done(place, up)
        } else {
            share_done(length - place, down)
        };
        let scale = match self.shape {
            CyclicShape::Triangular => 1.0,
            CyclicShape::Triangular2 => libm::exp2(-(cycle as f64)),
            CyclicShape::ExpRange(gamma) => libm::pow(gamma, step as f64),
        };
        line(base, self.peak, height * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::assert_values;

    // The numbers are those of PyTorch 2.9.1.

    #[test]
    fn up_and_down_have_their_own_lengths() {
        // CyclicLR(optimizer, 0.01, 0.1, 4, 2, cycle_momentum=False)
        let schedule = Cyclic {
            steps_down: Some(2),
            ..Cyclic::new(0.1, 4)
        };
        let expected = [0.01, 0.0325, 0.055, 0.0775, 0.1, 0.055, 0.01, 0.0325, 0.055];
        assert_values(&schedule, 0.01, &expected);
    }

    #[test]
    fn the_height_halves_from_cycle_to_cycle() {
        // CyclicLR(optimizer, 0.01, 0.1, 1, 3, mode="triangular2", cycle_momentum=False)
        let schedule = Cyclic {
            steps_down: Some(3),
            shape: CyclicShape::Triangular2,
            ..Cyclic::new(0.1, 1)
        };
        let expected = [
            0.01, 0.1, 0.07, 0.04, 0.01, 0.055, 0.04, 0.025, 0.01, 0.0325, 0.025, 0.0175, 0.01,
        ];
        assert_values(&schedule, 0.01, &expected);
    }

    #[test]
    fn the_height_shrinks_from_step_to_step() {
        // CyclicLR(optimizer, 0.01, 0.1, 3, mode="exp_range", gamma=0.9, cycle_momentum=False)
        let schedule = Cyclic {
            shape: CyclicShape::ExpRange(0.9),
            ..Cyclic::new(0.1, 3)
        };
        let expected = [
            0.01,
            0.037,
            0.0586,
            0.07561,
            0.049366,
            0.0277147,
            0.01,
            0.024348907,
            0.0358280326,
            0.04486784401,
            0.030920706406,
        ];
        assert_values(&schedule, 0.01, &expected);
    }
}
