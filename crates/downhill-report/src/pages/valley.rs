//! The report of descents of a function of two variables: their paths over contour lines.

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::NARROW;
use crate::drawing::figure::{Figure, Layout, Picture};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, line, plus};
use crate::drawing::panel::Panel;
use crate::export::csv::{finite, quoted as field};
use crate::pages::about::About;
use crate::pages::contours::{Field, Region};
use crate::pages::page::{Page, Section, changes, table};
use crate::text::numbers::{count, counted, fixed, listed, quoted};

/// Descents of a function of two variables.
pub struct ValleyReport<'a> {
    /// Where the numbers come from.
    pub about: About,
    /// The function in words, such as `f(x, y) = x² / 20 + y²`.
    pub formula: String,
    /// The function.
    pub function: &'a dyn Fn(f64, f64) -> f64,
    /// The minimum that the descents should reach.
    pub minimum: Option<(f64, f64)>,
    /// One path for each method.
    pub paths: Vec<ValleyPath>,
}

/// The path of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct ValleyPath {
    /// The method's name.
    pub name: String,
    /// Each setting by which it differs from the base config.
    pub changes: Vec<String>,
    /// The start, then the place after each update. A path ends before a place that is not finite.
    pub points: Vec<(f64, f64)>,
}

const TOP: f64 = 30.0;
const BOTTOM: f64 = NARROW.1 - 36.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = NARROW.0 - 12.0;

