//! What else differs between the methods.

use crate::experiment::{Experiment, Method};
use crate::text::numbers::{count, listed, quoted};

/// How the settings of the optimizer begin.
const OPTIMIZER: &str = "optimizer.";

pub(super) fn several_changes(experiment: &Experiment) -> Option<String> {
    let mut named: Vec<String> = Vec::new();
    for method in &experiment.methods {
        let changes = number_of_changes(experiment, method);
        // In a grid they are told once for all values.
        let name = method
            .cell
            .as_ref()
            .map_or(&method.name, |cell| &cell.family);
        let entry = format!("{} ({})", quoted(name), count(changes));
        if changes > 1 && !named.contains(&entry) {
            named.push(entry);
        }
    }
    (!named.is_empty()).then(|| {
        format!(
            "More than one setting differs at once in {}; the runs do not show which of them made \
             the difference.",
            listed(&named)
        )
    })
}

/// In how many settings a method differs from the base config. Another optimizer is one change,
/// however many settings of its own it brings along.
fn number_of_changes(experiment: &Experiment, method: &Method) -> usize {
    let of_optimizer = |change: &&String| change.starts_with(OPTIMIZER);
    // The setting of a grid is meant to differ.
    let grid = experiment.grid.as_ref();
    let changes = method.changes.iter();
    let changes = changes.filter(|change| grid.is_none_or(|grid| !sets(change, &grid.setting)));
    let (optimizer, others): (Vec<_>, Vec<_>) = changes.partition(of_optimizer);
    let (optimizer, others) = (optimizer.len(), others.len());
    // A method that leaves the optimizer alone has the one of the base config.
    let keeping = |method: &&Method| !method.changes.iter().any(|change| of_optimizer(&change));
    let mut base = (experiment.methods.iter().filter(keeping)).flat_map(optimizers);
    let is_kept = base.any(|name| optimizers(method).any(|own| own == name));
    others + if is_kept { optimizer } else { optimizer.min(1) }
}

/// Whether a change such as `optimizer.sgd.learning_rate = 0.1` is of a setting, in whose path a
/// `*` is any one part.
fn sets(change: &str, setting: &str) -> bool {
    let path = change.split(" = ").next().unwrap_or_default();
    let mut parts = path.split('.').zip(setting.split('.'));
    path.split('.').count() == setting.split('.').count()
        && parts.all(|(part, wanted)| wanted == "*" || part == wanted)
}

/// The names of the optimizers in the configs of a method's runs.
fn optimizers(method: &Method) -> impl Iterator<Item = &String> {
    let configs = method.runs.iter().map(|run| &run.header.config);
    let tables = configs.filter_map(|config| config.get("optimizer")?.as_object());
    tables.flat_map(|table| table.keys())
}
