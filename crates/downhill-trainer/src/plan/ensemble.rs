//! Which runs may train as one ensemble.

use crate::config::training::{RecordLosses, Subset, TrainingConfig};

/// Whether a run may train in an ensemble of up to `members` runs. Its record is then marked so
/// even if it is the only run, because its identity must not depend on others.
pub(crate) fn may_share(config: &TrainingConfig, members: usize) -> bool {
    members > 1 && common_settings(config).is_some()
}

/// Returns the settings that the runs of an ensemble share: all but the learning rate, if the
/// optimizer's steps are proportional to it. `None` if a run cannot train in an ensemble: if it has
/// images of its own, records more than evaluations, or has a network or an optimizer that
/// ensembles do not support.
pub(crate) fn common_settings(config: &TrainingConfig) -> Option<TrainingConfig> {
    let TrainingConfig { data, training, .. } = config;
    let own_images = data.subset == Subset::Random || data.validation_images > 0;
    let recorded = training.record_losses != RecordLosses::No || training.record_activations;
    let model = &config.model;
    let unsupported = !model.convolutions.is_empty()
        || training.pretraining.updates > 0
        || model.dropout.input_probability > 0.0
        || model.l1_decay > 0.0
        || model.max_norm > 0.0
        || config.has_own_statistics()
        || config.sam.is_some()
        || config.lbfgs.is_some()
        || training.early_stopping.is_some()
        // An ensemble's parameters have paths of their own.
        || !config.groups.is_empty();
    if own_images || recorded || unsupported {
        return None;
    }
    let members = |factors: [f64; 2]| {
        config
            .descent()
            .with_members(factors.to_vec())
            .build()
            .is_ok()
    };
    let mut common = config.clone();
    // The rates of a schedule need not be in proportion to that of the optimizer.
    let in_proportion = config.schedules.is_empty();
    if in_proportion && members([1.0, 0.5]) {
        common.optimizer.set("learning_rate", 1.0);
    } else if !members([1.0, 1.0]) {
        return None;
    }
    Some(common)
}