impl ValleyReport<'_> {
    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
        let figure = Section::of_figures("paths", "Paths", &self.figures());
        let made = html! {
            h3 { "What each method changes" }
            ul { @for path in &self.paths { li { (path.name) ": " (changes(&path.changes)) } } }
        };
        let page = Page {
            about: &self.about,
            kind: "descents of a function",
            found: self.findings(),
            sections: vec![
                figure,
                Section::new("results", "Where they end", self.table()),
            ],
            made: vec![("Function", html! { (self.formula) })],
            made_details: made,
            limits: vec![
                "One function, one start and one number of updates: on another function, or from \
                 another start, the methods may rank differently."
                    .into(),
                "A function of two variables without noise is not a network: its gradient is \
                 exact, and nothing here says how the methods do with mini-batches."
                    .into(),
                "Each method ran with one set of hyperparameters, and none was tuned.".into(),
            ],
            source: "the paths",
        };
        page.html()
    }

    /// The figures as pictures of their own.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        self.figures().iter().map(Figure::picture).collect()
    }

    /// Returns the paths as comma-separated values by RFC 4180: a row for each place, from the
    /// start on.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = "method,update,x,y,f\r\n".to_owned();
        for path in &self.paths {
            for (update, &(x, y)) in path.points.iter().enumerate() {
                let f = finite((self.function)(x, y));
                let name = field(&path.name);
                text.push_str(&format!(
                    "{name},{update},{},{},{f}\r\n",
                    finite(x),
                    finite(y)
                ));
            }
        }
        text
    }

    fn figures(&self) -> Vec<Figure> {
        let region = self.region();
        let field = Field::of(self.function, region);
        let contours: String = (field.levels().iter())
            .flat_map(|level| field.lines(*level))
            .map(|points| line(points.into_iter().map(|point| at(&region, point))))
            .collect();
        let paths = self.paths.iter().enumerate();
        let panels: Vec<Panel> = paths
            .map(|(index, path)| self.panel(path, Look::of(index, None), &region, &contours))
            .collect();
        if panels.is_empty() {
            return Vec::new();
        }
        let target = if self.minimum.is_some() {
            ", the plus sign is the minimum"
        } else {
            ""
        };
        vec![Figure {
            name: "paths".into(),
            title: format!(
                "{}: paths over the contour lines of {}",
                self.about.name, self.formula
            ),
            layout: Layout::Pairs,
            key: Vec::new(),
            panels,
            caption: format!(
                "Each dot is the point after an update, the ring is the start, the large marker \
                 the end{target}. Thin lines are contours of {} at values that grow quadratically, \
                 so that they are evenly spaced around a minimum. All panels have the same axes.",
                self.formula
            ),
        }]
    }

    /// The region that contains all paths, the start and the minimum, with a margin. A path that
    /// diverges is only included up to ten times the distance from the start to the minimum.
    fn region(&self) -> Region {
        let start = self
            .paths
            .iter()
            .filter_map(|path| path.points.first().copied());
        let known: Vec<(f64, f64)> = start.chain(self.minimum).collect();
        let points = || {
            self.paths
                .iter()
                .flat_map(|path| &path.points)
                .chain(&known)
        };
        let side = |of: fn(&(f64, f64)) -> f64| {
            let (near, far) = ends(known.iter().map(of)).unwrap_or((0.0, 0.0));
            let reach = 10.0 * (far - near).max(1.0);
            let (lower, upper) = ends(points().map(of)).unwrap_or((-1.0, 1.0));
            let (lower, upper) = (lower.max(near - reach), upper.min(far + reach));
            let room = (0.08 * (upper - lower)).max(0.1);
            (lower - room, upper + room)
        };
        Region {
            x: side(|point| point.0),
            y: side(|point| point.1),
        }
    }

    fn panel(&self, path: &ValleyPath, look: Look, region: &Region, contours: &str) -> Panel {
        let (x, y) = (Axis::exactly("x", region.x), Axis::exactly("y", region.y));
        let (across, up) = (x.scale((LEFT, RIGHT)), y.scale((BOTTOM, TOP)));
        let points: Vec<(f64, f64)> = path.points.iter().map(|point| at(region, *point)).collect();
        let drawing = html! {
            rect class="back" width=(NARROW.0) height=(NARROW.1) rx="4" {}
            g class=(look.class()) { (look.marker((14.0, 15.0), 4.5)) }
            text class="name" x="25" y="19" { (fitted(&path.name, NARROW.0 - 40.0, 13.0)) }
            path class="level" d=(contours) {}
            @for tick in y.vertical_ticks(&up) {
                text class="small end" x=(LEFT - 6.0) y=(coordinate(up.at(tick) + 4.0)) { (y.tick(tick)) }
            }
            @for tick in x.horizontal_ticks(&across) {
                text class="small middle" x=(coordinate(across.at(tick))) y=(BOTTOM + 15.0) { (x.tick(tick)) }
            }
            path class="axis" d=(line([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)])) {}
            text class="small middle" x=(coordinate((LEFT + RIGHT) / 2.0)) y=(NARROW.1 - 6.0) { "x" }
            text class="small" x="8" y=(coordinate((TOP + BOTTOM) / 2.0 - 14.0)) { "y" }
            @if let Some(minimum) = self.minimum { (plus(at(region, minimum))) }
            g class=(look.class()) {
                path class="line" d=(line(points.iter().copied())) {}
                @for (x, y) in points.iter().skip(1) {
                    circle class="dot" cx=(coordinate(*x)) cy=(coordinate(*y)) r="2.4" {}
                }
                @if let (Some(start), Some(end)) = (points.first(), points.last()) {
                    circle class="outline" cx=(coordinate(start.0)) cy=(coordinate(start.1)) r="4.5" {}
                    (look.marker(*end, 5.5))
                }
            }
        };
        Panel {
            title: format!("{}: path over contour lines", path.name),
            description: self.ending(path),
            size: NARROW,
            drawing,
        }
    }

    fn ending(&self, path: &ValleyPath) -> String {
        let (Some(start), Some(end)) = (path.points.first(), path.points.last()) else {
            return format!("{} has no path.", quoted(&path.name));
        };
        format!(
            "{} goes from {} to {} in {}, where f is {}.",
            quoted(&path.name),
            place(*start),
            place(*end),
            counted(path.points.len() - 1, "update"),
            value_text((self.function)(end.0, end.1))
        )
    }

    /// What was found, in words, the answer first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut ends: Vec<(f64, &ValleyPath)> = (self.paths.iter())
            .filter_map(|path| Some((path, path.points.last()?)))
            .map(|(path, end)| ((self.function)(end.0, end.1), path))
            .collect();
        ends.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (Some(best), Some(worst)) = (ends.first(), ends.last()) else {
            return vec!["There are no paths.".into()];
        };
        let longest = ends
            .iter()
            .map(|(_, path)| path.points.len())
            .max()
            .unwrap_or(1);
        let after = counted(longest - 1, "update");
        let mut found = vec![if ends.len() == 1 {
            format!(
                "After {after} {} has reached f = {}.",
                quoted(&best.1.name),
                value_text(best.0)
            )
        } else {
            format!(
                "After {after} {} is lowest, at f = {}, and {} is highest, at {}.",
                quoted(&best.1.name),
                value_text(best.0),
                quoted(&worst.1.name),
                value_text(worst.0)
            )
        }];
        found.extend(self.paths.iter().map(|path| self.ending(path)));
        let short = ends.iter().filter(|(_, path)| path.points.len() < longest);
        let short: Vec<String> = short.map(|(_, path)| quoted(&path.name)).collect();
        if !short.is_empty() {
            found.push(format!(
                "{} diverged: the next point was not finite.",
                listed(&short)
            ));
        }
        found
    }

    fn table(&self) -> Markup {
        let heads = [
            "method",
            "updates",
            "x at the end",
            "y at the end",
            "f at the end",
            "lowest f on the path",
        ];
        let value = |(x, y): &(f64, f64)| (self.function)(*x, *y);
        let rows: Vec<Vec<String>> = (self.paths.iter())
            .filter_map(|path| {
                let end = path.points.last()?;
                let least = path.points.iter().map(value).fold(f64::INFINITY, f64::min);
                Some(vec![
                    path.name.clone(),
                    count(path.points.len() - 1),
                    fixed(end.0, 6),
                    fixed(end.1, 6),
                    value_text(value(end)),
                    value_text(least),
                ])
            })
            .collect();
        table("The last point of each path.", &heads, &rows)
    }
}

/// The position at which a point of the region is drawn.
fn at(region: &Region, (x, y): (f64, f64)) -> (f64, f64) {
    let across = Axis::exactly("x", region.x).scale((LEFT, RIGHT));
    let up = Axis::exactly("y", region.y).scale((BOTTOM, TOP));
    (across.at(x), up.at(y))
}

fn place((x, y): (f64, f64)) -> String {
    format!("({}, {})", fixed(x, 3), fixed(y, 3))
}

/// A value of the function with three significant digits.
pub(crate) fn value_text(value: f64) -> String {
    if value.is_finite() {
        crate::text::numbers::loss(value)
    } else {
        "not finite".into()
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn a_place_is_a_row() {
        let report = sample::valley();
        let text = report.csv();
        let points: usize = report.paths.iter().map(|path| path.points.len()).sum();
        assert_eq!(text.lines().count(), 1 + points);
    }
}
