//! A range of values that is likely to hold the true one.

/// Probability that an interval covers the true value.
pub const CONFIDENCE: f64 = 0.95;

/// A range of values, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Interval {
    /// As far to either side of the middle.
    pub(super) fn around(middle: f64, half_width: f64) -> Self {
        Self {
            lower: middle - half_width,
            upper: middle + half_width,
        }
    }

    /// Whether the value lies between the ends.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}
