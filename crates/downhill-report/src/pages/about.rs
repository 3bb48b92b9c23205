//! Where the numbers of a report come from.

use std::collections::BTreeSet;

use crate::experiment::Experiment;
use crate::record::{DataIdentity, Versions};

/// Where the numbers of a report come from.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Its short name, the stem of its config file.
    pub name: String,
    /// The question of the experiment, in one sentence.
    pub question: String,
    /// The command that repeats it.
    pub command: String,
    /// `flex`, `ndarray` or `wgpu`.
    pub backend: String,
    /// The device, in words.
    pub device: String,
    /// The versions that made the numbers.
    pub versions: Versions,
    /// The data; `None` if there are none.
    pub data: Option<DataIdentity>,
    /// The resolved config, as TOML.
    pub config_toml: String,
    /// The seconds that the work took; `None` if they are not known.
    pub seconds: Option<f64>,
    /// The seeds; empty if nothing is random.
    pub seeds: Vec<u64>,
}

impl About {
    /// Where the numbers of an experiment come from.
    pub(crate) fn of(experiment: &Experiment) -> Self {
        let runs = experiment.methods.iter().flat_map(|method| &method.runs);
        let seeds: BTreeSet<u64> = runs.map(|run| run.header.seed).collect();
        Self {
            name: experiment.name.clone(),
            question: experiment.question.clone(),
            command: experiment.command.clone(),
            backend: experiment.backend.clone(),
            device: experiment.device.clone(),
            versions: experiment.versions.clone(),
            data: Some(experiment.data.clone()),
            config_toml: experiment.config_toml.clone(),
            seconds: experiment.training_seconds,
            seeds: seeds.into_iter().collect(),
        }
    }
}
