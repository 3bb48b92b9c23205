//! An axis: what it shows, from where to where, and its ticks.

use crate::drawing::labels::text_width;
use crate::drawing::scale::{Scale, round_above, round_below, tick_text};
use crate::text::numbers::{fixed, loss};

/// Size of the text next to ticks.
const SMALL_TEXT: f64 = 11.5;

/// What an axis shows.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Quantity and unit.
    pub(crate) label: String,
    lower: f64,
    upper: f64,
    is_log: bool,
    is_share: bool,
}

impl Axis {
    /// From the least to the greatest of the values, and `0` if that is near.
    pub(crate) fn linear(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (lower, upper) = ends(values).unwrap_or((0.0, 1.0));
        let (lower, upper) = if lower < upper {
            (lower, upper)
        } else {
            (lower - 0.5, upper + 0.5)
        };
        let lower = if lower > 0.0 && lower < 0.5 * upper {
            0.0
        } else {
            lower
        };
        Self {
            label: label.into(),
            lower,
            upper,
            is_log: false,
            is_share: false,
        }
    }

    /// From one value to another.
    pub(crate) fn exactly(label: &str, (lower, upper): (f64, f64)) -> Self {
        Self {
            label: label.into(),
            lower,
            upper,
            is_log: false,
            is_share: false,
        }
    }

    /// The same with some room beyond the values.
    pub(crate) fn roomy(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let axis = Self::linear(label, values);
        let margin = 0.05 * (axis.upper - axis.lower);
        Self {
            lower: if axis.lower == 0.0 {
                0.0
            } else {
                axis.lower - margin
            },
            upper: axis.upper + margin,
            ..axis
        }
    }

    /// Shares from 0 to 1, shown as percent.
    pub(crate) fn share(label: &str) -> Self {
        Self {
            label: label.into(),
            lower: 0.0,
            upper: 1.0,
            is_log: false,
            is_share: true,
        }
    }

    /// Shares that need not lie between 0 and 1, shown as percent or points.
    pub(crate) fn shares(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            is_share: true,
            ..Self::roomy(label, values)
        }
    }

    /// Shares from one to another, shown as percent.
    pub(crate) fn shares_exactly(label: &str, ends: (f64, f64)) -> Self {
        Self {
            is_share: true,
            ..Self::exactly(label, ends)
        }
    }

    /// The logarithm of positive values, whose ends are round; others are left out.
    pub(crate) fn log(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let exact = Self::log_exactly(label, values);
        let lower = round_below(0.98 * exact.lower);
        let upper = round_above(1.02 * exact.upper).max(2.0 * lower);
        Self {
            lower,
            upper,
            ..exact
        }
    }

    /// The same from the least to the greatest of the values.
    pub(crate) fn log_exactly(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let positive = values.into_iter().filter(|value| *value > 0.0);
        let (lower, upper) = ends(positive).unwrap_or((0.1, 1.0));
        let (lower, upper) = if lower < upper {
            (lower, upper)
        } else {
            (lower / 2.0, upper * 2.0)
        };
        Self {
            label: label.into(),
            lower,
            upper,
            is_log: true,
            is_share: false,
        }
    }

    /// The same axis within these limits.
    pub(crate) fn within(self, least: f64, most: f64) -> Self {
        let lower = self.lower.clamp(least, most);
        let upper = self.upper.clamp(least, most);
        Self {
            lower,
            upper,
            ..self
        }
    }

    pub(crate) fn scale(&self, pixels: (f64, f64)) -> Scale {
        if self.is_log {
            Scale::log((self.lower, self.upper), pixels)
        } else {
            Scale::linear((self.lower, self.upper), pixels)
        }
    }

    /// A tick of the axis as text.
    pub(crate) fn tick(&self, value: f64) -> String {
        tick_text(if self.is_share { 100.0 * value } else { value })
    }

    /// A value in a sentence.
    pub(crate) fn text(&self, value: f64) -> String {
        if self.is_share {
            fixed(100.0 * value, 1)
        } else if self.is_log {
            loss(value)
        } else if value.fract() == 0.0 {
            tick_text(value)
        } else {
            loss(value)
        }
    }

    /// As many ticks as there is room for, one below the other.
    pub(crate) fn vertical_ticks(&self, scale: &Scale) -> Vec<f64> {
        scale.ticks(((scale.length() / 26.0) as usize).clamp(2, 8))
    }

    /// As many ticks as fit next to each other without overlapping text.
    pub(crate) fn horizontal_ticks(&self, scale: &Scale) -> Vec<f64> {
        for wanted in (2..=7).rev() {
            let ticks = scale.ticks(wanted);
            let is_free = |pair: &[f64]| {
                let half = |value: f64| text_width(&self.tick(value), SMALL_TEXT) / 2.0;
                scale.at(pair[1]) - scale.at(pair[0]) > half(pair[0]) + half(pair[1]) + 5.0
            };
            if !ticks.is_empty() && ticks.windows(2).all(is_free) {
                return ticks;
            }
        }
        scale.ticks(1)
    }
}

/// The least and the greatest of the finite values.
pub(crate) fn ends(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((lower, upper)) => Some((lower.min(value), upper.max(value))),
    })
}
