//! Performance profiles, and how many updates each seed took to a target.

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{Chart, Point, Series, WIDE};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, cross, line};
use crate::drawing::panel::Panel;
use crate::drawing::scale::Scale;
use crate::statistics::{Costs, describe_costs};
use crate::summary::target::TargetSummary;
use crate::text::numbers::counted;

/// A method's name and its look.
type Named = (String, Look);

/// Performance profiles: for each factor of the least cost the share of seeds within it. `methods`
/// are the experiment's, in its order. `None` if no run reaches the target.
pub(crate) fn profile(target: &TargetSummary, methods: &[Named]) -> Option<Figure> {
    let all: Vec<Vec<(f64, f64)>> = (0..methods.len())
        .map(|method| target.profile.steps(method))
        .collect();
    let (_, most) = ends(all.iter().flatten().map(|(ratio, _)| *ratio))?;
    let most = 1.05 * most;
    let series: Vec<Series> = (methods.iter().zip(&all))
        .map(|((name, look), points)| {
            let mut series = Series::new(name, *look, steps(points, most));
            series.is_step = true;
            series
        })
        .collect();
    let chart = Chart {
        title: "Performance profile".into(),
        size: WIDE,
        x: Axis::log_exactly(
            "multiple of the fastest method's updates (log)",
            [1.0, most],
        ),
        y: Axis::share("share of seeds that reach it, %"),
        series,
        is_labelled: true,
    };
    Some(Figure {
        name: "profile".into(),
        title: "Performance profile".into(),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: vec![chart.panel()],
        caption: "For each method, the share of seeds for which it reaches the target within a \
                  multiple of the updates of the fastest method. Higher and further left is \
                  better. Where a line ends below 100 %, the method does not reach the target for \
                  the other seeds."
            .into(),
    })
}

/// The shares from a ratio of 1, where a method that is never best has a share of 0, to the end of
/// the axis, to which the last share is extended.
fn steps(points: &[(f64, f64)], most: f64) -> Vec<Point> {
    let mut steps: Vec<Point> = (points.iter())
        .map(|(ratio, share)| Point::alone(*ratio, *share))
        .collect();
    if steps.first().is_none_or(|first| first.x > 1.0) {
        steps.insert(0, Point::alone(1.0, 0.0));
    }
    let last = steps.last().map_or(0.0, |last| last.y);
    steps.push(Point::alone(most, last));
    steps
}

/// How long each seed took to the target: in updates, and in seconds if they are known.
pub(crate) fn targets(target: &TargetSummary, methods: &[Named]) -> Figure {
    let units = [
        ("updates", Some(&target.updates)),
        ("seconds", target.seconds.as_ref()),
    ];
    let goal = format!(
        "{} accuracy of {} %",
        target.on.name(),
        100.0 * target.accuracy
    );
    let panels = units
        .into_iter()
        .filter_map(|(unit, costs)| Some(strips(&goal, unit, costs?, methods)));
    Figure {
        name: "targets".into(),
        title: "How long each seed took to reach the target".into(),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: panels.collect(),
        caption: "Each dot is one seed; the vertical line is the median of all seeds. Seeds that \
                  did not reach the target count as longer than any other and are crosses to the \
                  right of the axis."
            .into(),
    }
}

const TOP: f64 = 40.0;
const ROW: f64 = 42.0;
const AXIS: f64 = 42.0;
const LEFT: f64 = 16.0;
/// Where values end and what was not reached begins.
const RIGHT: f64 = WIDE.0 - 100.0;
const NOT_REACHED: f64 = WIDE.0 - 52.0;

fn strips(goal: &str, unit: &str, costs: &[Costs], methods: &[Named]) -> Panel {
    let height = TOP + ROW * methods.len() as f64 + AXIS;
    let bottom = height - AXIS;
    let reached = costs.iter().flat_map(finite);
    let axis = Axis::roomy(unit, reached.chain([0.0]));
    let scale = axis.scale((LEFT, RIGHT));
    let drawing = html! {
        rect class="back" width=(WIDE.0) height=(coordinate(height)) rx="4" {}
        text class="name" x="10" y="19" { (fitted(&format!("Time to {goal}"), 320.0, 13.0)) }
        text class="small middle" x=(NOT_REACHED) y="36" { "not reached" }
        @for tick in axis.horizontal_ticks(&scale) {
            @let x = scale.at(tick);
            @for index in 0..methods.len() {
                @let top = TOP + ROW * index as f64;
                path class="grid" d=(line([(x, top + 20.0), (x, top + ROW)])) {}
            }
            text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
        }
        path class="axis" d=(line([(LEFT, bottom), (RIGHT, bottom)])) {}
        text class="small middle" x=(coordinate((LEFT + RIGHT) / 2.0)) y=(coordinate(bottom + 33.0)) { (unit) }
        @for (index, (method, costs)) in methods.iter().zip(costs).enumerate() {
            (row(method, costs, TOP + ROW * index as f64, &scale, &axis))
        }
    };
    let described = methods.iter().zip(costs);
    let sentences = described.map(|((name, _), costs)| format!("{name}: {}.", said(costs, &axis)));
    Panel {
        title: format!("{unit} to {goal}"),
        description: sentences.collect::<Vec<_>>().join(" "),
        size: (WIDE.0, height),
        drawing,
    }
}

