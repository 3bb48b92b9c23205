//! Lines, markers and crosses.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::drawing::colors::METHOD_COLORS;

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

/// The plus sign of a place that is known.
pub(crate) fn plus((x, y): (f64, f64)) -> Markup {
    let strokes = line([(x - 5.0, y), (x + 5.0, y)]) + &line([(x, y - 5.0), (x, y + 5.0)]);
    html! { path class="cross" d=(strokes) {} }
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
    fn thirty_two_methods_differ_in_marker_or_dash_without_a_color() {
        let looks = (0..32).map(|index| Look::of(index, None));
        let of = |look: Look| (look.marker((0.0, 0.0), 4.0).0, look.dash());
        let distinct: std::collections::BTreeSet<_> = looks.map(of).collect();
        assert_eq!(distinct.len(), 32);
        let baseline = Look::of(3, Some(3));
        assert!(baseline.marker((0.0, 0.0), 4.0).0.starts_with("<circle"));
    }
}
