//! The bounds of hyperparameters, and the error that names what is out of bounds.

/// A hyperparameter that its optimizer cannot work with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must {requirement}, got {value}")]
#[non_exhaustive]
pub struct InvalidHyperparameter {
    /// The config's field.
    pub name: &'static str,
    /// What is asked of it, to be read after "must".
    pub requirement: &'static str,
    /// The value found.
    pub value: f64,
}

fn check(
    name: &'static str,
    value: f64,
    holds: bool,
    requirement: &'static str,
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

/// A rate or size that must be finite and greater than 0.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value.is_finite() && value > 0.0;
    check(name, value, holds, "be finite and greater than 0")
}

/// A size that must be finite and at least 0.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value.is_finite() && value >= 0.0;
    check(name, value, holds, "be finite and at least 0")
}

/// An exponent that must be finite and at most 0.
pub(crate) fn not_positive(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value.is_finite() && value <= 0.0;
    check(name, value, holds, "be finite and at most 0")
}

/// The share of the past that a running average keeps.
pub(crate) fn share_kept(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    check(name, value, (0.0..1.0).contains(&value), "lie in [0, 1)")
}

/// A share that may be all.
pub(crate) fn share(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    check(name, value, (0.0..=1.0).contains(&value), "lie in [0, 1]")
}

/// A factor by which something shrinks at each step, or does not.
pub(crate) fn shrinking(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value > 0.0 && value <= 1.0;
    check(name, value, holds, "lie in (0, 1]")
}

/// A factor by which something grows, or does not.
pub(crate) fn at_least_1(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value.is_finite() && value >= 1.0;
    check(name, value, holds, "be finite and at least 1")
}

/// The length of an average whose variance is to be known.
pub(crate) fn at_least_4(name: &'static str, value: f64) -> Result<(), InvalidHyperparameter> {
    let holds = value.is_finite() && value >= 4.0;
    check(name, value, holds, "be finite and at least 4")
}

/// A setting that only one form of a rule knows.
pub(crate) fn zero_unless(
    name: &'static str,
    value: f64,
    known: bool,
    requirement: &'static str,
) -> Result<(), InvalidHyperparameter> {
    check(name, value, known || value == 0.0, requirement)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_message_names_key_bound_and_value() {
        let error = share_kept("beta_1", 1.5).unwrap_err();
        assert_eq!(error.to_string(), "beta_1 must lie in [0, 1), got 1.5");
    }

    #[test]
    fn nothing_that_is_not_a_number_passes() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(positive("x", value).is_err());
            assert!(not_negative("x", value).is_err());
            assert!(share_kept("x", value).is_err());
            assert!(shrinking("x", value).is_err());
        }
    }

    #[test]
    fn bounds_are_where_they_are_said_to_be() {
        assert!(positive("x", 0.0).is_err() && positive("x", 1e-300).is_ok());
        assert!(not_negative("x", 0.0).is_ok() && not_negative("x", -1e-300).is_err());
        assert!(share_kept("x", 0.0).is_ok() && share_kept("x", 1.0).is_err());
        assert!(shrinking("x", 1.0).is_ok() && shrinking("x", 0.0).is_err());
    }
}
