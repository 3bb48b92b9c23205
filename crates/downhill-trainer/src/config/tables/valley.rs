//! `[valley]`: a function of two variables for optimizers to descend.

use serde::Deserialize;

use crate::config::layers::Layers;
use crate::config::tables::plane::{PlaneFunction, shown_formula};
use crate::config::words::shown;
use crate::error::TrainError;

/// `[valley]` of a config file: a function, the start and the number of updates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValleyConfig {
    /// The coefficients `a` and `b` of the function `a x^2 + b y^2`, in place of `function`.
    #[serde(default)]
    pub coefficients: Option<[f64; 2]>,
    /// The function of `x` and `y` as a formula, such as `(1 - x)^2 + 100 * (y - x^2)^2`, in place
    /// of `coefficients`.
    #[serde(default)]
    pub function: Option<String>,
    /// The place `x`, `y` of the minimum of `function`, which the figure shows as a plus sign.
    #[serde(default)]
    pub minimum: Option<[f64; 2]>,
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
        let blame = |key: &str, message: &str| {
            Err(experiment.blame(&format!("valley.{key}"), &format!("valley.{key} {message}")))
        };
        let refuse = |key: &str, must: &str| {
            let got = experiment.table["valley"]
                .get(key)
                .map(shown)
                .unwrap_or_default();
            blame(key, &format!("must {must}, got {got}"))
        };
        let is_finite = |place: &[f64; 2]| place.iter().all(|number| number.is_finite());
        match (&valley.coefficients, &valley.function) {
            (None, None) => {
                let message = "valley needs the key `function`, such as \
                               function = \"x^2 + 2 * y^2\", or `coefficients`";
                return Err(experiment.blame("valley", message));
            }
            (Some(_), Some(_)) => {
                let message = "does not go with valley.coefficients; remove one of them";
                return blame("function", message);
            }
            (Some(coefficients), None)
                if !is_finite(coefficients) || coefficients.iter().any(|it| *it <= 0.0) =>
            {
                return refuse("coefficients", "be two numbers greater than 0");
            }
            (Some(_), None) if valley.minimum.is_some() => {
                let message = "is that of valley.function; with coefficients it is 0, 0: remove it";
                return blame("minimum", message);
            }
            _ => {}
        }
        if !valley.start.iter().all(|number| number.is_finite()) {
            return refuse("start", "be two finite numbers");
        }
        if valley.minimum.is_some_and(|place| !is_finite(&place)) {
            return refuse("minimum", "be two finite numbers");
        }
        if !(1..=MAX_UPDATES).contains(&valley.updates) {
            return refuse("updates", &format!("lie in 1 to {MAX_UPDATES}"));
        }
        if !valley.function(experiment)?.is_finite_at(valley.start) {
            let must = "be a place where the function and its gradient are finite";
            return refuse("start", must);
        }
        Ok(Some(valley))
    }

    /// The function. An error about it names its place in the experiment.
    pub(crate) fn function(&self, experiment: &Layers) -> Result<PlaneFunction, TrainError> {
        match (&self.function, self.coefficients) {
            (Some(text), _) => PlaneFunction::read(text, "valley.function", experiment),
            (None, coefficients) => Ok(PlaneFunction::Quadratic(coefficients.unwrap_or_default())),
        }
    }

    /// The function in words: `f(x, y) = 0.05 x^2 + y^2`.
    pub(crate) fn formula(&self) -> String {
        if let Some(text) = &self.function {
            return shown_formula(text);
        }
        let factor = |number: f64| match number {
            1.0 => String::new(),
            number => format!("{number} "),
        };
        let [a, b] = self.coefficients.unwrap_or_default().map(factor);
        format!("f(x, y) = {a}x² + {b}y²")
    }

    /// The place of the minimum, if it is known.
    pub(crate) fn place_of_minimum(&self) -> Option<[f64; 2]> {
        self.minimum.or(self.coefficients.map(|_| [0.0, 0.0]))
    }
}
