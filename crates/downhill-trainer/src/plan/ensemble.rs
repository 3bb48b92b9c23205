//! Which runs may train as one ensemble.

use downhill::DescentConfig;

use crate::config::training::{RecordLosses, Subset, TrainingConfig};

/// Whether a run may be part of an ensemble of at most so many. It is then marked as one, whether
/// there are others for it or not: its identity must not depend on them.
pub(crate) fn may_share(config: &TrainingConfig, members: usize) -> bool {
    members > 1 && common_settings(config).is_some()
}

/// What runs of one ensemble have in common: the settings without the learning rate, where it may
/// differ. Nothing where a run can't be in an ensemble: with images of its own, more to record than
/// evaluations, a network that no ensemble
/// is made of, or an optimizer that would mix its members.
pub(crate) fn common_settings(config: &TrainingConfig) -> Option<TrainingConfig> {
    let TrainingConfig { data, training, .. } = config;
    let own_images = data.subset == Subset::Random || data.validation_images > 0;
    let recorded = training.record_losses != RecordLosses::No || training.record_activations;
    let model = &config.model;
    let unsupported = !model.convolutions.is_empty()
        || training.pretraining.updates > 0
        || model.dropout.input_probability > 0.0
        || model.l1_decay > 0.0
        || model.max_norm > 0.0;
    if own_images || recorded || unsupported {
        return None;
    }
    let members = |factors: [f64; 2]| {
        let descent = DescentConfig::new(config.optimizer.clone()).with_members(factors.to_vec());
        descent.build().is_ok()
    };
    let mut common = config.clone();
    if members([1.0, 0.5]) {
        common.optimizer.set("learning_rate", 1.0);
    } else if !members([1.0, 1.0]) {
        return None;
    }
    Some(common)
}
