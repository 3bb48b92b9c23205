//! Experiments whose methods have several values of a setting: final values against the value, and
//! learning curves value by value.

use std::collections::BTreeMap;

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::{Chart, Point, SMALL, Series, WIDE};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::Look;
use crate::experiment::Method;
use crate::figures::gap::over_updates;
use crate::summary::families::Families;
use crate::summary::{MethodSummary, Summary};
use crate::text::numbers::setting_value;

/// More values than this get no panel each.
const MOST_PANELS: usize = 16;
/// Losses are drawn within these limits, those outside at the edge.
const LIMITS: (f64, f64) = (1e-6, 100.0);

/// Returns the families' names with their looks.
pub(crate) fn looks(families: &Families) -> Vec<(String, Look)> {
    let names = families.names.iter().enumerate();
    names
        .map(|(index, name)| (name.clone(), Look::of(index, None)))
        .collect()
}

fn axis(families: &Families) -> Axis {
    let is_positive = families.values.iter().all(|value| *value > 0.0);
    if is_positive && families.values.len() > 1 {
        let label = format!("{} (log)", families.grid.name);
        Axis::log_exactly(&label, families.values.iter().copied())
    } else {
        Axis::roomy(&families.grid.name, families.values.iter().copied())
    }
}

/// Final test accuracy, training accuracy and training loss against the value.
pub(crate) fn final_values(summary: &Summary<'_>, families: &Families) -> Figure {
    let experiment = summary.experiment;
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
            summary,
            families,
            "Final test accuracy",
            &test,
            &published(true),
            &|_| shares("test accuracy, %"),
        ),
        chart(
            summary,
            families,
            "Final training accuracy",
            &train,
            &published(false),
            &|_| shares("training accuracy, %"),
        ),
        chart(
            summary,
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
            " A cross marks a value at which runs diverged. They count as 0 % accuracy and are not \
             in the loss; if all runs diverged, the cross is at the upper edge.",
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
    summary: &Summary<'_>,
    families: &Families,
    title: &str,
    value_of: &dyn Fn(f64, &MethodSummary) -> Option<Point>,
    published: &dyn Fn(&Method) -> Option<f64>,
    y: &dyn Fn(&[Series]) -> Axis,
) -> Chart {
    let series = looks(families)
        .into_iter()
        .enumerate()
        .map(|(family, (name, look))| {
            let cells = families.row(family);
            let points = cells.filter_map(|(value, at)| value_of(value, &summary.methods[at]));
            let mut series = Series::new(&name, look, points.collect());
            for (value, at) in families.row(family) {
                let method = &summary.experiment.methods[at];
                if !summary.methods[at].diverged.is_empty() {
                    let drawn = value_of(value, &summary.methods[at]);
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
        x: axis(families),
        y: y(&series),
        series,
        is_labelled: true,
    }
}

/// Training accuracy against epochs, one panel per value with all families in it.
pub(crate) fn multiples(summary: &Summary<'_>, families: &Families) -> Option<Figure> {
    let experiment = summary.experiment;
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
            let series = looks(families)
                .into_iter()
                .enumerate()
                .map(|(family, (name, look))| {
                    let method = families.method(family, *at);
                    let points = method.map(|method| by_epoch(&experiment.methods[method]));
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
            title: setting_value(value),
            size: SMALL,
            x: Axis::linear("epoch", [0.0, last]),
            y: Axis::share(&label),
            series,
            is_labelled: false,
        };
        chart.panel()
    });
    let several = if number > MOST_PANELS {
        format!(" Only {MOST_PANELS} of the {number} values are shown.")
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
        key: looks(families),
        panels: panels.collect(),
        caption: format!(
            "Training accuracy against epochs, one panel for each {}, which is its title: the mean \
             over the runs that finished, with its 95 % Student t interval shaded. All panels have \
             the same axes.{several}",
            families.grid.name
        ),
    })
}
