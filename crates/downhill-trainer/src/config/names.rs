//! The names of the optimizers.

use downhill::OptimizerConfig;

/// The names of all optimizers, except `formula`, which has no defaults.
pub(crate) fn names_of_optimizers() -> Vec<&'static str> {
    let built_in = OptimizerConfig::all();
    let mut names: Vec<&str> = built_in.iter().map(OptimizerConfig::name).collect();
    names.extend(OptimizerConfig::registered());
    names
}
