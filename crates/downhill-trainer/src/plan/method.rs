//! A method of an experiment with its settings.

use downhill_data::ImagePair;
use downhill_report::Cell;
use toml::Table;

use crate::config::keys::check_experiment;
use crate::config::layers::Layers;
use crate::config::recipe::spell_out;
use crate::config::training::TrainingConfig;
use crate::error::TrainError;
use crate::plan::check::{check, check_data};
use crate::plan::resolve::{changes, resolve};

/// One method of an experiment.
#[derive(Clone, Debug)]
pub struct MethodPlan {
    /// Name of the method in the file.
    pub name: String,
    /// All settings.
    pub config: TrainingConfig,
    /// The settings that differ from the experiment's, e.g. `model.weight_decay = 0.1`.
    pub changes: Vec<String>,
    /// Place in the experiment's grid.
    pub cell: Option<Cell>,
    pub(crate) layers: Layers,
    /// The settings as written, from which those with others laid over are resolved.
    written: Layers,
}

impl MethodPlan {
    pub(crate) fn resolve(
        name: String,
        cell: Option<Cell>,
        layers: &Layers,
    ) -> Result<Self, TrainError> {
        let written = layers.clone();
        let (config, layers) = resolve(layers)?;
        check(&config, &layers)?;
        Ok(Self {
            name,
            written,
            config,
            changes: Vec::new(),
            cell,
            layers,
        })
    }

    /// The same method under another name, with more settings laid over its own.
    pub(crate) fn with(
        &self,
        name: String,
        more: &[Table],
        origin: &str,
    ) -> Result<Self, TrainError> {
        let mut layers = self.written.clone();
        for table in more {
            check_experiment(table, &|_| origin.to_owned())?;
            let mut table = table.clone();
            spell_out(&mut table);
            layers.lay(&table, origin);
        }
        let mut method = Self::resolve(name, None, &layers)?;
        method.changes = changes(&self.layers, &method.layers);
        Ok(method)
    }

    /// Whether the method has this name, or shares it with others of a grid.
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        let family = self.cell.as_ref().map(|cell| cell.family.as_str());
        self.name == name || family == Some(name)
    }

    /// The origin of the value at a path.
    pub fn origin(&self, path: &str) -> Option<&str> {
        self.layers.origin(path)
    }

    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }

    pub(crate) fn check_data(&self, data: &ImagePair) -> Result<(), TrainError> {
        check_data(&self.config, &self.layers, data)
    }
}
