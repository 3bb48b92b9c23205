//! What will be trained: the config resolved, every value with its origin.

mod check;
pub mod ensemble;
pub mod runs;
pub mod text;

use downhill_data::ImagePair;
use downhill_report::{Cell, Grid, Published};
use toml::{Table, Value};

use crate::backend::Backend;
use crate::cli::train::TrainArguments;
use crate::config::file::ExperimentFile;
use crate::config::keys::{as_table, check_experiment, did_you_mean};
use crate::config::layers::{Layers, leaves};
use crate::config::overrides::{Overrides, without_experiment_keys};
use crate::config::tables::grid::GridConfig;
use crate::config::tables::kind::{Kind, TABLES};
use crate::config::tables::published::published;
use crate::config::tables::target::TargetConfig;
use crate::config::training::TrainingConfig;
use crate::error::TrainError;

pub(crate) const DEFAULT_SEEDS: u64 = 8;

/// What will be trained.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment's name: the stem of its file.
    pub name: String,
    /// The experiment's question, in words.
    pub question: String,
    /// Where tensors are computed.
    pub backend: Backend,
    /// The method that others are compared with, where it is among them.
    pub baseline: Option<String>,
    /// Each method is trained with each of these.
    pub seeds: Vec<u64>,
    /// So many runs at most train as one ensemble of networks.
    pub ensemble: usize,
    /// What is compared, in the order of the file.
    pub methods: Vec<MethodPlan>,
    /// What is done with them.
    pub kind: Kind,
    /// The setting that each method has several values of.
    pub grid: Option<Grid>,
    /// The accuracy to reach.
    pub target: Option<TargetConfig>,
    /// What others got.
    pub published: Option<Published>,
    /// What all methods share, unless they change it.
    pub(crate) base: Layers,
    /// The tables that are no settings of a method, such as `[grid]`.
    pub(crate) tables: Layers,
}

/// One method of an experiment.
#[derive(Clone, Debug)]
pub struct MethodPlan {
    /// Its name in the file.
    pub name: String,
    /// All its settings.
    pub config: TrainingConfig,
    /// What it sets otherwise than the experiment, e.g. `model.weight_decay = 0.1`.
    pub changes: Vec<String>,
    /// Where it stands in the experiment's grid.
    pub cell: Option<Cell>,
    pub(crate) layers: Layers,
}

impl Plan {
    /// Resolves a config file under the command line: defaults, file, method, `--set`.
    ///
    /// # Errors
    ///
    /// Names the value that cannot be used, its bound, and where it comes from.
    pub fn resolve(file: &ExperimentFile, arguments: &TrainArguments) -> Result<Self, TrainError> {
        let overrides = Overrides::parse(&arguments.overrides)?;
        let written = file.path.display().to_string();
        let (mut experiment, mut tables) = (Layers::default(), Layers::default());
        experiment.lay(&file.table, &written);
        tables.lay(&own_tables(&file.table), &written);
        for (origin, table) in &overrides.tables {
            experiment.lay(table, origin);
            tables.lay(&own_tables(table), origin);
        }

        let mut base = Layers::default();
        base.lay(&as_table(&TrainingConfig::default()), "default");
        base.lay(
            &without_experiment_keys(&file.table),
            &file.path.display().to_string(),
        );
        let kind = Kind::of(&experiment)?;
        if let Kind::Search(search) = &kind {
            tables.lay_below(&search.with_defaults(), "default");
        }
        let grid = GridConfig::of(&experiment)?;
        let mut methods = Vec::new();
        for (name, table) in method_tables(file, &overrides, &experiment.table)? {
            let mut layers = base.clone();
            layers.lay(&table, &format!("{}, method {name}", file.path.display()));
            let lay_overrides = |layers: &mut Layers| {
                for (origin, over) in overrides.for_method(&name) {
                    refuse_other_optimizer(&name, &table, &over, origin)?;
                    layers.lay(&over, origin);
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
            let optimizer = complete(&chosen)?.0.optimizer;
            for (cell_name, cell, at) in grid.cells(&name, optimizer.name()) {
                let origin = experiment.origin("grid.values").unwrap_or("default");
                check_experiment(&at, &|_| format!("grid.setting of {origin}"))?;
                let mut layers = layers.clone();
                layers.lay(&at, &format!("{origin}, grid"));
                lay_overrides(&mut layers)?;
                methods.push(MethodPlan::resolve(cell_name, Some(cell), &layers)?);
            }
        }
        for (origin, table) in &overrides.tables {
            base.lay(&without_experiment_keys(table), origin);
        }
        base = complete(&base)?.1;
        for method in &mut methods {
            method.changes = changes(&base, &method.layers);
        }

        if let (Kind::Search(_), [_, other, ..]) = (&kind, &methods[..]) {
            let message = "an experiment with [search] has one method at most";
            return Err(experiment.blame(&format!("methods.{}", other.name), message));
        }
        let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
        let published = published(&experiment, &names)?;
        let baseline = baseline(&experiment, &methods)?;
        choose(&mut methods, &arguments.methods)?;
        let chosen = |name: &String| methods.iter().any(|method| method.name == *name);
        let baseline = baseline.filter(chosen);
        Ok(Self {
            name: file.name.clone(),
            question: file.question.clone(),
            backend: arguments.backend,
            baseline,
            seeds: seeds(&experiment, arguments)?,
            ensemble: arguments.ensemble(),
            methods,
            kind,
            grid: grid.as_ref().map(GridConfig::report),
            target: TargetConfig::of(&experiment)?,
            published,
            base,
            tables,
        })
    }

    /// Whether the data has what the plan wants of it.
    ///
    /// # Errors
    ///
    /// Names the setting and what the data has.
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
            Kind::Valley(_) | Kind::GradientCheck(_) => 0,
        }
    }

