//! `[published]`: results that others published for the same settings.

use std::collections::BTreeMap;

use downhill_report::{Published, PublishedFigure};
use serde::Deserialize;
use toml::Value;

use crate::config::layers::{Layers, at};
use crate::config::similar::no_method;
use crate::error::TrainError;

/// `[published]` of a config file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedConfig {
    /// The publication.
    source: String,
    /// Results by method.
    #[serde(default)]
    methods: BTreeMap<String, Figures>,
}

/// The published results of a method.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
struct Figures {
    /// Training accuracy, from 0 to 1.
    train_accuracy: Option<f64>,
    /// Test accuracy, from 0 to 1.
    test_accuracy: Option<f64>,
    /// Pairs of update and training loss in nats.
    losses: Vec<(u64, f64)>,
}

/// Reads `[published]`, in the order of the experiment's methods; `None` if there is none. Results
/// of a family of a grid are left out, and `None` is returned if no others are there.
pub(crate) fn published(
    experiment: &Layers,
    methods: &[&str],
    families: &[&str],
) -> Result<Option<Published>, TrainError> {
    let Some(config) = experiment.read::<PublishedConfig>("published")? else {
        return Ok(None);
    };
    let known = [methods, families].concat();
    if let Some(name) = (config.methods.keys()).find(|name| !known.contains(&name.as_str())) {
        let message = format!("published.methods: {}", no_method(name, methods));
        return Err(experiment.blame(&format!("published.methods.{name}"), &message));
    }
    let written = at(&experiment.table, "published.methods");
    for (name, figures) in written.and_then(Value::as_table).into_iter().flatten() {
        let path = format!("published.methods.{name}");
        experiment.table_at(&path, figures)?;
    }
    for (name, figures) in &config.methods {
        let accuracies = [
            ("train_accuracy", figures.train_accuracy),
            ("test_accuracy", figures.test_accuracy),
        ];
        for (key, accuracy) in accuracies {
            if let Some(accuracy) = accuracy.filter(|it| !(0.0..=1.0).contains(it)) {
                let path = format!("published.methods.{name}.{key}");
                let message = format!("{path} must lie in 0 to 1, got {accuracy}");
                return Err(experiment.blame(&path, &message));
            }
        }
        let is_no_loss = |(_, loss): &&(u64, f64)| !(loss.is_finite() && *loss >= 0.0);
        if let Some((_, loss)) = figures.losses.iter().find(is_no_loss) {
            let path = format!("published.methods.{name}.losses");
            let message = format!("{path} must be finite and at least 0, got {loss}");
            return Err(experiment.blame(&path, &message));
        }
    }
    let mut of_methods = config.methods;
    let is_of_families = of_methods
        .keys()
        .any(|name| families.contains(&name.as_str()));
    let ordered = (methods.iter()).filter_map(|method| of_methods.remove_entry(*method));
    let figure = |(method, figures): (String, Figures)| PublishedFigure {
        method,
        train_accuracy: figures.train_accuracy,
        test_accuracy: figures.test_accuracy,
        losses: figures.losses,
    };
    let figures: Vec<_> = ordered.map(figure).collect();
    if figures.is_empty() && is_of_families {
        return Ok(None);
    }
    Ok(Some(Published {
        source: config.source,
        figures,
    }))
}
