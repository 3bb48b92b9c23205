//! Training minus test accuracy while training, one line per method.

use crate::drawing::axis::Axis;
use crate::drawing::band::mean_point;
use crate::drawing::chart::{Chart, Point, Series, WIDE, thinned};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::Look;
use crate::experiment::Method;
use crate::record::Evaluation;
use crate::summary::Summary;
use crate::summary::curves::values_by_updates;

/// `None` where no run finished with two evaluations or more.
pub(crate) fn gap(summary: &Summary<'_>) -> Option<Figure> {
    let experiment = summary.experiment;
    let gap = |evaluation: &Evaluation| evaluation.train.accuracy - evaluation.test.accuracy;
    let series: Vec<Series> = (experiment.methods.iter().enumerate())
        .map(|(index, method)| {
            let look = Look::of(index, summary.baseline);
            Series::new(&method.name, look, over_updates(method, gap))
        })
        .collect();
    if series.iter().all(|series| series.points.len() < 2) {
        return None;
    }
    let x = series
        .iter()
        .flat_map(|series| series.points.iter().map(|point| point.x));
    let y = series.iter().flat_map(|series| {
        series
            .points
            .iter()
            .flat_map(|point| [point.y, point.lower, point.upper])
    });
    let mut caption =
        "Training minus test accuracy in points, the mean over the runs that finished.".to_owned();
    if summary.has_intervals() {
        caption.push_str(" Shaded: 95 % Student t interval of the mean.");
    }
    let chart = Chart {
        title: "Gap between training and test accuracy".into(),
        size: WIDE,
        x: Axis::linear("updates", x.chain([0.0])),
        y: Axis::shares("train − test accuracy, points", y.chain([0.0])),
        series,
        is_labelled: true,
    };
    Some(Figure {
        name: "gap".into(),
        title: format!(
            "{}: gap between training and test accuracy",
            experiment.name
        ),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: vec![chart.panel()],
        caption,
    })
}

/// Mean and interval of a quantity over the runs that finished, where each of them has it.
pub(crate) fn over_updates(method: &Method, value: impl Fn(&Evaluation) -> f64) -> Vec<Point> {
    let complete = values_by_updates(method, value);
    let kept = thinned(&(0..complete.len()).collect::<Vec<_>>());
    let point = |at: usize| {
        let (updates, values) = &complete[at];
        mean_point(*updates as f64, values)
    };
    kept.into_iter().filter_map(point).collect()
}
