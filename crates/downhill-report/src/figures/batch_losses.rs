//! The loss of each update's batch, smoothed, one line per method.

use crate::drawing::axis::Axis;
use crate::drawing::band::mean_point;
use crate::drawing::chart::{Chart, Point, Series, WIDE, thinned};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::Look;
use crate::drawing::smoothing::{BETA, WINDOW, smooth};
use crate::experiment::{Experiment, Method};
use crate::summary::Summary;

/// Losses are drawn within these limits, those outside at the edge.
const LIMITS: (f64, f64) = (1e-6, 100.0);

/// `None` where no run has the losses of its batches.
pub(crate) fn batch_losses(summary: &Summary<'_>) -> Option<Figure> {
    let experiment = summary.experiment;
    let mut runs = experiment.methods.iter().flat_map(|method| &method.runs);
    if !runs.any(|run| !run.losses.is_empty()) {
        return None;
    }
    let series: Vec<Series> = (experiment.methods.iter().enumerate())
        .map(|(index, method)| {
            let look = Look::of(index, summary.baseline);
            let mut series = Series::new(&method.name, look, means(method));
            series.published = published(experiment, &method.name);
            series.strays = strays(method);
            series.crosses = series
                .strays
                .iter()
                .filter_map(|stray| stray.last().copied())
                .collect();
            series
        })
        .collect();
    let has_band = |series: &Series| series.points.iter().any(|point| point.lower < point.upper);
    let mut caption = format!(
        "Loss of each update's batch in nats on a logarithmic axis, smoothed run by run with a Kaiser \
         window of {WINDOW} updates (beta {BETA}), then the mean over the runs that finished."
    );
    if series.iter().any(has_band) {
        caption.push_str(" Shaded: 95 % Student t interval of the mean.");
    }
    if series.iter().any(|series| !series.crosses.is_empty()) {
        caption.push_str(" A thin line that ends in a cross is a run that diverged.");
    }
    if let Some(published) = &experiment.published
        && series.iter().any(|series| !series.published.is_empty())
    {
        caption.push_str(&format!(" Hollow markers: {}.", published.source));
    }
    let x = series.iter().flat_map(|series| {
        let points = series.points.iter().map(|point| point.x);
        points.chain(series.strays.iter().flatten().map(|at| at.0))
    });
    let y = series.iter().flat_map(|series| {
        let points = series.points.iter().map(|point| point.y);
        points.chain(series.published.iter().map(|at| at.1))
    });
    let chart = Chart {
        title: "Smoothed loss of the batches".into(),
        size: WIDE,
        x: Axis::linear("updates", x.chain([0.0])),
        y: Axis::log("loss, nats (log)", y).within(LIMITS.0, LIMITS.1),
        series,
        is_labelled: true,
    };
    Some(Figure {
        name: "batch-loss".into(),
        title: format!(
            "{}: smoothed loss of the batches against updates",
            experiment.name
        ),
        layout: Layout::Wide,
        key: Vec::new(),
        panels: vec![chart.panel()],
        caption,
    })
}

/// Mean and interval of the smoothed losses over the runs that finished.
fn means(method: &Method) -> Vec<Point> {
    let finished = method
        .runs
        .iter()
        .filter(|run| run.final_evaluation().is_some());
    let smoothed: Vec<Vec<f64>> = finished
        .filter(|run| !run.losses.is_empty())
        .map(|run| smooth(&finite(&run.losses)))
        .collect();
    let length = smoothed.iter().map(Vec::len).min().unwrap_or(0);
    let shown = thinned(&(0..length).collect::<Vec<_>>());
    let point = |at: usize| {
        let values: Vec<f64> = smoothed.iter().map(|losses| losses[at]).collect();
        mean_point((at + 1) as f64, &values)
    };
    shown.into_iter().filter_map(point).collect()
}

/// The smoothed losses of each diverged run up to its last finite one.
fn strays(method: &Method) -> Vec<Vec<(f64, f64)>> {
    let diverged = method
        .runs
        .iter()
        .filter(|run| run.final_evaluation().is_none());
    let lines = diverged.map(|run| {
        let smoothed = smooth(&finite(&run.losses));
        let points = (1_u32..).map(f64::from).zip(smoothed);
        thinned(&points.collect::<Vec<_>>())
    });
    lines.filter(|line| !line.is_empty()).collect()
}

fn finite(losses: &[f32]) -> Vec<f64> {
    let losses = losses.iter().map(|loss| f64::from(*loss));
    losses.take_while(|loss| loss.is_finite()).collect()
}

fn published(experiment: &Experiment, method: &str) -> Vec<(f64, f64)> {
    let figures = experiment
        .published
        .iter()
        .flat_map(|published| &published.figures);
    let own = figures.filter(|figure| figure.method == method);
    let losses = own.flat_map(|figure| &figure.losses);
    losses
        .map(|(update, loss)| (*update as f64, *loss))
        .collect()
}
