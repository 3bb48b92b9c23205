//! Final values as strips: one row per method with a dot per seed, the mean and its interval.

use maud::{Markup, html};

use crate::number_text::Precision;
use crate::plot::{Look, Scale, coordinate, cross, line, shortened, tick_text};
use crate::statistics::Statistics;

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
                path class="grid" d=(line([(x, TOP), (x, bottom)])) {}
                text class="small middle" x=(coordinate(x)) y=(bottom + 16.0) { (tick_text(100.0 * tick)) }
            }
            @if self.is_difference {
                path class="zero" d=(line([(scale.at(0.0), TOP), (scale.at(0.0), bottom)])) {}
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

    /// The figure in words.
    pub(crate) fn description(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("{}: {}", row.name, self.text(&row.statistics)));
        format!("In {}. {}.", self.unit(), rows.collect::<Vec<_>>().join("; "))
    }

    fn unit(&self) -> &'static str {
        if self.is_difference { "points" } else { "percent" }
    }

    fn text(&self, statistics: &Statistics) -> String {
        if !self.is_difference {
            return self.precision.mean_and_half_width(statistics);
        }
        let mean = self.precision.signed_points(statistics.mean);
        match statistics.half_width() {
            Some(half_width) => format!("{mean} ± {}", self.precision.percent(half_width)),
            None => mean,
        }
    }

    /// From the lowest to the highest of values and intervals, with a margin.
    fn domain(&self) -> (f64, f64) {
        let values = self.rows.iter().flat_map(|row| row.values.iter().map(|(value, _)| *value));
        let intervals = self.rows.iter().filter_map(|row| row.statistics.interval);
        let ends = intervals.flat_map(|interval| [interval.lower, interval.upper]);
        let zero = self.is_difference.then_some(0.0);
        let mut lower = f64::INFINITY;
        let mut upper = f64::NEG_INFINITY;
        for value in values.chain(ends).chain(zero) {
            lower = lower.min(value);
            upper = upper.max(value);
        }
        let margin = (0.06 * (upper - lower)).max(0.002);
        let (lower, upper) = (lower - margin, upper + margin);
        if self.is_difference {
            (lower, upper)
        } else {
            (lower.max(0.0), upper.min(1.0))
        }
    }

    fn row(&self, row: &Row, top: f64, scale: &Scale) -> Markup {
        let (mean_y, dots_y) = (top + 26.0, top + 39.0);
        let statistics = &row.statistics;
        html! {
            g class=(row.look.class()) {
                text class="halo" x="10" y=(top + 14.0) { (shortened(&row.name, 32)) }
                text class="halo end" x=(WIDTH - 10.0) y=(top + 14.0) { (self.text(statistics)) }
                @for (index, (value, is_diverged)) in row.values.iter().enumerate() {
                    @let at = (scale.at(*value), dots_y + offset(index));
                    @if *is_diverged {
                        (cross(at))
                    } @else {
                        circle class="dot" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r="2.6" {}
                    }
                }
                @if let Some(interval) = statistics.interval {
                    @let (from, to) = (scale.at(interval.lower), scale.at(interval.upper));
                    path class="interval" d=(
                        line([(from, mean_y), (to, mean_y)])
                            + &line([(from, mean_y - 4.0), (from, mean_y + 4.0)])
                            + &line([(to, mean_y - 4.0), (to, mean_y + 4.0)])
                    ) {}
                }
                (row.look.marker((scale.at(statistics.mean), mean_y), 4.6))
            }
        }
    }
}

/// Spreads dots up and down so that equal values stay visible.
fn offset(index: usize) -> f64 {
    2.4 * ((index * 2 % 5) as f64 - 2.0)
}
