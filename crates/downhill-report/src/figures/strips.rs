//! Final values as strips: one row per method with a dot per seed, the mean and its interval.

use maud::{Markup, html};

use crate::drawing::marks::{Look, coordinate, cross, line, shortened};
use crate::drawing::scale::{Scale, tick_text};
use crate::statistics::{Interval, Statistics};
use crate::text::numbers::Precision;

/// Width of a strip figure in SVG units.
pub(crate) const WIDTH: f64 = 340.0;

const LEFT: f64 = 16.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 34.0;
const ROW: f64 = 50.0;
const AXIS: f64 = 42.0;

/// One method's row.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) look: Look,
    /// Each seed's value and whether it comes from a diverged run.
    pub(crate) values: Vec<(f64, bool)>,
    pub(crate) statistics: Statistics,
}

impl Row {
    fn finished(&self) -> impl Iterator<Item = f64> {
        let finished = self.values.iter().filter(|(_, is_diverged)| !is_diverged);
        finished.map(|(value, _)| *value)
    }

    fn has_diverged(&self) -> bool {
        self.values.iter().any(|(_, is_diverged)| *is_diverged)
    }
}

/// Rows with a common axis in percent or points.
pub(crate) struct Strips {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Whether the values are differences: signed, with a line at zero.
    pub(crate) is_difference: bool,
    pub(crate) precision: Precision,
}

impl Strips {
    /// Height in SVG units.
    pub(crate) fn height(&self) -> f64 {
        TOP + ROW * self.rows.len() as f64 + AXIS
    }

    /// The figure without the `svg` element around it.
    pub(crate) fn drawing(&self) -> Markup {
        let (lower, upper) = self.domain();
        let scale = Scale::linear((lower, upper), (LEFT, RIGHT));
        let bottom = TOP + ROW * self.rows.len() as f64;
        let is_cut = !self.is_difference && lower > 0.0;
        html! {
            rect class="back" width=(WIDTH) height=(self.height()) rx="4" {}
            text class="name" x="10" y="19" { (self.title) }
            @for tick in scale.ticks(5) {
                @let x = scale.at(tick);
                path class="grid" d=(self.vertical(x)) {}
                text class="small middle" x=(coordinate(x)) y=(bottom + 16.0) { (tick_text(100.0 * tick)) }
            }
            @if self.is_difference {
                path class="zero" d=(self.vertical(scale.at(0.0))) {}
            }
            path class="axis" d=(line([(LEFT, bottom), (RIGHT, bottom)])) {}
            text class="small middle" x=(WIDTH / 2.0) y=(bottom + 33.0) {
                (self.unit()) @if is_cut { " (axis does not start at 0)" }
            }
            @for (index, row) in self.rows.iter().enumerate() {
                (self.row(row, TOP + ROW * index as f64, &scale))
            }
        }
    }

    /// A vertical line that leaves out the rows' text.
    fn vertical(&self, x: f64) -> String {
        let tops = (0..self.rows.len()).map(|index| TOP + ROW * index as f64);
        tops.map(|top| line([(x, top + 18.0), (x, top + ROW)]))
            .collect()
    }

    /// The figure in words.
    pub(crate) fn description(&self) -> String {
        let rows = self
            .rows
            .iter()
            .map(|row| format!("{}: {}", row.name, self.text(&row.statistics)));
        format!(
            "In {}. {}.",
            self.unit(),
            rows.collect::<Vec<_>>().join("; ")
        )
    }