    /// Whether images are trained on.
    pub fn trains(&self) -> bool {
        matches!(self.kind, Kind::Training | Kind::Search(_))
    }
}

impl MethodPlan {
    /// Whether this is its name, or that which it shares with others of a grid.
    fn goes_by(&self, name: &str) -> bool {
        let family = self.cell.as_ref().map(|cell| cell.family.as_str());
        self.name == name || family == Some(name)
    }

    fn resolve(name: String, cell: Option<Cell>, layers: &Layers) -> Result<Self, TrainError> {
        let (config, layers) = complete(layers)?;
        let method = Self {
            name,
            config,
            changes: Vec::new(),
            cell,
            layers,
        };
        method.check()?;
        Ok(method)
    }

    /// The same under another name, with more settings laid over its own.
    pub(crate) fn with(
        &self,
        name: String,
        more: &[Table],
        origin: &str,
    ) -> Result<Self, TrainError> {
        let mut layers = self.layers.clone();
        for table in more {
            check_experiment(table, &|_| origin.to_owned())?;
            layers.lay(table, origin);
        }
        let mut method = Self::resolve(name, None, &layers)?;
        method.changes = changes(&self.layers, &method.layers);
        Ok(method)
    }

    /// Where the value at a path comes from.
    pub fn origin(&self, path: &str) -> Option<&str> {
        self.layers.origin(path)
    }

    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }
}

/// The tables of an experiment that are no settings of a method, such as `[grid]`.
fn own_tables(table: &Table) -> Table {
    let is_own =
        |key: &str| TABLES.contains(&key) || ["grid", "target", "published"].contains(&key);
    let own = table
        .iter()
        .filter(|(key, value)| is_own(key) && value.is_table());
    own.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The typed settings, and the layers with the settings that nobody wrote.
fn complete(layers: &Layers) -> Result<(TrainingConfig, Layers), TrainError> {
    let layers = &without_defaults_under_a_preset(layers);
    let value = Value::Table(layers.table.clone());
    let defaults = as_table(&TrainingConfig::default());
    let config: TrainingConfig = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = match (at(&defaults, &path), at(&layers.table, &path)) {
            (Some(Value::Table(default)), Some(found)) if !found.is_table() => {
                let default = Value::Table(default.clone());
                format!("{path} must be a table such as {default}, got {found}")
            }
            _ => format!("{path}: {}", error.inner().message().trim_end()),
        };
        layers.blame(&path, &message)
    })?;
    let mut full = Layers::default();
    full.lay(&as_table(&config), "default");
    let preset = preset(layers, config.optimizer.name());
    for (path, origin) in &mut full.origins {
        if let Some(written) = layers.origins.get(path) {
            origin.clone_from(written);
        } else if let Some(preset) = &preset
            && path.starts_with("optimizer.")
            // These have a preset of their own.
            && !path.contains(".others.")
        {
            origin.clone_from(preset);
        }
    }
    Ok((config, full))
}

/// The layers in which a preset that somebody wrote is not hidden by the optimizer's defaults.
fn without_defaults_under_a_preset(layers: &Layers) -> Layers {
    let mut layers = layers.clone();
    let Some(Value::Table(optimizers)) = layers.table.get_mut("optimizer") else {
        return layers;
    };
    for (name, settings) in optimizers {
        let Value::Table(settings) = settings else {
            continue;
        };
        if !settings.contains_key("preset") {
            continue;
        }
        settings.retain(|setting, _| {
            let path = format!("optimizer.{name}.{setting}");
            layers.origins.get(&path).map(String::as_str) != Some("default")
        });
        let own = format!("optimizer.{name}.");
        (layers.origins).retain(|path, origin| !path.starts_with(&own) || origin != "default");
    }
    layers
}

