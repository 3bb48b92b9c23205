//! The paths of the first starts over contour lines: a figure for each function, with a panel for
//! each method.

use maud::html;

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{SMALL, thinned};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, cross, line, plus};
use crate::drawing::panel::Panel;
use crate::pages::contours::{Field, Region};
use crate::pages::landscapes::descents::{
    Landscape, LandscapeDescent, LandscapeDescents, LandscapeMethod, LandscapesReport,
};
use crate::pages::landscapes::tables::reached;
use crate::text::numbers::{counted, quoted, setting_value};

/// A small multiple whose map is about square.
const SIZE: (f64, f64) = (SMALL.0, 248.0);
const TOP: f64 = 42.0;
const BOTTOM: f64 = SIZE.1 - 24.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = SIZE.0 - 10.0;

/// Share of the region of starts and minima that is drawn beyond it at each side.
const MARGIN: f64 = 0.08;

/// Number of contour lines' levels.
const LEVELS: usize = 6;

/// Points of a contour line are at least this far apart.
const APART: f64 = 2.0;

impl LandscapesReport<'_> {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let landscapes = self.landscapes.iter();
        let landscapes = landscapes.filter(|landscape| !landscape.methods.is_empty());
        landscapes.map(|landscape| self.figure(landscape)).collect()
    }

    pub(super) fn figure(&self, landscape: &Landscape<'_>) -> Figure {
        let region = region(landscape);
        let field = Field::of(landscape.function, region);
        let contours: String = (field.levels_by_area(LEVELS).iter())
            .flat_map(|level| field.lines(*level))
            .map(|points| line(apart(points.into_iter().map(|point| at(&region, point)))))
            .collect();
        let methods = self.methods.iter().zip(&landscape.methods).enumerate();
        let panels = methods.map(|(index, (method, found))| {
            let look = Look::of(index, None);
            panel(landscape, (method, found), look, &region, &contours)
        });
        let minima = match landscape.minima.len() {
            0 => "",
            1 => ", the plus sign is the minimum",
            _ => ", plus signs are the minima",
        };
        let rate = match self.tuning {
            Some(_) => "at the rate chosen for it",
            None => "at its own rate",
        };
        Figure {
            name: format!("paths-{}", landscape.name),
            title: format!(
                "{}: paths over the contour lines of {}",
                self.about.name, landscape.name
            ),
            layout: Layout::Multiples,
            key: Vec::new(),
            panels: panels.collect(),
            caption: format!(
                "{}. Each method {rate}, from {}. A ring is a start, a filled marker an end at \
                 the minimum, a hollow one an end elsewhere, a cross the last point before a \
                 descent diverged{minima}. Thin lines are contours; they are denser where f is \
                 low. What lies beyond a panel is drawn at its edge.",
                landscape.formula,
                match self.starts().min(Self::PATHS) {
                    1 => "the first start".into(),
                    starts => format!("the first {}", counted(starts, "start")),
                },
            ),
        }
    }
}

fn panel(
    landscape: &Landscape<'_>,
    (method, found): (&LandscapeMethod, &LandscapeDescents),
    look: Look,
    region: &Region,
    contours: &str,
) -> Panel {
    let (x, y) = (Axis::exactly("x", region.x), Axis::exactly("y", region.y));
    let (across, up) = (x.scale((LEFT, RIGHT)), y.scale((BOTTOM, TOP)));
    let drawn = found.descents.iter().take(LandscapesReport::PATHS);
    let drawn: Vec<(&LandscapeDescent, Vec<(f64, f64)>)> = drawn
        .map(|descent| {
            let start = descent.points.first().copied();
            let points = start.into_iter().chain(thinned(&descent.points));
            (descent, points.map(|point| at(region, point)).collect())
        })
        .collect();
    let rate = found.rate.map_or_else(String::new, |rate| {
        format!("rate {}, ", setting_value(rate))
    });
    let outcome = format!("{rate}{}", reached(found));
    let drawing = html! {
        rect class="back" width=(SIZE.0) height=(SIZE.1) rx="4" {}
        g class=(look.class()) { (look.marker((14.0, 15.0), 4.5)) }
        text class="name" x="25" y="19" { (fitted(&method.name, SIZE.0 - 35.0, 13.0)) }
        text class="small" x="25" y="34" { (fitted(&outcome, SIZE.0 - 35.0, 11.5)) }
        path class="level" d=(contours) {}
        @for tick in y.vertical_ticks(&up) {
            text class="small end" x=(LEFT - 6.0) y=(coordinate(up.at(tick) + 4.0)) { (y.tick(tick)) }
        }
        @for tick in x.horizontal_ticks(&across) {
            text class="small middle" x=(coordinate(across.at(tick))) y=(BOTTOM + 15.0) { (x.tick(tick)) }
        }
        path class="axis" d=(line([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)])) {}
        @for minimum in &landscape.minima { (plus(at(region, *minimum))) }
        g class=(look.class()) {
            @for (descent, points) in &drawn {
                path class="line fine" d=(line(points.iter().copied())) {}
                @if let (Some(start), Some(end)) = (points.first(), points.last()) {
                    circle class="outline" cx=(coordinate(start.0)) cy=(coordinate(start.1)) r="3.5" {}
                    @if descent.diverged { (cross(*end)) }
                    @else if descent.reached.is_some() { (look.marker(*end, 4.0)) }
                    @else { (look.hollow(*end, 4.0)) }
                }
            }
        }
    };
    Panel {
        title: format!("{} on {}", method.name, landscape.name),
        description: format!(
            "{}, {rate}reaches the minimum of {} from {} starts.",
            quoted(&method.name),
            landscape.name,
            reached(found)
        ),
        size: SIZE,
        drawing,
    }
}

/// The region of the starts and the minima, with a margin.
fn region(landscape: &Landscape<'_>) -> Region {
    let wider = |(from, to): (f64, f64), of: fn(&(f64, f64)) -> f64| {
        let minima = landscape.minima.iter().map(of);
        let (from, to) = ends(minima.chain([from, to])).unwrap_or((from, to));
        let room = MARGIN * (to - from);
        (from - room, to + room)
    };
    Region {
        x: wider(landscape.x, |point| point.0),
        y: wider(landscape.y, |point| point.1),
    }
}

/// The points without those that are near the one before; the last one stays.
fn apart(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        let is_near = |other: &(f64, f64)| (point.0 - other.0).hypot(point.1 - other.1) < APART;
        if kept.last().is_some_and(is_near) {
            last = Some(point);
        } else {
            kept.push(point);
            last = None;
        }
    }
    kept.extend(last);
    kept
}

/// The position at which a point is drawn.
fn at(region: &Region, (x, y): (f64, f64)) -> (f64, f64) {
    let across = Axis::exactly("x", region.x).scale((LEFT, RIGHT));
    let up = Axis::exactly("y", region.y).scale((BOTTOM, TOP));
    (across.at(x), up.at(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_region_holds_the_starts_and_the_minima() {
        let mut report = sample::landscapes();
        let landscape = &mut report.landscapes[0];
        assert_eq!(region(landscape).x, (-2.32, 2.32));
        landscape.minima.push((0.0, 8.5));
        assert_eq!(region(landscape).y, (-2.3, 9.3));
    }

    #[test]
    fn near_points_are_left_out_but_not_the_last() {
        let points = [0.0, 1.0, 2.5, 3.0, 4.0].map(|x| (x, 0.0));
        let kept = apart(points.into_iter());
        assert_eq!(kept, [(0.0, 0.0), (2.5, 0.0), (4.0, 0.0)]);
        assert!(apart(std::iter::empty()).is_empty());
    }
}
