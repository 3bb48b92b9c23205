//! How well each layer reconstructs its input in its pre-training, one line per method.

use std::collections::{BTreeMap, BTreeSet};

use crate::drawing::axis::Axis;
use crate::drawing::band::mean_point;
use crate::drawing::chart::{Chart, NARROW, Point, Series};
use crate::drawing::figure::{Figure, Layout};
use crate::drawing::marks::Look;
use crate::experiment::Method;
use crate::summary::Summary;

/// `None` where nothing was pre-trained.
pub(crate) fn pretraining(summary: &Summary<'_>) -> Option<Figure> {
    let experiment = summary.experiment;
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    let lines = runs.flat_map(|run| &run.pretraining);
    let layers: BTreeSet<usize> = lines.clone().map(|line| line.layer).collect();
    let x = Axis::linear(
        "updates on this layer",
        lines.clone().map(|line| line.updates as f64).chain([0.0]),
    );
    let y = Axis::log(
        "reconstruction loss, nats (log)",
        lines.map(|line| line.loss),
    )
    .within(1e-6, 1e6);
    let panels = layers.iter().map(|layer| {
        let series = experiment
            .methods
            .iter()
            .enumerate()
            .map(|(index, method)| {
                let look = Look::of(index, summary.baseline);
                Series::new(&method.name, look, means(method, *layer))
            });
        let chart = Chart {
            title: format!("Layer {layer}"),
            size: NARROW,
            x: x.clone(),
            y: y.clone(),
            series: series.filter(|series| !series.points.is_empty()).collect(),
            is_labelled: true,
        };
        chart.panel()
    });
    (!layers.is_empty()).then(|| Figure {
        name: "pretraining".into(),
        title: format!("{}: reconstruction loss in pre-training", experiment.name),
        layout: Layout::Panels,
        key: Vec::new(),
        panels: panels.collect(),
        caption: "Mean reconstruction loss per image while the layers are pre-trained one after \
                  the other: the mean over the seeds, with its 95 % Student t interval if there \
                  are several. All panels have the same axes."
            .into(),
    })
}

fn means(method: &Method, layer: usize) -> Vec<Point> {
    let mut by_updates: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for line in method.runs.iter().flat_map(|run| &run.pretraining) {
        if line.layer == layer && line.loss.is_finite() {
            by_updates.entry(line.updates).or_default().push(line.loss);
        }
    }
    let most = by_updates.values().map(Vec::len).max().unwrap_or(0);
    let complete = by_updates
        .into_iter()
        .filter(|(_, losses)| losses.len() == most);
    let points = complete.filter_map(|(updates, losses)| mean_point(updates as f64, &losses));
    points.collect()
}
