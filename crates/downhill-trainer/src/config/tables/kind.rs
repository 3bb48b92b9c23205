//! What an experiment does with its methods.

use crate::config::layers::Layers;
use crate::config::tables::gradient_check::GradientCheckConfig;
use crate::config::tables::search::SearchConfig;
use crate::config::tables::valley::ValleyConfig;
use crate::error::TrainError;

/// What an experiment does with its methods; a table of the config file says which, and none of them
/// means to train.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// Trains them.
    #[default]
    Training,
    /// Lets their optimizers descend a function of two variables.
    Valley(ValleyConfig),
    /// Holds backpropagation against differences.
    GradientCheck(GradientCheckConfig),
    /// Trains one of them many times, with settings at random.
    Search(SearchConfig),
}

/// The tables that say so.
pub(crate) const TABLES: [&str; 3] = ["valley", "gradient-check", "search"];

impl Kind {
    pub(crate) fn of(experiment: &Layers) -> Result<Self, TrainError> {
        let there = |name: &&&str| experiment.table.contains_key(**name);
        let mut kinds = TABLES.iter().filter(there);
        let Some(kind) = kinds.next() else {
            return Ok(Self::Training);
        };
        if let Some(other) = kinds.next() {
            let message = format!("an experiment has one of [{kind}] and [{other}], not both");
            return Err(experiment.blame(other, &message));
        }
        if let Some(grid) = experiment.table.get("grid")
            && !grid.as_table().is_none_or(toml::Table::is_empty)
        {
            let message = format!("an experiment with [{kind}] has no [grid]");
            return Err(experiment.blame("grid", &message));
        }
        match *kind {
            "valley" => Ok(ValleyConfig::of(experiment)?.map_or(Self::Training, Self::Valley)),
            "search" => Ok(SearchConfig::of(experiment)?.map_or(Self::Training, Self::Search)),
            _ => {
                let config = GradientCheckConfig::of(experiment)?;
                Ok(config.map_or(Self::Training, Self::GradientCheck))
            }
        }
    }
}
