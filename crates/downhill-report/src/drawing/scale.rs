//! Scales and their ticks.

use crate::text::numbers::count;

/// Maps values to coordinates. Values outside are drawn at the edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    lower: f64,
    upper: f64,
    start: f64,
    end: f64,
    is_log: bool,
}

impl Scale {
    /// Maps `lower` to `start` and `upper` to `end`.
    pub(crate) fn linear((lower, upper): (f64, f64), (start, end): (f64, f64)) -> Self {
        let is_log = false;
        Self {
            lower,
            upper,
            start,
            end,
            is_log,
        }
    }

    /// The same by the logarithm; both ends are positive.
    pub(crate) fn log((lower, upper): (f64, f64), (start, end): (f64, f64)) -> Self {
        let is_log = true;
        Self {
            lower,
            upper,
            start,
            end,
            is_log,
        }
    }

    /// The coordinate of a value.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.lower, self.upper);
        let share = if self.is_log {
            (value / self.lower).ln() / (self.upper / self.lower).ln()
        } else {
            (value - self.lower) / (self.upper - self.lower)
        };
        self.start + share * (self.end - self.start)
    }

    /// The last value of the scale.
    pub(crate) fn end_value(&self) -> f64 {
        self.upper
    }

    /// How long the scale is as drawn.
    pub(crate) fn length(&self) -> f64 {
        (self.end - self.start).abs()
    }

    /// Whether the value lies within the scale.
    pub(crate) fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// Round values within the scale, about `wanted` of them, rising.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.is_log {
            self.log_ticks(wanted)
        } else {
            self.linear_ticks(wanted)
        }
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<f64> {
        let step = round_step((self.upper - self.lower) / wanted as f64);
        let slack = 1e-9 * step;
        let first = ((self.lower - slack) / step).ceil() as i64;
        let last = ((self.upper + slack) / step).floor() as i64;
        (first..=last)
            .map(|multiple| multiple as f64 * step)
            .collect()
    }

    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let decades = self.lower.log10().floor() as i32..=self.upper.log10().ceil() as i32;
        let within = |value: &f64| *value >= self.lower * 0.999 && *value <= self.upper * 1.001;
        let of = |digits: &[f64]| -> Vec<f64> {
            let ticks = decades.clone().flat_map(|decade| {
                digits
                    .iter()
                    .map(move |digit| digit * 10_f64.powi(decade))
                    .collect::<Vec<_>>()
            });
            ticks.filter(within).collect()
        };
        let fine = of(&[1.0, 2.0, 5.0]);
        if fine.len() <= wanted {
            return fine;
        }
        let coarse = of(&[1.0, 3.0]);
        if coarse.len() <= wanted {
            return coarse;
        }
        let coarse = of(&[1.0]);
        let stride = coarse.len().div_ceil(wanted).max(1);
        coarse.into_iter().step_by(stride).collect()
    }
}

/// The least of 1, 2, 5, 10, ... (and their parts by ten) that is no less than `step`.
fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|digits| digits * decade >= step * 0.999);
    digits.unwrap_or(10.0) * decade
}

/// The power of ten times 1, 2 or 5 that bounds a positive value from below.
pub(crate) fn round_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let digits = [5.0, 2.0, 1.0]
        .into_iter()
        .find(|digits| digits * decade <= value * 1.001);
    digits.unwrap_or(1.0) * decade
}

/// The same from above.
pub(crate) fn round_above(value: f64) -> f64 {
    round_step(value)
}

/// A tick's value: as short as it is exact.
pub(crate) fn tick_text(value: f64) -> String {
    if value >= 1000.0 {
        return count(value.round() as u64);
    }
    if value != 0.0 && value.abs() < 0.000_999 {
        return format!("{value:.0e}").replace('-', "\u{2212}");
    }
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.replace('-', "\u{2212}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_scale() {
        let texts = |scale: Scale, wanted| -> Vec<String> {
            scale.ticks(wanted).into_iter().map(tick_text).collect()
        };
        let pixels = (0.0, 100.0);
        assert_eq!(
            texts(Scale::linear((0.0, 601.0), pixels), 4),
            ["0", "200", "400", "600"]
        );
        assert_eq!(
            texts(Scale::linear((-0.07, 0.01), pixels), 4),
            ["−0.06", "−0.04", "−0.02", "0"]
        );
        assert_eq!(
            texts(Scale::log((0.1, 2.5), pixels), 6),
            ["0.1", "0.2", "0.5", "1", "2"]
        );
        assert_eq!(
            texts(Scale::log((1e-6, 100.0), pixels), 5),
            ["1e−6", "1e−4", "0.01", "1", "100"]
        );
    }

    #[test]
    fn values_outside_are_drawn_at_the_edge() {
        let scale = Scale::log((0.01, 100.0), (200.0, 0.0));
        assert_eq!(
            [scale.at(0.0), scale.at(1.0), scale.at(f64::INFINITY)],
            [200.0, 100.0, 0.0]
        );
        assert_eq!(
            (round_below(0.03), round_above(0.03), round_above(2.3)),
            (0.02, 0.05, 5.0)
        );
    }
}
