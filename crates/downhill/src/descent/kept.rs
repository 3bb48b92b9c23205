//! The name of the tensor that each stage after the step keeps of a parameter.

pub(super) const KEPT: &str = "kept";