fn row((name, look): &Named, costs: &Costs, top: f64, scale: &Scale, axis: &Axis) -> Markup {
    let middle = top + 31.0;
    let missed = costs.len() - finite(costs).count();
    let spread = |index: usize| middle + 2.4 * ((index * 2 % 5) as f64 - 2.0);
    html! {
        g class=(look.class()) {
            (look.marker((15.0, top + 10.0), 4.2))
            text paint-order="stroke" class="halo" x="26" y=(coordinate(top + 14.0)) { (fitted(name, 150.0, 12.0)) }
            text paint-order="stroke" class="halo end" x=(RIGHT) y=(coordinate(top + 14.0)) { (said_short(costs, axis)) }
            @if let Some(median) = finite_median(costs) {
                path class="median" d=(line([(scale.at(median), middle - 9.0), (scale.at(median), middle + 9.0)])) {}
            }
            @for (index, value) in costs.values().enumerate() {
                @if value.is_finite() {
                    circle class="dot" cx=(coordinate(scale.at(*value))) cy=(coordinate(spread(index))) r="2.6" {}
                }
            }
            @if missed > 0 {
                (cross((NOT_REACHED - 14.0, middle)))
                text x=(NOT_REACHED - 5.0) y=(coordinate(middle + 4.0)) { (missed) " of " (costs.len()) }
            }
        }
    }
}

/// The costs of the runs that reached the target.
fn finite(costs: &Costs) -> impl Iterator<Item = f64> {
    costs.values().copied().filter(|cost| cost.is_finite())
}

/// The median over all runs; `None` if the run in the middle did not reach the target.
fn finite_median(costs: &Costs) -> Option<f64> {
    let median = describe_costs(costs)?.median;
    median.is_finite().then_some(median)
}

fn said_short(costs: &Costs, axis: &Axis) -> String {
    match finite_median(costs) {
        Some(median) => format!("median {}", axis.text(median)),
        None => "median not reached".into(),
    }
}

fn said(costs: &Costs, axis: &Axis) -> String {
    let range = match ends(finite(costs)) {
        Some((least, most)) => format!(", from {} to {}", axis.text(least), axis.text(most)),
        None => String::new(),
    };
    format!(
        "{}, reached by {} of {}{range}",
        said_short(costs, axis),
        finite(costs).count(),
        counted(costs.len(), "run")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_holds_its_last_share_to_the_end_of_the_axis() {
        let point = |(x, y)| Point::alone(x, y);
        let rising = steps(&[(1.5, 0.25), (2.0, 0.75)], 4.0);
        let expected = [(1.0, 0.0), (1.5, 0.25), (2.0, 0.75), (4.0, 0.75)];
        assert_eq!(rising, expected.map(point));
        assert_eq!(steps(&[], 4.0), [(1.0, 0.0), (4.0, 0.0)].map(point));
        assert_eq!(
            steps(&[(1.0, 1.0)], 4.0),
            [(1.0, 1.0), (4.0, 1.0)].map(point)
        );
    }

    #[test]
    fn what_was_not_reached_counts_as_the_longest() {
        const MISSED: f64 = f64::INFINITY;
        let costs = |costs: &[f64]| -> Costs { (0..).zip(costs.iter().copied()).collect() };
        assert_eq!(finite_median(&costs(&[3.0, MISSED, 1.0])), Some(3.0));
        assert_eq!(finite_median(&costs(&[3.0, MISSED])), None);
        assert_eq!(finite_median(&costs(&[3.0, 1.0])), Some(2.0));
        assert_eq!(finite_median(&costs(&[])), None);
        let methods = ["a", "b"].map(|name| (name.to_owned(), Look::of(0, None)));
        let both = [costs(&[100.0, MISSED]), costs(&[MISSED; 3])];
        let description = strips("test accuracy of 97 %", "updates", &both, &methods).description;
        assert_eq!(
            description,
            "a: median not reached, reached by 1 of 2 runs, from 100 to 100. \
             b: median not reached, reached by 0 of 3 runs."
        );
    }
}
