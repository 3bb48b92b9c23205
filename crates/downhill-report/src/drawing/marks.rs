//! Scales, ticks and markers: what all figures are drawn with.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::drawing::colors::METHOD_COLORS;
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

/// Coordinates with one decimal place, which is a tenth of a pixel.
pub(crate) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" {
        "0".into()
    } else {
        short.into()
    }
}

/// A line through the points, as the `d` of a path.
pub(crate) fn line(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", coordinate(x), coordinate(y));
    }
    path
}

/// How a method is drawn: a color (by class) and the shape of its marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    index: Option<usize>,
}

impl Look {
    /// The look of the method at `index`; the baseline's is neutral.
    pub(crate) fn of(index: usize, baseline: Option<usize>) -> Self {
        let index = match baseline {
            Some(baseline) if baseline == index => None,
            Some(baseline) if baseline < index => Some(index - 1),
            _ => Some(index),
        };
        Self { index }
    }

    /// The CSS class that gives the color `--c`.
    pub(crate) fn class(self) -> String {
        match self.index {
            None => "base".into(),
            Some(index) => format!("m{}", index % METHOD_COLORS.len()),
        }
    }

    /// The dashes of its line: as colors and markers come again after the eighth method, dashes
    /// tell which round it is.
    pub(crate) fn dash(self) -> Option<&'static str> {
        match self.index.unwrap_or(0) / METHOD_COLORS.len() {
            0 => None,
            1 => Some("8 3"),
            2 => Some("2 3"),
            _ => Some("8 3 2 3"),
        }
    }

    /// The marker, centered at the point, `radius` in size.
    pub(crate) fn marker(self, at: (f64, f64), radius: f64) -> Markup {
        self.shape("mark", at, radius)
    }

    /// The marker as an outline.
    pub(crate) fn hollow(self, at: (f64, f64), radius: f64) -> Markup {
        self.shape("outline", at, radius)
    }

    fn shape(self, class: &str, (x, y): (f64, f64), radius: f64) -> Markup {
        let corners: &[(f64, f64)] = match self.index.map(|index| index % METHOD_COLORS.len()) {
            None => {
                return html! {
                    circle class=(class) cx=(coordinate(x)) cy=(coordinate(y)) r=(coordinate(radius)) {}
                };
            }
            Some(0) => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Some(1) => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Some(2) => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Some(3) => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
            Some(4) => &[
                (0.0, -1.1),
                (1.1, -0.3),
                (0.7, 1.0),
                (-0.7, 1.0),
                (-1.1, -0.3),
            ],
            Some(5) => &PLUS,
            Some(6) => &[(-1.2, 0.0), (0.8, -1.1), (0.8, 1.1)],
            Some(_) => &[(1.2, 0.0), (-0.8, -1.1), (-0.8, 1.1)],
        };
        let points = corners
            .iter()
            .map(|(dx, dy)| (x + radius * dx, y + radius * dy));
        html! { path class=(class) d=(line(points) + "Z") {} }
    }
}

/// The corners of a plus sign.
const PLUS: [(f64, f64); 12] = [
    (-0.45, -1.2),
    (0.45, -1.2),
    (0.45, -0.45),
    (1.2, -0.45),
    (1.2, 0.45),
    (0.45, 0.45),
    (0.45, 1.2),
    (-0.45, 1.2),
    (-0.45, 0.45),
    (-1.2, 0.45),
    (-1.2, -0.45),
    (-0.45, -0.45),
];

/// The cross of a run that diverged.
pub(crate) fn cross((x, y): (f64, f64)) -> Markup {
    const ARM: f64 = 3.5;
    let stroke = |rise: f64| line([(x - ARM, y - rise), (x + ARM, y + rise)]);
    html! { path class="cross" d=(stroke(ARM) + &stroke(-ARM)) {} }
}

/// A name of at most `length` characters; the end of a longer one is left out.
pub(crate) fn shortened(name: &str, length: usize) -> String {
    if name.chars().count() <= length {
        return name.into();
    }
    let kept: String = name.chars().take(length - 1).collect();
    format!("{}…", kept.trim_end())
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
    fn thirty_two_methods_differ_in_marker_or_dash_without_a_color() {
        let looks = (0..32).map(|index| Look::of(index, None));
        let of = |look: Look| (look.marker((0.0, 0.0), 4.0).0, look.dash());
        let distinct: std::collections::BTreeSet<_> = looks.map(of).collect();
        assert_eq!(distinct.len(), 32);
        let baseline = Look::of(3, Some(3));
        assert!(baseline.marker((0.0, 0.0), 4.0).0.starts_with("<circle"));
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
