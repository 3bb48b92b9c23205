//! The plan of a command: the config resolved, each value with its origin.

mod check;
pub mod ensemble;
pub mod method;
mod resolve;
pub mod runs;
mod schedules;
pub mod text;

use std::collections::HashSet;
use std::sync::Arc;

use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;
use downhill_data::{DEFAULT_SOURCE, ImagePair};
use downhill_report::{Grid, Published, TargetImages};
use toml::{Table, Value};

use crate::config::file::ExperimentFile;
use crate::config::images::TrainingImages;
use crate::config::keys::{DEFAULT_SEEDS, MAX_SEEDS};
use crate::config::layers::{DEFAULT, Layers, at, join, nested};
use crate::config::overrides::{Overrides, without_experiment_keys};
use crate::config::similar::no_method;
use crate::config::tables::grid::GridConfig;
use crate::config::tables::kind::{Kind, TABLES};
use crate::config::tables::published::published;
use crate::config::tables::target::TargetConfig;
use crate::config::training::TrainingConfig;
use crate::config::words::shown;
use crate::error::TrainError;
use crate::plan::method::MethodPlan;
use crate::plan::resolve::{changes, default_optimizer, resolve};

/// The plan of a command.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the experiment: that of its file.
    pub name: String,
    /// Question of the experiment.
    pub question: String,
    /// The images: the name of a set, or a directory.
    pub source: String,
    /// Backend of all runs.
    pub backend: Backend,
    /// The method that the others are compared with.
    pub baseline: Option<String>,
    /// The seeds of each method.
    pub seeds: Vec<u64>,
    /// The largest number of runs that train as one ensemble of networks.
    pub ensemble: usize,
    /// Whether diverged runs are expected, and no failure.
    pub may_diverge: bool,
    /// The methods, in the order of the file.
    pub methods: Vec<MethodPlan>,
    /// What is done with the methods.
    pub kind: Kind,
    /// The setting that takes several values in each method.
    pub grid: Option<Grid>,
    /// The accuracy to reach.
    pub target: Option<TargetConfig>,
    /// Published results.
    pub published: Option<Published>,
    /// What the experiment has for its methods but not for those of its grid, such as
    /// `published.methods.sigmoid`.
    pub(crate) left_out: Vec<String>,
    /// The settings that the methods share unless they change them.
    pub(crate) base: Layers,
    /// The tables that are not settings of a method, such as `[grid]`.
    pub(crate) tables: Layers,
}

