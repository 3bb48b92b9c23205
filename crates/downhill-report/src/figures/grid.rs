//! Experiments whose methods have several values of a setting: final values against the value, and
//! learning curves value by value.

use std::collections::BTreeMap;

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{Chart, Point, SMALL, Series, WIDE};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::{Look, tick_text};
use crate::experiment::{Experiment, Grid, Method};
use crate::figures::gap::over_updates;
use crate::summary::{MethodSummary, Summary};
use crate::tables::NONE;
use crate::text::numbers::{Precision, count, loss};

/// More values than this get no panel each.
const MOST_PANELS: usize = 16;
/// Losses are drawn within these limits, those outside at the edge.
const LIMITS: (f64, f64) = (1e-6, 100.0);

/// The methods of an experiment by family and value.
pub(crate) struct Families<'a> {
    pub(crate) grid: &'a Grid,
    /// Names in the experiment's order.
    pub(crate) names: Vec<&'a str>,
    /// All values, rising.
    pub(crate) values: Vec<f64>,
    cells: BTreeMap<(usize, usize), (&'a Method, &'a MethodSummary)>,
}

impl<'a> Families<'a> {
    /// `None` without a grid, and where a method stands outside it.
    pub(crate) fn of(experiment: &'a Experiment, summary: &'a Summary) -> Option<Self> {
        let grid = experiment.grid.as_ref()?;
        let mut families = Self {
            grid,
            names: Vec::new(),
            values: Vec::new(),
            cells: BTreeMap::new(),
        };
        for method in &experiment.methods {
            let cell = method.cell.as_ref()?;
            if !families.names.contains(&cell.family.as_str()) {
                families.names.push(&cell.family);
            }
            if !families.values.contains(&cell.value) {
                families.values.push(cell.value);
            }
        }
        families.values.sort_by(f64::total_cmp);
        for (method, summary) in experiment.methods.iter().zip(&summary.methods) {
            let cell = method.cell.as_ref()?;
            let family = families
                .names
                .iter()
                .position(|name| *name == cell.family)?;
            let value = families
                .values
                .iter()
                .position(|value| *value == cell.value)?;
            families.cells.insert((family, value), (method, summary));
        }
        (!families.names.is_empty()).then_some(families)
    }

    pub(crate) fn looks(&self) -> Vec<(String, Look)> {
        let names = self.names.iter().enumerate();
        names
            .map(|(index, name)| ((*name).to_owned(), Look::of(index, None)))
            .collect()
    }

    /// The cells of a family with their values, rising.
    fn row(&self, family: usize) -> impl Iterator<Item = (f64, &(&'a Method, &'a MethodSummary))> {
        let values = self.values.iter().enumerate();
        values.filter_map(move |(at, value)| Some((*value, self.cells.get(&(family, at))?)))
    }

    fn axis(&self) -> Axis {
        let is_positive = self.values.iter().all(|value| *value > 0.0);
        if is_positive && self.values.len() > 1 {
            let label = format!("{} (log)", self.grid.name);
            Axis::log_exactly(&label, self.values.iter().copied())
        } else {
            Axis::roomy(&self.grid.name, self.values.iter().copied())
        }
    }

    /// One row per value with a cell for each family.
    pub(crate) fn table(&self, cell: impl Fn(&MethodSummary) -> String) -> Vec<Vec<String>> {
        let row = |(at, value): (usize, &f64)| {
            let families = (0..self.names.len()).map(|family| {
                let found = self.cells.get(&(family, at));
                found.map_or_else(|| NONE.to_owned(), |(_, summary)| cell(summary))
            });
            std::iter::once(value_text(*value))
                .chain(families)
                .collect()
        };
        self.values.iter().enumerate().map(row).collect()
    }
}

