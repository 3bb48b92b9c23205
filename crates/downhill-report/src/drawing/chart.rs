//! A chart: lines with markers and bands over two axes, each named where it ends.

use maud::{Markup, html};

use crate::drawing::axis::Axis;
use crate::drawing::labels::{apart, fitted, in_two_lines, text_width};
use crate::drawing::marks::{Look, coordinate, cross, line};
use crate::drawing::panel::Panel;
use crate::drawing::scale::Scale;
use crate::statistics::{Interval, Statistics};

/// Size of a wide chart in SVG units.
pub(crate) const WIDE: (f64, f64) = (440.0, 280.0);
/// Size of a chart in a row of three.
pub(crate) const NARROW: (f64, f64) = (340.0, 240.0);
/// Size of a small multiple.
pub(crate) const SMALL: (f64, f64) = (240.0, 170.0);

const TEXT: f64 = 12.0;
const SMALL_TEXT: f64 = 11.5;
const LINE: f64 = 14.0;
/// The most that names at the ends of lines take of a chart's width.
const MOST_LABELS: f64 = 0.3;
/// From the end of the axis to the names, with room for a marker.
const BESIDE: f64 = 24.0;
/// With more lines than this their bands are fainter.
const MANY: usize = 4;
/// Largest number of points for which a line has a marker at each.
const MOST_MARKERS: usize = 16;
/// More points than this in a line do not show.
pub(crate) const MOST_POINTS: usize = 240;

/// A point of a line and the ends of its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Point {
    /// A point without a band.
    pub(crate) fn alone(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            lower: y,
            upper: y,
        }
    }

    /// The mean and its 95 % interval, if there is one to show.
    pub(crate) fn of(x: f64, statistics: &Statistics) -> Self {
        let alone = Self::alone(x, statistics.mean);
        let interval = statistics.shown_interval();
        interval.map_or(alone, |Interval { lower, upper }| Self {
            lower,
            upper,
            ..alone
        })
    }
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) look: Look,
    pub(crate) points: Vec<Point>,
    /// Single values of others, drawn as hollow markers.
    pub(crate) published: Vec<(f64, f64)>,
    /// Where runs diverged.
    pub(crate) crosses: Vec<(f64, f64)>,
    /// Whether a value holds until the next, so that the line goes in steps.
    pub(crate) is_step: bool,
    /// Thin lines behind: single runs.
    pub(crate) strays: Vec<Vec<(f64, f64)>>,
}

impl Series {
    /// A line with these points and nothing else.
    pub(crate) fn new(name: &str, look: Look, points: Vec<Point>) -> Self {
        Self {
            name: name.into(),
            look,
            points,
            published: Vec::new(),
            crosses: Vec::new(),
            is_step: false,
            strays: Vec::new(),
        }
    }
}

/// Lines over two axes.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    /// Whether lines are named where they end; if not, a key does it.
    pub(crate) is_labelled: bool,
}

/// Where the parts of a chart lie.
struct Frame {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Chart {
    /// The chart as a panel.
    pub(crate) fn panel(&self) -> Panel {
        Panel {
            title: self.title.clone(),
            description: self.description(),
            size: self.size,
            drawing: self.drawing(),
        }
    }

    fn description(&self) -> String {
        let sentence = |series: &Series| match (series.points.first(), series.points.last()) {
            (Some(first), Some(last)) if series.points.len() > 1 => format!(
                "{} goes from {} at {} to {} at {}.",
                series.name,
                self.y.text(first.y),
                self.x.text(first.x),
                self.y.text(last.y),
                self.x.text(last.x)
            ),
            (Some(only), _) => format!(
                "{}: {} at {}.",
                series.name,
                self.y.text(only.y),
                self.x.text(only.x)
            ),
            _ => format!("{}: nothing to draw.", series.name),
        };
        let series: Vec<String> = self.series.iter().map(sentence).collect();
        format!(
            "{} against {}. {}",
            self.y.label,
            self.x.label,
            series.join(" ")
        )
    }

