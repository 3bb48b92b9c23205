//! The figures of an experiment's report, section by section.

use crate::drawing::figure::{Figure, Picture};
use crate::drawing::marks::Look;
use crate::figures::curves::Quantity;
use crate::figures::{
    activations, batch_losses, final_values, gap, grid, learning_curves, pretraining, profiles,
};
use crate::summary::Summary;

/// A section of figures, of which the first is the main picture.
pub(crate) struct Part {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) figures: Vec<Figure>,
}

impl Part {
    fn new(id: &'static str, title: &str, figures: impl IntoIterator<Item = Figure>) -> Self {
        Self {
            id,
            title: title.into(),
            figures: figures.into_iter().collect(),
        }
    }
}

/// The sections of figures of an experiment, those without a figure left out.
pub(crate) fn parts(summary: &Summary<'_>) -> Vec<Part> {
    let experiment = summary.experiment;
    let mut parts = Vec::new();
    let looks: Vec<(String, Look)> = match &summary.families {
        Some(families) => {
            parts.push(Part::new(
                "grid",
                &format!("Final values by {}", families.grid.name),
                [grid::final_values(summary, families)],
            ));
            parts.push(Part::new(
                "grid-curves",
                "Training accuracy while training",
                grid::multiples(summary, families),
            ));
            let look = Look::of(families.names.len(), None);
            let methods = experiment.methods.iter();
            methods.map(|method| (method.name.clone(), look)).collect()
        }
        None => {
            parts.extend(of_methods(summary));
            let methods = experiment.methods.iter().enumerate();
            methods
                .map(|(index, method)| (method.name.clone(), Look::of(index, summary.baseline)))
                .collect()
        }
    };
    if let Some(target) = &summary.target {
        parts.push(Part::new(
            "targets",
            "How long it took to reach the target",
            [profiles::targets(target, &looks)],
        ));
        parts.push(Part::new(
            "profile",
            "Performance profile",
            profiles::profile(target, &looks),
        ));
    }
    parts.retain(|part| !part.figures.is_empty());
    parts
}

/// The sections of an experiment without a grid.
fn of_methods(summary: &Summary<'_>) -> [Part; 8] {
    let curves = |quantity| learning_curves::on_page(summary, quantity);
    let values = [final_values::final_values(summary)];
    [
        Part::new(
            "accuracy",
            "Accuracy while training",
            [curves(Quantity::Accuracy)],
        ),
        Part::new("loss", "Loss while training", [curves(Quantity::Loss)]),
        Part::new(
            "batch-loss",
            "Loss of the batches",
            batch_losses::batch_losses(summary),
        ),
        Part::new(
            "gap",
            "Gap between training and test accuracy",
            gap::gap(summary),
        ),
        Part::new(
            "final",
            "Final accuracy of every seed",
            values.into_iter().chain(final_values::boxes(summary)),
        ),
        Part::new(
            "differences",
            "Differences to the baseline",
            final_values::differences(summary),
        ),
        Part::new(
            "pretraining",
            "Pre-training",
            pretraining::pretraining(summary),
        ),
        Part::new(
            "activations",
            "Outputs of the hidden units",
            activations::activations(summary),
        ),
    ]
}

/// The figures of an experiment as pictures of their own; none without a run.
pub(crate) fn pictures(summary: &Summary<'_>) -> Vec<Picture> {
    if summary.is_empty() {
        return Vec::new();
    }
    let parts = parts(summary);
    let figures = parts.iter().flat_map(|part| &part.figures);
    figures
        .map(|figure| match figure.name.as_str() {
            "accuracy" => learning_curves::picture(summary, Quantity::Accuracy),
            "loss" => learning_curves::picture(summary, Quantity::Loss),
            _ => figure.picture(),
        })
        .collect()
}
