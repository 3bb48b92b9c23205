//! `[valley]`: a function of two variables for optimizers to descend.

use serde::Deserialize;

use crate::config::layers::Layers;
use crate::config::words::shown;
use crate::error::TrainError;

/// `[valley]` of a config file: the function `a x^2 + b y^2`, the start and the number of updates.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValleyConfig {
    /// The coefficients `a` and `b`.
    pub coefficients: [f64; 2],
    /// The starting point `x`, `y`.
    pub start: [f64; 2],
    /// Number of updates.
    pub updates: u64,
}

/// The largest number of updates: each is a point in a figure.
const MAX_UPDATES: u64 = 10_000;

impl ValleyConfig {
    pub(crate) fn of(experiment: &Layers) -> Result<Option<Self>, TrainError> {
        let Some(valley) = experiment.read::<Self>("valley")? else {
            return Ok(None);
        };
        let refuse = |key: &str, must: &str| {
            let got = experiment.table["valley"]
                .get(key)
                .map(shown)
                .unwrap_or_default();
            let message = format!("valley.{key} must {must}, got {got}");
            Err(experiment.blame(&format!("valley.{key}"), &message))
        };
        if !(valley.coefficients.iter()).all(|&number| number.is_finite() && number > 0.0) {
            return refuse("coefficients", "be two numbers greater than 0");
        }
        if !valley.start.iter().all(|number| number.is_finite()) {
            return refuse("start", "be two finite numbers");
        }
        if !(1..=MAX_UPDATES).contains(&valley.updates) {
            return refuse("updates", &format!("lie in 1 to {MAX_UPDATES}"));
        }
        Ok(Some(valley))
    }

    /// The function in words: `f(x, y) = 0.05 x^2 + y^2`.
    pub(crate) fn function(&self) -> String {
        let factor = |number: f64| match number {
            1.0 => String::new(),
            number => format!("{number} "),
        };
        let [a, b] = self.coefficients.map(factor);
        format!("f(x, y) = {a}x² + {b}y²")
    }

    /// The value of the function.
    pub(crate) fn value(&self, [x, y]: [f64; 2]) -> f64 {
        let [a, b] = self.coefficients;
        a * x * x + b * y * y
    }
}
