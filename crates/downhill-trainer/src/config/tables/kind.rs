//! The kinds of experiments.

use crate::config::layers::Layers;
use crate::config::tables::gradient_check::GradientCheckConfig;
use crate::config::tables::landscapes::LandscapesConfig;
use crate::config::tables::search::SearchConfig;
use crate::config::tables::valley::ValleyConfig;
use crate::error::TrainError;

/// What an experiment does with its methods. A table of the config file names the kind; without one
/// the methods are trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// Trains the methods and compares them.
    #[default]
    Training,
    /// Lets the optimizers of the methods descend a function of two variables.
    Valley(ValleyConfig),
    /// Lets the optimizers of the methods descend several functions from many starts.
    Landscapes(LandscapesConfig),
    /// Compares backpropagation with numerical gradients.
    GradientCheck(GradientCheckConfig),
    /// Trains one method many times, with random settings.
    Search(SearchConfig),
}

/// The tables that name a kind.
pub(crate) const TABLES: [&str; 4] = ["valley", "landscapes", "gradient-check", "search"];

impl Kind {
    /// The updates of a descent, and the path of their number; `None` where networks are trained.
    pub(crate) fn updates(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::Valley(valley) => Some(("valley.updates", valley.updates)),
            Self::Landscapes(landscapes) => Some(("landscapes.updates", landscapes.updates)),
            Self::Training | Self::GradientCheck(_) | Self::Search(_) => None,
        }
    }

    pub(crate) fn of(experiment: &Layers) -> Result<Self, TrainError> {
        let has = |name: &&&str| experiment.table.contains_key(**name);
        let mut kinds = TABLES.iter().filter(has);
        let Some(kind) = kinds.next() else {
            return Ok(Self::Training);
        };
        if let Some(other) = kinds.next() {
            let message = format!("[{kind}] and [{other}] exclude each other; remove one of them");
            return Err(experiment.blame(other, &message));
        }
        if let Some(grid) = experiment.table.get("grid")
            && !grid.as_table().is_none_or(toml::Table::is_empty)
        {
            let message = format!("[{kind}] does not work with [grid]; remove one of them");
            return Err(experiment.blame("grid", &message));
        }
        match *kind {
            "valley" => Ok(ValleyConfig::of(experiment)?.map_or(Self::Training, Self::Valley)),
            "landscapes" => {
                let config = LandscapesConfig::of(experiment)?;
                Ok(config.map_or(Self::Training, Self::Landscapes))
            }
            "search" => Ok(SearchConfig::of(experiment)?.map_or(Self::Training, Self::Search)),
            _ => {
                let config = GradientCheckConfig::of(experiment)?;
                Ok(config.map_or(Self::Training, Self::GradientCheck))
            }
        }
    }
}
