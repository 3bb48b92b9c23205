//! The bounds of hyperparameters, and the error that names what is out of bounds.

/// A hyperparameter that is out of bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must {requirement}, got {value}")]
#[non_exhaustive]
pub struct InvalidHyperparameter {
    /// The field of the config.
    pub name: &'static str,
    /// What the value must do, such as "lie in \[0, 1)".
    pub requirement: &'static str,
    /// The value.
    pub value: f64,
}

impl InvalidHyperparameter {
    /// Returns an error unless `holds`, for the settings of a
    /// [`CustomConfig`](crate::custom::CustomConfig).
    ///
    /// ```
    /// use downhill::InvalidHyperparameter;
    ///
    /// let check = |value| InvalidHyperparameter::unless(value > 0.0, "brake", "be positive", value);
    /// assert_eq!(check(-1.0).unwrap_err().to_string(), "brake must be positive, got -1");
    /// assert!(check(1.0).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// If `holds` is `false`.
    pub fn unless(
        holds: bool,
        name: &'static str,
        requirement: &'static str,
        value: f64,
    ) -> Result<(), Self> {
        ensure(holds, name, requirement, value)
    }
}

type Checked = Result<(), InvalidHyperparameter>;

/// Refuses the value unless `holds`.
pub(crate) fn ensure(
    holds: bool,
    name: &'static str,
    requirement: &'static str,
    value: f64,
) -> Checked {
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

pub(crate) fn finite(name: &'static str, value: f64) -> Checked {
    ensure(value.is_finite(), name, "be finite", value)
}

pub(crate) fn positive(name: &'static str, value: f64) -> Checked {
    let holds = value.is_finite() && value > 0.0;
    ensure(holds, name, "be finite and greater than 0", value)
}

pub(crate) fn not_negative(name: &'static str, value: f64) -> Checked {
    let holds = value.is_finite() && value >= 0.0;
    ensure(holds, name, "be finite and at least 0", value)
}

pub(crate) fn not_positive(name: &'static str, value: f64) -> Checked {
    let holds = value.is_finite() && value <= 0.0;
    ensure(holds, name, "be finite and at most 0", value)
}

pub(crate) fn at_least_1(name: &'static str, value: f64) -> Checked {
    let holds = value.is_finite() && value >= 1.0;
    ensure(holds, name, "be finite and at least 1", value)
}

pub(crate) fn at_least_4(name: &'static str, value: f64) -> Checked {
    let holds = value.is_finite() && value >= 4.0;
    ensure(holds, name, "be finite and at least 4", value)
}

/// A decay rate, such as the beta of a running mean: in \[0, 1).
pub(crate) fn decay_rate(name: &'static str, value: f64) -> Checked {
    let holds = (0.0..1.0).contains(&value);
    ensure(holds, name, "lie in [0, 1)", value)
}

/// A fraction, in \[0, 1\].
pub(crate) fn fraction(name: &'static str, value: f64) -> Checked {
    let holds = (0.0..=1.0).contains(&value);
    ensure(holds, name, "lie in [0, 1]", value)
}

/// A factor that lets something shrink or stay, in (0, 1\].
pub(crate) fn shrinking(name: &'static str, value: f64) -> Checked {
    let holds = value > 0.0 && value <= 1.0;
    ensure(holds, name, "lie in (0, 1]", value)
}

/// A count that must not be 0.
pub(crate) fn count(name: &'static str, value: u64) -> Checked {
    ensure(value > 0, name, "be at least 1", value as f64)
}

/// Steps of which each comes after the one before.
pub(crate) fn rising(name: &'static str, steps: &[u64]) -> Checked {
    for pair in steps.windows(2) {
        let (earlier, later) = (pair[0], pair[1]);
        let requirement = "rise from one to the next";
        ensure(later > earlier, name, requirement, later as f64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_message_names_key_bound_and_value() {
        let error = decay_rate("beta_1", 1.5).unwrap_err();
        assert_eq!(error.to_string(), "beta_1 must lie in [0, 1), got 1.5");
    }

    #[test]
    fn nothing_that_is_not_a_number_passes() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(finite("x", value).is_err());
            assert!(positive("x", value).is_err());
            assert!(not_negative("x", value).is_err());
            assert!(not_positive("x", value).is_err());
            assert!(at_least_1("x", value).is_err());
            assert!(at_least_4("x", value).is_err());
            assert!(decay_rate("x", value).is_err());
            assert!(fraction("x", value).is_err());
            assert!(shrinking("x", value).is_err());
        }
    }

    #[test]
    fn bounds_are_where_they_are_said_to_be() {
        assert!(positive("x", 0.0).is_err() && positive("x", 1e-300).is_ok());
        assert!(not_negative("x", 0.0).is_ok() && not_negative("x", -1e-300).is_err());
        assert!(not_positive("x", 0.0).is_ok() && not_positive("x", 1e-300).is_err());
        assert!(at_least_1("x", 1.0).is_ok() && at_least_1("x", 0.999).is_err());
        assert!(at_least_4("x", 4.0).is_ok() && at_least_4("x", 3.999).is_err());
        assert!(decay_rate("x", 0.0).is_ok() && decay_rate("x", 1.0).is_err());
        assert!(fraction("x", 0.0).is_ok() && fraction("x", 1.0).is_ok());
        assert!(fraction("x", -1e-300).is_err() && fraction("x", 1.001).is_err());
        assert!(shrinking("x", 1.0).is_ok() && shrinking("x", 0.0).is_err());
        assert!(count("x", 1).is_ok() && count("x", 0).is_err());
    }
}