    fn frame(&self) -> Frame {
        let (width, height) = self.size;
        let (top, bottom) = (48.0, height - 40.0);
        let y = self.y.scale((bottom, top));
        let ticks = self.y.vertical_ticks(&y);
        let widths = ticks
            .iter()
            .map(|tick| text_width(&self.y.tick(*tick), SMALL_TEXT));
        let left = widths.fold(20.0, f64::max) + 12.0;
        let names = self
            .series
            .iter()
            .filter(|series| !series.points.is_empty());
        let widths = names.map(|series| text_width(&series.name, TEXT));
        let labels = if self.is_labelled {
            widths.fold(0.0, f64::max).min(MOST_LABELS * width) + BESIDE + 8.0
        } else {
            14.0
        };
        let right = width - labels;
        Frame {
            x: self.x.scale((left, right)),
            y,
            left,
            right,
            top,
            bottom,
        }
    }

    fn drawing(&self) -> Markup {
        let frame = self.frame();
        let (width, height) = self.size;
        html! {
            rect class="back" width=(coordinate(width)) height=(coordinate(height)) rx="4" {}
            text class="name" x="10" y="19" { (fitted(&self.title, width - 20.0, 1.08 * TEXT)) }
            text class="small" x="10" y="38" { (fitted(&self.y.label, width - 20.0, SMALL_TEXT)) }
            (self.axes(&frame))
            @for series in &self.series {
                g class=(series.look.class()) {
                    (band(&frame, series, self.series.len() > MANY))
                    @for stray in &series.strays {
                        path class="line thin" d=(line(stray.iter().map(|at| frame.at(*at)))) {}
                    }
                }
            }
            @for series in &self.series {
                g class=(series.look.class()) {
                    path class=(if self.size.0 < NARROW.0 { "line fine" } else { "line" })
                        stroke-dasharray=[series.look.dash()] d=(curve(&frame, series)) {}
                }
            }
            @for (index, series) in self.series.iter().enumerate() {
                g class=(series.look.class()) { (self.marks(&frame, index, series)) }
            }
            @if self.is_labelled { (self.labels(&frame)) }
        }
    }

    fn axes(&self, frame: &Frame) -> Markup {
        let height = self.size.1;
        let Frame {
            left,
            right,
            bottom,
            ..
        } = *frame;
        html! {
            @for tick in self.y.vertical_ticks(&frame.y) {
                @let y = frame.y.at(tick);
                path class="grid" d=(line([(left, y), (right, y)])) {}
                text class="small end" x=(coordinate(left - 6.0)) y=(coordinate(y + 4.0)) { (self.y.tick(tick)) }
            }
            path class="axis" d=(line([(left, bottom), (right, bottom)])) {}
            @for tick in self.x.horizontal_ticks(&frame.x) {
                @let x = frame.x.at(tick);
                path class="axis" d=(line([(x, bottom), (x, bottom + 4.0)])) {}
                text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 17.0)) { (self.x.tick(tick)) }
            }
            @let label = fitted(&self.x.label, self.size.0 - 20.0, SMALL_TEXT);
            @let half = text_width(&label, SMALL_TEXT) / 2.0;
            @let middle = f64::midpoint(left, right).max(half + 8.0).min(self.size.0 - half - 8.0);
            text class="small middle" x=(coordinate(middle)) y=(coordinate(height - 8.0)) { (label) }
        }
    }

    /// Markers on the line, a few of them where there are many points.
    fn marks(&self, frame: &Frame, index: usize, series: &Series) -> Markup {
        let last = series.points.len().saturating_sub(1);
        let stride = if series.points.len() <= MOST_MARKERS {
            1
        } else {
            series.points.len().div_ceil(5)
        };
        // So that markers of lines that lie on each other do not.
        let shift = stride * (index % 4) / 4;
        let is_marked = |at: usize| at == last || at % stride == shift;
        let marked = series
            .points
            .iter()
            .enumerate()
            .filter(|(at, _)| is_marked(*at));
        let radius = if self.size.0 < NARROW.0 { 2.8 } else { 3.4 };
        html! {
            @for (_, point) in marked { (series.look.marker(frame.at((point.x, point.y)), radius)) }
            @for at in &series.published { (series.look.hollow(frame.at(*at), 5.0)) }
            @for at in &series.crosses { (cross(frame.at(*at))) }
        }
    }

    /// The names of the lines, moved apart. A dotted line connects a name to its line if it is not
    /// next to the line's end.
    fn labels(&self, frame: &Frame) -> Markup {
        let width = self.size.0 - frame.right - BESIDE - 6.0;
        let room = frame.bottom + 10.0 - (frame.top - 4.0);
        let named: Vec<(&Series, (f64, f64))> = (self.series.iter())
            .filter_map(|series| {
                let last = series.points.last()?;
                Some((series, frame.at((last.x, last.y))))
            })
            .collect();
        let mut texts: Vec<Vec<String>> = (named.iter())
            .map(|(series, _)| in_two_lines(&series.name, width, TEXT))
            .collect();
        let lines: usize = texts.iter().map(Vec::len).sum();
        if LINE * lines as f64 > room {
            let one = |(series, _): &(&Series, _)| vec![fitted(&series.name, width, TEXT)];
            texts = named.iter().map(one).collect();
        }
        let wanted: Vec<(f64, f64)> = (named.iter().zip(&texts))
            .map(|((_, at), text)| (at.1, LINE * text.len() as f64))
            .collect();
        let middles = apart(&wanted, frame.top - 4.0, frame.bottom + 10.0);
        let x = frame.right + BESIDE;
        html! {
            @for (((series, end), text), middle) in named.iter().zip(&texts).zip(&middles) {
                g class=(series.look.class()) {
                    @if (middle - end.1).abs() > 5.0 || end.0 < frame.right - 5.0 {
                        path class="leader" d=(line([(end.0 + 4.0, end.1), (x - 12.0, *middle)])) {}
                    }
                    (series.look.marker((x - 7.0, *middle), 3.0))
                }
                @let first = middle + 4.0 - LINE * (text.len() - 1) as f64 / 2.0;
                @for (row, text) in text.iter().enumerate() {
                    text paint-order="stroke" class="halo" x=(coordinate(x)) y=(coordinate(first + LINE * row as f64)) { (text) }
                }
            }
        }
    }
}