impl Plan {
    /// Resolves a config file and a command line: defaults, file, method, `--set`, each over the
    /// one before.
    ///
    /// # Errors
    ///
    /// An invalid value, with its bound and its origin.
    pub fn resolve(file: &ExperimentFile, arguments: &TrainArguments) -> Result<Self, TrainError> {
        let overrides = Overrides::parse(&arguments.overrides)?;
        let written = file.path.display().to_string();
        let empty = Layers {
            lines: file.lines.clone(),
            images: Arc::new(TrainingImages::of(arguments.data_dir.as_deref())),
            ..Layers::default()
        };
        let (mut experiment, mut tables) = (empty.clone(), empty.clone());
        experiment.lay(&file.table, &written);
        tables.lay(&experiment_tables(&file.table), &written);
        for (origin, table) in &overrides.tables {
            experiment.lay(table, origin);
            tables.lay(&experiment_tables(table), origin);
        }

        let mut base = empty;
        base.lay(&default_optimizer(), DEFAULT);
        base.lay(&without_experiment_keys(&file.table), &written);
        let kind = Kind::of(&experiment)?;
        if let Kind::Valley(_) = kind {
            refuse_seeds(&experiment, arguments)?;
        }
        if let Kind::Search(search) = &kind {
            tables.lay_below(&search.with_defaults(), DEFAULT);
        }
        let grid = GridConfig::of(&experiment)?;
        // Lengths that are relative to the run are relative to the descent.
        let length = kind.updates().map(|(path, updates)| {
            let origin = experiment.origin(path).unwrap_or(DEFAULT).to_owned();
            (
                nested("training.updates", Value::Integer(updates as i64)),
                origin,
            )
        });
        if let Some((length, origin)) = &length {
            base.lay(length, origin);
            base.images = Arc::new(TrainingImages::unused());
        }
        let mut methods = Vec::new();
        for (name, table) in method_tables(file, &overrides, &experiment.table)? {
            let mut layers = base.clone();
            layers.lay(&table, &format!("{written}, method {name}"));
            let lay_overrides = |layers: &mut Layers| {
                for (origin, over, names_method) in overrides.for_method(&name) {
                    if !names_method {
                        refuse_other_optimizer(&name, &table, &over, origin)?;
                    }
                    layers.lay(&over, origin);
                }
                if let Some((length, origin)) = &length {
                    layers.lay(length, origin);
                }
                Ok::<(), TrainError>(())
            };
            let Some(grid) = &grid else {
                lay_overrides(&mut layers)?;
                methods.push(MethodPlan::resolve(name, None, &layers)?);
                continue;
            };
            let mut chosen = layers.clone();
            lay_overrides(&mut chosen)?;
            let (config, resolved) = resolve(&chosen)?;
            let of_method = (config.optimizer.name(), &resolved.table);
            for (cell_name, cell, setting) in grid.cells(&name, of_method, &experiment)? {
                let origin = experiment.origin("grid.values").unwrap_or(DEFAULT);
                let mut layers = layers.clone();
                layers.lay(&setting, &format!("{origin}, grid"));
                lay_overrides(&mut layers)?;
                methods.push(MethodPlan::resolve(cell_name, Some(cell), &layers)?);
            }
        }
        for (origin, table) in &overrides.tables {
            base.lay(&without_experiment_keys(table), origin);
        }
        if let Some((length, origin)) = &length {
            base.lay(length, origin);
        }
        base = resolve(&base)?.1;
        for method in &mut methods {
            method.changes = changes(&base, &method.layers);
        }

        if let (Kind::Search(_), [_, other, ..]) = (&kind, &methods[..]) {
            let message = "an experiment with [search] has at most one method; remove the others";
            return Err(experiment.blame(&format!("methods.{}", other.name), message));
        }
        let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
        let cells = methods.iter().filter_map(|method| method.cell.as_ref());
        let families: Vec<&str> = cells.map(|cell| cell.family.as_str()).collect();
        let published = published(&experiment, &names, &families)?;
        let baseline = baseline(&experiment, &names, &families)?;
        let left_out = left_out(&experiment, &families);
        choose(&mut methods, &arguments.methods)?;
        let target = TargetConfig::of(&experiment)?;
        refuse_without_validation(&methods, &kind, target)?;
        if let Kind::Valley(_) | Kind::Landscapes(_) = kind {
            methods.iter().try_for_each(refuse_other_steps)?;
        }
        let chosen = |name: &String| methods.iter().any(|method| method.name == *name);
        let baseline = baseline.filter(chosen);
        Ok(Self {
            name: file.name.clone(),
            source: source(&methods)?,
            question: file.question.clone(),
            backend: arguments.backend,
            baseline,
            seeds: seeds(&experiment, arguments)?,
            may_diverge: may_diverge(&experiment)?,
            ensemble: arguments.ensemble(),
            methods,
            kind,
            grid: grid.as_ref().map(GridConfig::report),
            target,
            published,
            left_out,
            base,
            tables,
        })
    }

    /// Checks that the data have what the plan asks for.
    ///
    /// # Errors
    ///
    /// A setting that the data do not allow.
    pub fn check_data(&self, data: &ImagePair) -> Result<(), TrainError> {
        for method in &self.methods {
            method.check_data(data)?;
        }
        Ok(())
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        match &self.kind {
            Kind::Training => self.methods.len() * self.seeds.len(),
            Kind::Search(search) => search.trials * search.rounds * self.seeds.len(),
            Kind::Valley(_) | Kind::Landscapes(_) | Kind::GradientCheck(_) => 0,
        }
    }

    /// Whether the plan trains networks.
    pub fn trains(&self) -> bool {
        matches!(self.kind, Kind::Training | Kind::Search(_))
    }
}