/// A value of the grid: as short as four digits allow.
pub(crate) fn value_text(value: f64) -> String {
    if value == 0.0 || (value.abs() >= 1e-3 && value.abs() < 1e5) {
        let digits = (3 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{value:.digits$}");
        let is_decimal = text.contains('.');
        let short = if is_decimal {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        return short.replace('-', "−");
    }
    let text = format!("{value:.3e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e{power}").replace('-', "−")
}

/// The text of a loss over the finished runs, and how many diverged.
pub(crate) fn loss_cell(summary: &MethodSummary) -> String {
    let finished = summary.finished_only;
    let text = finished.map_or_else(
        || NONE.to_owned(),
        |finished| loss(finished.train_loss.mean),
    );
    marked(summary, text)
}

/// The text of an accuracy, and how many diverged.
pub(crate) fn accuracy_cell(
    summary: &MethodSummary,
    is_test: bool,
    precision: Precision,
) -> String {
    let accuracy = if is_test {
        summary.test_accuracy
    } else {
        summary.train_accuracy
    };
    let text = accuracy.map_or_else(
        || NONE.to_owned(),
        |accuracy| precision.mean_and_half_width(&accuracy),
    );
    marked(summary, text)
}

fn marked(summary: &MethodSummary, text: String) -> String {
    match summary.diverged.len() {
        0 => text,
        diverged => format!("{text} (× {})", count(diverged)),
    }
}

/// Final test accuracy, training accuracy and training loss against the value.
pub(crate) fn final_values(experiment: &Experiment, families: &Families<'_>) -> Figure {
    let test =
        |value: f64, summary: &MethodSummary| Some(Point::of(value, &summary.test_accuracy?));
    let train =
        |value: f64, summary: &MethodSummary| Some(Point::of(value, &summary.train_accuracy?));
    let loss = |value: f64, summary: &MethodSummary| {
        Some(Point::of(value, &summary.finished_only?.train_loss))
    };
    let published = |is_test: bool| {
        move |method: &Method| {
            let figures = experiment
                .published
                .iter()
                .flat_map(|published| &published.figures);
            let mut own = figures.filter(|figure| figure.method == method.name);
            own.find_map(|figure| {
                if is_test {
                    figure.test_accuracy
                } else {
                    figure.train_accuracy
                }
            })
        }
    };
    let shares = |label: &str| Axis::share(label);
    let charts = [
        chart(
            families,
            "Final test accuracy",
            &test,
            &published(true),
            &|_| shares("test accuracy, %"),
        ),
        chart(
            families,
            "Final training accuracy",
            &train,
            &published(false),
            &|_| shares("training accuracy, %"),
        ),
        chart(
            families,
            "Final training loss",
            &loss,
            &|_| None,
            &|series| {
                let losses = series
                    .iter()
                    .flat_map(|series| series.points.iter().map(|point| point.y));
                Axis::log("loss, nats (log)", losses).within(LIMITS.0, LIMITS.1)
            },
        ),
    ];
    let has = |what: fn(&Series) -> bool| charts.iter().flat_map(|chart| &chart.series).any(what);
    let mut caption = "Means over the seeds after the last update".to_owned();
    caption.push_str(
        if has(|series| series.points.iter().any(|point| point.lower < point.upper)) {
            ", with their 95 % intervals shaded."
        } else {
            "."
        },
    );
    if has(|series| !series.crosses.is_empty()) {
        caption.push_str(
            " A cross marks a value at which runs diverged: they count as 0 % accuracy and are not in the \
             loss, and where all did, it stands at the upper edge.",
        );
    }
    if let Some(published) = &experiment.published
        && has(|series| !series.published.is_empty())
    {
        caption.push_str(&format!(" Hollow markers: {}.", published.source));
    }
    Figure {
        name: "grid".into(),
        title: format!(
            "{}: final values against {}",
            experiment.name, families.grid.name
        ),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: charts.iter().map(Chart::panel).collect(),
        caption,
    }
}

fn chart(
    families: &Families<'_>,
    title: &str,
    value_of: &dyn Fn(f64, &MethodSummary) -> Option<Point>,
    published: &dyn Fn(&Method) -> Option<f64>,
    axis: &dyn Fn(&[Series]) -> Axis,
) -> Chart {
    let series = families
        .looks()
        .into_iter()
        .enumerate()
        .map(|(family, (name, look))| {
            let cells = families.row(family);
            let points = cells.filter_map(|(value, (_, summary))| value_of(value, summary));
            let mut series = Series::new(&name, look, points.collect());
            for (value, (method, summary)) in families.row(family) {
                if !summary.diverged.is_empty() {
                    let drawn = value_of(value, summary);
                    series
                        .crosses
                        .push((value, drawn.map_or(f64::INFINITY, |point| point.y)));
                }
                series
                    .published
                    .extend(published(method).map(|share| (value, share)));
            }
            series
        });
    let series: Vec<Series> = series.collect();
    Chart {
        title: title.into(),
        size: WIDE,
        x: families.axis(),
        y: axis(&series),
        series,
        is_labelled: true,
    }
}

/// Training accuracy against epochs, one panel per value with all families in it.
pub(crate) fn multiples(experiment: &Experiment, families: &Families<'_>) -> Option<Figure> {
    let number = families.values.len();
    let shown: Vec<usize> = if number <= MOST_PANELS {
        (0..number).collect()
    } else {
        (0..MOST_PANELS)
            .map(|at| at * (number - 1) / (MOST_PANELS - 1))
            .collect()
    };
    let by_epoch = |method: &Method| {
        let epochs: BTreeMap<u64, u64> = (method.runs.iter().flat_map(|run| &run.evaluations))
            .filter_map(|evaluation| Some((evaluation.updates, evaluation.epoch?)))
            .collect();
        let points = over_updates(method, |evaluation| evaluation.train.accuracy);
        let points = points.into_iter().filter_map(move |point| {
            let epoch = epochs.get(&(point.x as u64))?;
            Some(Point {
                x: *epoch as f64,
                ..point
            })
        });
        points.collect::<Vec<_>>()
    };
    let charts: Vec<(f64, Vec<Series>)> = (shown.iter().rev())
        .map(|at| {
            let series = families
                .looks()
                .into_iter()
                .enumerate()
                .map(|(family, (name, look))| {
                    let points = families
                        .cells
                        .get(&(family, *at))
                        .map(|(method, _)| by_epoch(method));
                    Series::new(&name, look, points.unwrap_or_default())
                });
            (families.values[*at], series.collect())
        })
        .collect();
    let all = charts
        .iter()
        .flat_map(|(_, series)| series)
        .flat_map(|series| &series.points);
    let (_, last) = ends(all.map(|point| point.x))?;
    let panels = charts.into_iter().map(|(value, series)| {
        let none = series.iter().filter(|series| series.points.is_empty());
        let none: Vec<&str> = none.map(|series| series.name.as_str()).collect();
        let label = if none.is_empty() {
            "training accuracy, %".to_owned()
        } else {
            format!("%; none finished: {}", none.join(", "))
        };
        let chart = Chart {
            title: value_text(value),
            size: SMALL,
            x: Axis::linear("epoch", [0.0, last]),
            y: Axis::share(&label),
            series,
            is_labelled: false,
        };
        chart.panel()
    });
    let several = if number > MOST_PANELS {
        format!(" {MOST_PANELS} of the {number} values.")
    } else {
        String::new()
    };
    Some(Figure {
        name: "grid-curves".into(),
        title: format!(
            "{}: training accuracy by {}",
            experiment.name, families.grid.name
        ),
        layout: Layout::Multiples,
        key: families.looks(),
        panels: panels.collect(),
        caption: format!(
            "Training accuracy against epochs, one panel for each {}, named above it; the mean over the runs \
             that finished, its 95 % Student t interval shaded. All panels have the same axes.{several}",
            families.grid.name
        ),
    })
}

/// The values of the grid in a few words: `16 values from 1e−4 to 1`.
pub(crate) fn range_of(families: &Families<'_>) -> String {
    match families.values.as_slice() {
        [only] => value_text(*only),
        [first, .., last] => format!(
            "{} values from {} to {}",
            families.values.len(),
            value_text(*first),
            value_text(*last)
        ),
        [] => tick_text(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_short_as_they_are_exact() {
        let texts = [1.0, 0.541_17, 0.01, 1e-4, 6.31e-4, 0.0, 128.0, 2.5e6, -0.5].map(value_text);
        assert_eq!(
            texts,
            [
                "1",
                "0.5412",
                "0.01",
                "1e−4",
                "6.31e−4",
                "0",
                "128",
                "2.5e6",
                "−0.5"
            ]
        );
    }
}
