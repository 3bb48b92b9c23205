//! Box plots of final accuracies: median, quartiles, whiskers and every seed as a dot.

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, cross, line};
use crate::drawing::panel::Panel;
use crate::drawing::scale::Scale;
use crate::text::numbers::Precision;

/// Fewer values than this have no quartiles worth a box.
pub(crate) const LEAST_VALUES: usize = 5;

const WIDTH: f64 = 340.0;
const LEFT: f64 = 16.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 34.0;
const ROW: f64 = 54.0;
const AXIS: f64 = 42.0;
/// Maximum length of a whisker, as a multiple of the height of the box.
const WHISKER: f64 = 1.5;

/// One method's values, and whether each comes from a diverged run.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) look: Look,
    pub(crate) values: Vec<(f64, bool)>,
}

/// What a box shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FiveNumbers {
    pub(crate) whiskers: (f64, f64),
    pub(crate) quartiles: (f64, f64),
    pub(crate) median: f64,
}

/// Median, quartiles (between two values in proportion, as NumPy does) and the last values within
/// 1.5 times their distance; `None` for too few values.
pub(crate) fn five_numbers(values: &[f64]) -> Option<FiveNumbers> {
    if values.len() < LEAST_VALUES {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quartiles = (quantile(values, 0.25), quantile(values, 0.75));
    let reach = WHISKER * (quartiles.1 - quartiles.0);
    let within = |value: &&f64| **value >= quartiles.0 - reach && **value <= quartiles.1 + reach;
    let mut inner = sorted.iter().filter(within);
    let first = *inner.next()?;
    let last = inner.next_back().map_or(first, |last| *last);
    Some(FiveNumbers {
        whiskers: (first.min(quartiles.0), last.max(quartiles.1)),
        quartiles,
        median: quantile(values, 0.5),
    })
}

/// The value below which a share of the values lies, in proportion between two of them; there is at
/// least one value.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// Box plots with a common axis in percent.
pub(crate) fn panel(title: &str, rows: &[Row], precision: Precision) -> Panel {
    let height = TOP + ROW * rows.len() as f64 + AXIS;
    let bottom = height - AXIS;
    let finished = |row: &Row| -> Vec<f64> {
        let finished = row.values.iter().filter(|(_, is_diverged)| !is_diverged);
        finished.map(|(value, _)| *value).collect()
    };
    let (least, most) = ends(rows.iter().flat_map(finished)).unwrap_or((0.0, 1.0));
    let margin = (0.06 * (most - least)).max(0.002);
    let (lower, upper) = ((least - margin).max(0.0), (most + margin).min(1.0));
    let axis = Axis::share("percent");
    let scale = Scale::linear((lower, upper), (LEFT, RIGHT));
    let cut = if lower > 0.0 {
        " (axis does not start at 0)"
    } else {
        ""
    };
    let drawing = html! {
        rect class="back" width=(WIDTH) height=(coordinate(height)) rx="4" {}
        text class="name" x="10" y="19" { (title) }
        @for tick in axis.horizontal_ticks(&scale) {
            @let x = scale.at(tick);
            @for index in 0..rows.len() {
                @let top = TOP + ROW * index as f64;
                path class="grid" d=(line([(x, top + 20.0), (x, top + ROW)])) {}
            }
            text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
        }
        path class="axis" d=(line([(LEFT, bottom), (RIGHT, bottom)])) {}
        text class="small middle" x=(WIDTH / 2.0) y=(coordinate(bottom + 33.0)) { "percent" (cut) }
        @for (index, row) in rows.iter().enumerate() {
            (drawn(row, TOP + ROW * index as f64, &scale, precision))
        }
    };
    Panel {
        title: title.into(),
        description: description(rows, precision),
        size: (WIDTH, height),
        drawing,
    }
}

fn drawn(row: &Row, top: f64, scale: &Scale, precision: Precision) -> Markup {
    let middle = top + 36.0;
    let values: Vec<f64> = row.values.iter().map(|(value, _)| *value).collect();
    let numbers = five_numbers(&values);
    let upright = |value: f64, half: f64| {
        line([
            (scale.at(value), middle - half),
            (scale.at(value), middle + half),
        ])
    };
    let radius = if row.values.len() > 30 { 1.5 } else { 2.2 };
    html! {
        g class=(row.look.class()) {
            (row.look.marker((15.0, top + 10.0), 4.2))
            @if let Some(FiveNumbers { whiskers, quartiles, median }) = numbers {
                @let text = format!("median {}", precision.percent(median));
                text paint-order="stroke" class="halo" x="26" y=(coordinate(top + 14.0)) { (fitted(&row.name, 205.0, 12.0)) }
                text paint-order="stroke" class="halo end" x=(WIDTH - 10.0) y=(coordinate(top + 14.0)) { (text) }
                @for (from, to) in [(whiskers.0, quartiles.0), (quartiles.1, whiskers.1)] {
                    path class="interval" d=(line([(scale.at(from), middle), (scale.at(to), middle)])) {}
                }
                path class="interval" d=(upright(whiskers.0, 5.0) + &upright(whiskers.1, 5.0)) {}
                rect class="box" x=(coordinate(scale.at(quartiles.0))) y=(coordinate(middle - 10.0))
                    width=(coordinate((scale.at(quartiles.1) - scale.at(quartiles.0)).max(0.5))) height="20" {}
                path class="median" d=(upright(median, 10.0)) {}
            } @else {
                text paint-order="stroke" class="halo" x="26" y=(coordinate(top + 14.0)) { (fitted(&row.name, 300.0, 12.0)) }
            }
            @for (index, (value, is_diverged)) in row.values.iter().enumerate() {
                @let at = (scale.at(*value), middle + 3.2 * ((index * 2 % 5) as f64 - 2.0));
                @if *is_diverged { (cross(at)) } @else {
                    circle class="dot" cx=(coordinate(at.0)) cy=(coordinate(at.1)) r=(radius) {}
                }
            }
        }
    }
}

fn description(rows: &[Row], precision: Precision) -> String {
    let sentence = |row: &Row| {
        let values: Vec<f64> = row.values.iter().map(|(value, _)| *value).collect();
        match five_numbers(&values) {
            Some(numbers) => format!(
                "{}: median {}, quartiles {} and {}, whiskers {} and {}.",
                row.name,
                precision.percent(numbers.median),
                precision.percent(numbers.quartiles.0),
                precision.percent(numbers.quartiles.1),
                precision.percent(numbers.whiskers.0),
                precision.percent(numbers.whiskers.1)
            ),
            None => format!("{}: too few runs for a box.", row.name),
        }
    };
    let rows: Vec<String> = rows.iter().map(sentence).collect();
    format!("In percent. {}", rows.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: NumPy 2.4.6, `percentile` with [25, 50, 75].
    #[test]
    fn quartiles_agree_with_numpy_and_whiskers_leave_outliers_out() {
        let found = five_numbers(&[0.7, 0.72, 0.74, 0.75, 0.81, 0.4]).unwrap();
        assert!((found.quartiles.0 - 0.705).abs() < 1e-12);
        assert!((found.median - 0.73).abs() < 1e-12);
        assert!((found.quartiles.1 - 0.7475).abs() < 1e-12);
        // The box is 0.0425 high, so that the whiskers reach from 0.64125 to 0.81125.
        assert_eq!(found.whiskers, (0.7, 0.81));
        assert_eq!(five_numbers(&[0.5; 4]), None);
        assert_eq!(five_numbers(&[0.5; 5]).unwrap().whiskers, (0.5, 0.5));
    }
}