    fn unit(&self) -> &'static str {
        if self.is_difference {
            "points"
        } else {
            "percent"
        }
    }

    fn text(&self, statistics: &Statistics) -> String {
        if !self.is_difference {
            return self.precision.mean_and_half_width(statistics);
        }
        let mean = self.precision.signed_points(statistics.mean);
        mean + &self.precision.plus_minus(statistics)
    }

    /// From the lowest to the highest of values and intervals, with a margin. Rows with a diverged
    /// run would press all others together, so only their finished runs count, if there are any.
    fn domain(&self) -> (f64, f64) {
        let finished = self.rows.iter().flat_map(|row| row.finished());
        let whole = self.rows.iter().filter(|row| !row.has_diverged());
        let intervals = whole.filter_map(|row| self.drawn_interval(&row.statistics));
        let ends = intervals.flat_map(|interval| [interval.lower, interval.upper]);
        let zero = self.is_difference.then_some(0.0);
        let mut lower = f64::INFINITY;
        let mut upper = f64::NEG_INFINITY;
        for value in finished.chain(ends).chain(zero) {
            lower = lower.min(value);
            upper = upper.max(value);
        }
        if lower > upper {
            return (0.0, 1.0);
        }
        let margin = (0.06 * (upper - lower)).max(0.002);
        let (lower, upper) = (lower - margin, upper + margin);
        if self.is_difference {
            (lower, upper)
        } else {
            (lower.max(0.0), upper.min(1.0))
        }
    }

    /// The interval, as far as an accuracy can lie in it.
    fn drawn_interval(&self, statistics: &Statistics) -> Option<Interval> {
        if self.is_difference {
            statistics.shown_interval()
        } else {
            statistics.accuracy_interval()
        }
    }

    /// Whether a mean, an interval or a diverged run lies outside the axis.
    pub(crate) fn is_cut(&self) -> bool {
        let (lower, upper) = self.domain();
        self.rows.iter().any(|row| {
            let interval = self.drawn_interval(&row.statistics).into_iter();
            let ends = interval.flat_map(|interval| [interval.lower, interval.upper]);
            let values = row.values.iter().map(|(value, _)| *value);
            let is_outside = |value: f64| value < lower || value > upper;
            row.has_diverged() && values.chain(ends).any(is_outside)
        })
    }

    fn row(&self, row: &Row, top: f64, scale: &Scale) -> Markup {
        let (mean_y, dots_y) = (top + 26.0, top + 39.0);
        let statistics = &row.statistics;
        let radius = if row.values.len() > 30 { 1.5 } else { 2.6 };
        html! {
            g class=(row.look.class()) {
                text paint-order="stroke" class="halo" x="10" y=(top + 14.0) { (shortened(&row.name, 34)) }
                text paint-order="stroke" class="halo end" x=(WIDTH - 10.0) y=(top + 14.0) { (self.text(statistics)) }
                @for (index, (value, is_diverged)) in row.values.iter().enumerate() {
                    @let at = (scale.at(*value), dots_y + offset(index));
                    @if *is_diverged {
                        (cross(at))
                    } @else {
                        circle class="dot" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r=(radius) {}
                    }
                }
                @let interval = self.drawn_interval(statistics);
                @if let Some(interval) = interval {
                    @let (from, to) = (scale.at(interval.lower), scale.at(interval.upper));
                    path class="interval" d=(line([(from, mean_y), (to, mean_y)])) {}
                    (end_of_interval(scale, interval.lower, mean_y))
                    (end_of_interval(scale, interval.upper, mean_y))
                }
                @if scale.contains(statistics.mean) {
                    (row.look.marker((scale.at(statistics.mean), mean_y), 4.6))
                } @else if interval.is_none() {
                    (arrow(scale, statistics.mean, mean_y))
                }
            }
        }
    }
}

/// A bar across the end of an interval, or an arrow where it goes on beyond the axis.
fn end_of_interval(scale: &Scale, value: f64, y: f64) -> Markup {
    let x = scale.at(value);
    html! {
        @if scale.contains(value) {
            path class="interval" d=(line([(x, y - 4.0), (x, y + 4.0)])) {}
        } @else {
            (arrow(scale, value, y))
        }
    }
}

fn arrow(scale: &Scale, value: f64, y: f64) -> Markup {
    let x = scale.at(value);
    let back = if x <= LEFT { 7.0 } else { -7.0 };
    html! { path class="interval" d=(line([(x + back, y - 5.0), (x, y), (x + back, y + 5.0)])) {} }
}

/// Spreads dots up and down so that equal values stay visible.
fn offset(index: usize) -> f64 {
    2.4 * ((index * 2 % 5) as f64 - 2.0)
}
