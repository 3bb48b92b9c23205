//! The settings of L-BFGS.

use serde::{Deserialize, Serialize};

use super::Lbfgs;
use crate::InvalidHyperparameter;
use crate::hyperparameter::{at_least_1, not_negative, positive};

/// The settings of [`Lbfgs`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LbfgsConfig {
    /// Length of a step relative to its direction, or the first one that a line search tries;
    /// greater than 0.
    pub learning_rate: f64,
    /// Maximum number of iterations per call, at least 1.
    pub max_iterations: usize,
    /// Number of evaluations per call after which no iteration begins, at least 1. `None` for 5/4
    /// of the iterations. A line search may exceed this by one evaluation.
    pub max_evaluations: Option<usize>,
    /// Stops when no element of the gradient is larger; at least 0.
    pub tolerance_gradient: f64,
    /// Stops when neither the loss nor any parameter changes by more; at least 0.
    pub tolerance_change: f64,
    /// Number of pairs of step and change of gradient to remember, at least 1.
    pub history: usize,
    /// How the length of a step is chosen.
    pub line_search: LineSearch,
}

/// How the length of a step of [`Lbfgs`] is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LineSearch {
    /// The learning rate.
    None,
    /// Cubic interpolation until the strong Wolfe conditions hold.
    StrongWolfe,
}

impl Default for LbfgsConfig {
    /// As in PyTorch: learning rate 1, 20 iterations, 25 evaluations, tolerances 1e-7 and 1e-9, 100
    /// pairs, no line search.
    fn default() -> Self {
        Self {
            learning_rate: 1.0,
            max_iterations: 20,
            max_evaluations: None,
            tolerance_gradient: 1e-7,
            tolerance_change: 1e-9,
            history: 100,
            line_search: LineSearch::None,
        }
    }
}

impl LbfgsConfig {
    /// Sets the length of a step, or the first one that a line search tries.
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Sets the maximum number of iterations per call.
    pub fn with_max_iterations(mut self, iterations: usize) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// Sets the number of evaluations per call after which no iteration begins.
    pub fn with_max_evaluations(mut self, evaluations: usize) -> Self {
        self.max_evaluations = Some(evaluations);
        self
    }

    /// Sets the largest element of the gradient at which it stops.
    pub fn with_tolerance_gradient(mut self, tolerance: f64) -> Self {
        self.tolerance_gradient = tolerance;
        self
    }

    /// Sets the largest change of loss and parameters at which it stops.
    pub fn with_tolerance_change(mut self, tolerance: f64) -> Self {
        self.tolerance_change = tolerance;
        self
    }

    /// Sets the number of pairs to remember.
    pub fn with_history(mut self, pairs: usize) -> Self {
        self.history = pairs;
        self
    }

    /// Sets how the length of a step is chosen.
    pub fn with_line_search(mut self, line_search: LineSearch) -> Self {
        self.line_search = line_search;
        self
    }

    /// Builds the optimizer, before its first step.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Lbfgs, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        at_least_1("max_iterations", self.max_iterations as f64)?;
        at_least_1("max_evaluations", self.most_evaluations() as f64)?;
        not_negative("tolerance_gradient", self.tolerance_gradient)?;
        not_negative("tolerance_change", self.tolerance_change)?;
        at_least_1("history", self.history as f64)?;
        Ok(Lbfgs::new(self.clone()))
    }

    pub(super) fn most_evaluations(&self) -> usize {
        let usual = || self.max_iterations.saturating_mul(5) / 4;
        self.max_evaluations.unwrap_or_else(usual)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn what_is_missing_is_as_in_pytorch_and_what_is_unknown_is_refused() {
        let read = toml::from_str::<LbfgsConfig>;
        assert_eq!(read("").unwrap(), LbfgsConfig::default());
        let config = read("line_search = 'strong-wolfe'\nhistory = 10").unwrap();
        assert_eq!(config.line_search, LineSearch::StrongWolfe);
        assert_eq!((config.history, config.most_evaluations()), (10, 25));
        let written = toml::to_string(&config).unwrap();
        assert_eq!(read(&written).unwrap(), config);
        assert!(read("histroy = 10").is_err());
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let refused = |change: fn(&mut LbfgsConfig)| {
            let mut config = LbfgsConfig::default();
            change(&mut config);
            config.build().unwrap_err().to_string()
        };
        let message = refused(|config| config.history = 0);
        assert_eq!(message, "history must be finite and at least 1, got 0");
        assert!(refused(|config| config.learning_rate = 0.0).starts_with("learning_rate"));
        assert!(refused(|config| config.max_iterations = 0).starts_with("max_iterations"));
        assert!(refused(|config| config.max_evaluations = Some(0)).starts_with("max_evaluations"));
        assert!(refused(|config| config.tolerance_change = -1.0).starts_with("tolerance_change"));
        let message = refused(|config| config.tolerance_gradient = f64::NAN);
        assert!(message.starts_with("tolerance_gradient"));
    }
}
