//! The figures of a training report.

pub(crate) mod activations;
pub(crate) mod batch_losses;
pub(crate) mod boxes;
pub(crate) mod curves;
pub(crate) mod final_values;
pub(crate) mod gap;
pub(crate) mod grid;
pub(crate) mod learning_curves;
pub(crate) mod pretraining;
pub(crate) mod profiles;
pub(crate) mod strips;
