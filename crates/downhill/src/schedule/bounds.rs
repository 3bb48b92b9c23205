//! The bounds of a schedule's settings.

use crate::InvalidHyperparameter;

pub(super) fn ensure(
    holds: bool,
    name: &'static str,
    requirement: &'static str,
    value: f64,
) -> Result<(), InvalidHyperparameter> {
    if holds {
        Ok(())
    } else {
        Err(InvalidHyperparameter {
            name,
            requirement,
            value,
        })
    }
}

/// A length that must not be 0.
pub(super) fn at_least_one(name: &'static str, value: u64) -> Result<(), InvalidHyperparameter> {
    ensure(value > 0, name, "be at least 1", value as f64)
}

/// A value that the hyperparameter itself takes, of either sign.
pub(super) fn finite(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    ensure(value.is_finite(), name, "be finite", value)
}

/// Steps that follow one another.
pub(super) fn rising(name: &'static str, milestones: &[u64]) -> Result<(), InvalidHyperparameter> {
    for pair in milestones.windows(2) {
        let (earlier, later) = (pair[0], pair[1]);
        ensure(
            later > earlier,
            name,
            "rise from one to the next",
            later as f64,
        )?;
    }
    Ok(())
}