/// The tables of an experiment that are not settings of a method, such as `[grid]`.
fn experiment_tables(table: &Table) -> Table {
    let is_own =
        |key: &str| TABLES.contains(&key) || ["grid", "target", "published"].contains(&key);
    let own = table
        .iter()
        .filter(|(key, value)| is_own(key) && value.is_table());
    own.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Refuses methods that lack the held-out images which a search or a target needs.
fn refuse_without_validation(
    methods: &[MethodPlan],
    kind: &Kind,
    target: Option<TargetConfig>,
) -> Result<(), TrainError> {
    let path = "data.validation_images";
    let reason = match (kind, target) {
        (Kind::Search(search), _) if !search.ranges.contains_key(path) => {
            "for [search], which ranks its trials by the accuracy on them"
        }
        (Kind::Training, Some(TargetConfig { on, .. })) if on != TargetImages::Test => {
            "for this [target]; or measure it with target.on = \"test\""
        }
        _ => return Ok(()),
    };
    let without = |method: &&MethodPlan| method.config.data.validation_images == 0;
    match methods.iter().find(without) {
        Some(method) => {
            let message = format!("{path} must be at least 1 {reason}, got 0");
            Err(method.layers.blame(path, &message))
        }
        None => Ok(()),
    }
}

/// The source of the images, which all methods share.
fn source(methods: &[MethodPlan]) -> Result<String, TrainError> {
    let source = |method: &MethodPlan| method.config.data.source.clone();
    let first = methods
        .first()
        .map_or_else(|| DEFAULT_SOURCE.to_owned(), source);
    match methods
        .iter()
        .find(|method| method.config.data.source != first)
    {
        Some(other) => {
            let message = format!(
                "data.source must be the same for all methods, got {first:?} and {:?}; give each its \
                 own experiment, and compare them with `report`",
                other.config.data.source
            );
            Err(other.layers.blame("data.source", &message))
        }
        None => Ok(first),
    }
}

/// Refuses what a descent of a function does not have: SAM and L-BFGS.
fn refuse_other_steps(method: &MethodPlan) -> Result<(), TrainError> {
    let config = &method.config;
    for (key, is_set) in [
        ("sam", config.sam.is_some()),
        ("lbfgs", config.lbfgs.is_some()),
    ] {
        if is_set {
            let message = format!(
                "{key} has no effect on descents of functions, whose updates have one gradient \
                 each; remove it"
            );
            return Err(method.layers.blame(key, &message));
        }
    }
    Ok(())
}

/// Refuses to give a method another optimizer than the one it sets.
fn refuse_other_optimizer(
    method: &str,
    own: &Table,
    over: &Table,
    origin: &str,
) -> Result<(), TrainError> {
    let kind = |table: &Table| {
        let kinds = table.get("optimizer")?.as_table()?;
        kinds.keys().next().cloned()
    };
    match (kind(own), kind(over)) {
        (Some(own), Some(other)) if own != other => Err(TrainError::Config(format!(
            "{origin}: method `{method}` is trained with {own}, not with {other}; write \
             methods.NAME.optimizer.{other}... for the methods that it should apply to"
        ))),
        _ => Ok(()),
    }
}

/// The name of the method of an experiment without methods: that of its optimizer.
fn only_method(file: &ExperimentFile, overrides: &Overrides) -> String {
    let tables = overrides.tables.iter().rev().map(|(_, table)| table);
    let mut optimizers = tables.chain([&file.table]).filter_map(|table| {
        if table.get("lbfgs").is_some_and(Value::is_table) {
            return Some("lbfgs".to_owned());
        }
        let optimizer = table.get("optimizer")?.as_table()?;
        optimizer.keys().next().cloned()
    });
    let optimizer = optimizers.next();
    optimizer.unwrap_or_else(|| TrainingConfig::default().optimizer.name().to_owned())
}

/// The methods in the order of the file, each with its settings.
fn method_tables(
    file: &ExperimentFile,
    overrides: &Overrides,
    experiment: &Table,
) -> Result<Vec<(String, Table)>, TrainError> {
    let methods = |table: &Table| table.get("methods").and_then(Value::as_table).cloned();
    let written = methods(&file.table).unwrap_or_default();
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    for name in methods(experiment).unwrap_or_default().keys() {
        if !written.contains_key(name) {
            let sets = |table: &Table| methods(table).is_some_and(|all| all.contains_key(name));
            let origin = overrides.tables.iter().find(|(_, table)| sets(table));
            let origin = origin.map_or("--set", |(origin, _)| origin.as_str());
            return Err(unknown_method(name, &names, origin));
        }
    }
    if written.is_empty() {
        return Ok(vec![(only_method(file, overrides), Table::new())]);
    }
    if let Some(name) = names.iter().find(|name| name.chars().any(char::is_control)) {
        return Err(TrainError::Config(format!(
            "{}: the name of a method must not contain control characters, got {name:?}; rename it",
            file.lines.place(&join("methods", name))
        )));
    }
    let table = |value: Value| value.as_table().cloned().unwrap_or_default();
    Ok((written.into_iter())
        .map(|(name, value)| (name, table(value)))
        .collect())
}

fn unknown_method(name: &str, known: &[&str], origin: &str) -> TrainError {
    TrainError::Config(format!("{origin}: {}", no_method(name, known)))
}

/// Keeps the methods that `--method` names; all of them without `--method`.
fn choose(methods: &mut Vec<MethodPlan>, wanted: &[String]) -> Result<(), TrainError> {
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    for name in wanted {
        if !methods.iter().any(|method| method.matches_name(name)) {
            return Err(unknown_method(name, &names, &format!("--method {name}")));
        }
    }
    if !wanted.is_empty() {
        methods.retain(|method| wanted.iter().any(|name| method.matches_name(name)));
    }
    Ok(())
}

/// The baseline; `None` if there is none, and if it is a family of a grid.
fn baseline(
    experiment: &Layers,
    names: &[&str],
    families: &[&str],
) -> Result<Option<String>, TrainError> {
    let Some(value) = experiment.table.get("baseline") else {
        return Ok(None);
    };
    let Some(name) = value.as_str() else {
        let message = format!(
            "`baseline` must be the name of a method, got {}",
            shown(value)
        );
        return Err(experiment.blame("baseline", &message));
    };
    if names.contains(&name) {
        return Ok(Some(name.to_owned()));
    }
    if families.contains(&name) {
        return Ok(None);
    }
    let origin = experiment.place("baseline");
    Err(unknown_method(
        name,
        names,
        &format!("baseline (from {origin})"),
    ))
}

/// The keys of an experiment with a grid that name its families, for which there are no runs.
fn left_out(experiment: &Layers, families: &[&str]) -> Vec<String> {
    let is_family = |name: &str| families.contains(&name);
    let baseline = experiment.table.get("baseline").and_then(Value::as_str);
    let baseline = baseline.filter(|name| is_family(name));
    let published = at(&experiment.table, "published.methods").and_then(Value::as_table);
    let published = published.into_iter().flat_map(Table::keys);
    let published = published.filter(|name| is_family(name));
    let baseline = baseline.map(|name| format!("baseline = \"{name}\""));
    let published = published.map(|name| format!("published.methods.{name}"));
    baseline.into_iter().chain(published).collect()
}

fn may_diverge(experiment: &Layers) -> Result<bool, TrainError> {
    match experiment.table.get("may_diverge") {
        None => Ok(false),
        Some(Value::Boolean(value)) => Ok(*value),
        Some(other) => {
            let message = format!("may_diverge must be true or false, got {}", shown(other));
            Err(experiment.blame("may_diverge", &message))
        }
    }
}

/// Refuses seeds where nothing is random.
fn refuse_seeds(experiment: &Layers, arguments: &TrainArguments) -> Result<(), TrainError> {
    let message = |written: &str| {
        format!("{written} has no effect on a [valley], where nothing is random; remove it")
    };
    if experiment.table.contains_key("seeds") {
        return Err(experiment.blame("seeds", &message("seeds")));
    }
    let options = [("--seed", arguments.seed), ("--seeds", arguments.seeds)];
    match options.iter().find(|(_, number)| number.is_some()) {
        Some((option, _)) => Err(TrainError::Config(message(option))),
        None => Ok(()),
    }
}

fn seeds(experiment: &Layers, arguments: &TrainArguments) -> Result<Vec<u64>, TrainError> {
    if let Some(seed) = arguments.seed {
        return Ok(vec![seed]);
    }
    if let Some(seeds) = arguments.seeds {
        return Ok((0..seeds).collect());
    }
    let written = match experiment.table.get("seeds") {
        None => return Ok((0..DEFAULT_SEEDS).collect()),
        Some(Value::Integer(seeds @ 1..=MAX_SEEDS)) => return Ok((0..*seeds as u64).collect()),
        Some(written) => written,
    };
    let refuse = |got: String| {
        let message = format!(
            "seeds must be a number of seeds from 1 to {MAX_SEEDS}, or a list of seeds such as \
             [42, 1337], got {got}"
        );
        Err(experiment.blame("seeds", &message))
    };
    let list = written.as_array().filter(|list| !list.is_empty());
    let Some(list) = list.filter(|list| list.len() as i64 <= MAX_SEEDS) else {
        return refuse(shown(written));
    };
    let mut seeds = Vec::with_capacity(list.len());
    let mut known = HashSet::new();
    for value in list {
        match value.as_integer().map(u64::try_from) {
            Some(Ok(seed)) if known.insert(seed) => seeds.push(seed),
            Some(Ok(seed)) => return refuse(format!("a seed twice: {seed}")),
            _ => return refuse(shown(value)),
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use downhill_data::{Purpose, Stream};

    use super::*;

    /// Settings, each with several ways to write it.
    const SETTINGS: [&[&str]; 5] = [
        &[
            "training.batch = 10",
            "training.batch = 20",
            "training.batch = 30",
        ],
        &[
            "model.hidden = [10]",
            "model.hidden = [20, 30]",
            "model.hidden = []",
        ],
        &[
            "model.initialization = \"he\"",
            "model.initialization = \"xavier\"",
            "model.initialization.std = 0.5",
        ],
        &[
            "optimizer.sgd.weight_decay.l2 = 0.1",
            "optimizer.sgd.weight_decay.l2 = 0.2",
            "optimizer.sgd.weight_decay.decoupled = 0.3",
        ],
        &[
            "optimizer.sgd.learning_rate = 0.1",
            "optimizer.sgd.learning_rate = 0.2",
        ],
    ];

    #[test]
    fn the_last_layer_says_what_holds() {
        for case in 0..300 {
            let mut numbers = Stream::new(case, Purpose::Search, 0);
            let mut below = |limit: usize| (numbers.uniform() * limit as f64) as usize;
            // By layer: the number of a setting, and how it is written.
            let mut layers: [Vec<(usize, &'static str)>; 3] = Default::default();
            for (layer, written) in layers.iter_mut().enumerate() {
                for (setting, ways) in SETTINGS.iter().enumerate() {
                    // The command line may write a setting twice.
                    for _ in 0..below(if layer == 2 { 3 } else { 2 }) {
                        let at = below(written.len() + 1);
                        written.insert(at, (setting, ways[below(ways.len())]));
                    }
                }
            }
            let [file, method, command] = &layers;
            let lines = |layer: &[(usize, &str)]| {
                let lines: Vec<_> = layer.iter().map(|(_, text)| *text).collect();
                lines.join("\n")
            };
            let text = format!("{}\n[methods.one]\n{}\n", lines(file), lines(method));
            let path = Path::new("some.toml");
            let file_read = ExperimentFile::parse(path, text.clone()).unwrap();
            let arguments = TrainArguments {
                overrides: (command.iter().enumerate())
                    .map(|(at, (_, text))| match at % 2 {
                        0 => (*text).to_owned(),
                        _ => format!("methods.one.{text}"),
                    })
                    .collect(),
                ..TrainArguments::default()
            };
            let plan = Plan::resolve(&file_read, &arguments).unwrap();
            let overrides = &arguments.overrides;
            let leaves = plan.methods[0].layers().leaves();
            for (setting, ways) in SETTINGS.iter().enumerate() {
                let last = |layer: &[(usize, &'static str)]| {
                    layer.iter().rposition(|(number, _)| *number == setting)
                };
                let expected = if let Some(at) = last(command) {
                    (command[at].1, format!("--set {}", overrides[at]))
                } else if let Some(at) = last(method) {
                    (method[at].1, "some.toml, method one".to_owned())
                } else if let Some(at) = last(file) {
                    (file[at].1, "some.toml".to_owned())
                } else {
                    continue;
                };
                let written = leaves
                    .iter()
                    .map(|(path, value)| format!("{path} = {value}"));
                let found: Vec<String> = written.filter(|it| ways.contains(&it.as_str())).collect();
                assert_eq!(found, [expected.0], "{text}{overrides:?}");
                let (path, _) = expected.0.split_once(" = ").unwrap();
                assert_eq!(
                    plan.methods[0].origin(path),
                    Some(expected.1.as_str()),
                    "{text}"
                );
            }
        }
    }
}