/// The preset of the optimizer that somebody wrote, with where it was written.
fn preset(layers: &Layers, optimizer: &str) -> Option<String> {
    let path = format!("optimizer.{optimizer}.preset");
    let preset = at(&layers.table, &path)?.as_str()?;
    let origin = layers.origins.get(&path)?;
    Some(format!("preset {preset} from {origin}"))
}

/// The value at a path such as `model.dropout`.
fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let first = table.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.get(key))
}

/// A method that is about one optimizer must not be given another under its name.
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
            "{origin}: method `{method}` is trained with {own}, not with {other}; \
             write methods.NAME.optimizer.{other}... for the methods that it is meant for"
        ))),
        _ => Ok(()),
    }
}

/// The methods of the file in its order, each with what it sets.
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
        return Ok(vec![(file.name.clone(), Table::new())]);
    }
    let table = |value: Value| value.as_table().cloned().unwrap_or_default();
    Ok((written.into_iter())
        .map(|(name, value)| (name, table(value)))
        .collect())
}

fn unknown_method(name: &str, known: &[&str], origin: &str) -> TrainError {
    let remedy = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", known.join(", ")),
    };
    TrainError::Config(format!(
        "{origin}: the experiment has no method `{name}`; {remedy}"
    ))
}

/// Keeps the methods that `--method` names, if it names any.
fn choose(methods: &mut Vec<MethodPlan>, wanted: &[String]) -> Result<(), TrainError> {
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    for name in wanted {
        if !methods.iter().any(|method| method.goes_by(name)) {
            return Err(unknown_method(name, &names, &format!("--method {name}")));
        }
    }
    if !wanted.is_empty() {
        methods.retain(|method| wanted.iter().any(|name| method.goes_by(name)));
    }
    Ok(())
}

fn baseline(experiment: &Layers, methods: &[MethodPlan]) -> Result<Option<String>, TrainError> {
    let Some(value) = experiment.table.get("baseline") else {
        return Ok(None);
    };
    let Some(name) = value.as_str() else {
        let message = "`baseline` must be the name of a method";
        return Err(experiment.blame("baseline", message));
    };
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    if names.contains(&name) {
        return Ok(Some(name.to_owned()));
    }
    let origin = experiment.origin("baseline").unwrap_or("default");
    Err(unknown_method(
        name,
        &names,
        &format!("baseline (from {origin})"),
    ))
}

fn seeds(experiment: &Layers, arguments: &TrainArguments) -> Result<Vec<u64>, TrainError> {
    if let Some(seed) = arguments.seed {
        return Ok(vec![seed]);
    }
    if let Some(seeds) = arguments.seeds {
        return Ok((0..seeds).collect());
    }
    match experiment.table.get("seeds") {
        None => Ok((0..DEFAULT_SEEDS).collect()),
        Some(Value::Integer(seeds @ 1..=100_000)) => Ok((0..*seeds as u64).collect()),
        Some(other) => {
            let message = format!("seeds must be a number from 1 to 100000, got {other}");
            Err(experiment.blame("seeds", &message))
        }
    }
}

/// The leaves in which `layers` differs from `base`, as TOML.
fn changes(base: &Layers, layers: &Layers) -> Vec<String> {
    let shared = leaves(&base.table);
    leaves(&layers.table)
        .into_iter()
        .filter(|leaf| !shared.contains(leaf))
        .map(|(path, value)| format!("{path} = {value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_of_the_default_optimizer_counts() {
        let mut layers = Layers::default();
        layers.lay(&as_table(&TrainingConfig::default()), "default");
        let written = "optimizer.sgd = { preset = 'torch', weight_decay = { l2 = 0.5 } }";
        layers.lay(&written.parse().unwrap(), "file");
        let (config, layers) = complete(&layers).unwrap();
        let torch = downhill::SgdConfig {
            weight_decay: downhill::WeightDecay::L2(0.5),
            ..downhill::SgdConfig::torch()
        };
        assert_ne!(
            torch.learning_rate,
            downhill::SgdConfig::book().learning_rate
        );
        assert_eq!(config.optimizer, torch.into());
        let origin = |setting: &str| layers.origin(&format!("optimizer.sgd.{setting}"));
        assert_eq!(origin("learning_rate"), Some("preset torch from file"));
        assert_eq!(origin("weight_decay"), Some("file"));
    }
}