impl Frame {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }
}

fn curve(frame: &Frame, series: &Series) -> String {
    let at = |point: &Point| frame.at((point.x, point.y));
    if !series.is_step {
        return line(series.points.iter().map(at));
    }
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for point in series.points.iter().map(at) {
        if let Some(before) = corners.last() {
            corners.push((point.0, before.1));
        }
        corners.push(point);
    }
    line(corners)
}

fn band(frame: &Frame, series: &Series, is_faint: bool) -> Markup {
    let class = if is_faint { "band faint" } else { "band" };
    let points = &series.points;
    let corner = |point: &Point, y: f64| frame.at((point.x, y));
    let upper = points.iter().map(|point| corner(point, point.upper));
    let lower = points.iter().rev().map(|point| corner(point, point.lower));
    html! {
        @if points.len() > 1 && points.iter().any(|point| point.lower < point.upper) {
            path class=(class) d=(line(upper.chain(lower)) + "Z") {}
        }
    }
}

/// What looks mean, in rows as wide as this, as a panel above others.
pub(crate) fn key(names: &[(String, Look)], width: f64) -> Panel {
    let (mut x, mut row) = (10.0, 0);
    let mut entries = Vec::new();
    for (name, look) in names {
        let name = fitted(name, width - 70.0, TEXT);
        let needed = 44.0 + text_width(&name, TEXT) + 18.0;
        if x > 10.0 && x + needed > width {
            (x, row) = (10.0, row + 1);
        }
        entries.push((x, 16.0 + 22.0 * f64::from(row), name, *look));
        x += needed;
    }
    let height = 26.0 + 22.0 * f64::from(row);
    let list: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    Panel {
        title: "Key".into(),
        description: format!("The lines of the panels below: {}.", list.join(", ")),
        size: (width, height),
        drawing: html! {
            rect class="back" width=(coordinate(width)) height=(coordinate(height)) rx="4" {}
            @for (x, y, name, look) in &entries {
                g class=(look.class()) {
                    path class="line" stroke-dasharray=[look.dash()] d=(line([(*x, y - 4.0), (x + 34.0, y - 4.0)])) {}
                    (look.marker((x + 17.0, y - 4.0), 3.4))
                }
                text x=(coordinate(x + 42.0)) y=(coordinate(*y)) { (name) }
            }
        },
    }
}

/// At most about [`MOST_POINTS`] of the points, the last among them.
pub(crate) fn thinned<T: Copy>(points: &[T]) -> Vec<T> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.iter().enumerate();
    let kept = kept.filter(|(at, _)| (last - at).is_multiple_of(stride));
    kept.map(|(_, point)| *point).collect()
}
