//! The descents, and what they come to.

use crate::pages::about::About;
use crate::statistics::Costs;

/// Descents of several functions from many starts, with several methods.
pub struct LandscapesReport<'a> {
    /// Where the numbers come from.
    pub about: About,
    /// The largest number of updates of a descent.
    pub updates: u64,
    /// How far above the minimum a function may be where a descent has reached it.
    pub tolerance: f64,
    /// How the learning rates were chosen; `None` if each method has its own.
    pub tuning: Option<LandscapeTuning>,
    /// The methods.
    pub methods: Vec<LandscapeMethod>,
    /// The functions.
    pub landscapes: Vec<Landscape<'a>>,
}

/// How learning rates were chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct LandscapeTuning {
    /// Number of starts by which they were chosen; the results have others.
    pub starts: usize,
    /// The rates to choose from.
    pub rates: Vec<f64>,
}

/// A method.
#[derive(Clone, Debug, PartialEq)]
pub struct LandscapeMethod {
    /// Its name.
    pub name: String,
    /// Each setting by which it differs from the base config.
    pub changes: Vec<String>,
}

/// A function and the descents of all methods.
pub struct Landscape<'a> {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// The function in words, such as `f(x, y) = x^2 + y^2`.
    pub formula: String,
    /// The function.
    pub function: &'a dyn Fn(f64, f64) -> f64,
    /// The least and the greatest x of a start.
    pub x: (f64, f64),
    /// The least and the greatest y of a start.
    pub y: (f64, f64),
    /// The least value of the function.
    pub minimum: f64,
    /// Where the function has its least value, as far as that is known.
    pub minima: Vec<(f64, f64)>,
    /// The descents of each method, in the order of the methods.
    pub methods: Vec<LandscapeDescents>,
}

/// The descents of a method on a function.
#[derive(Clone, Debug, PartialEq)]
pub struct LandscapeDescents {
    /// The learning rate; `None` if the optimizer has none.
    pub rate: Option<f64>,
    /// The rates from which it was chosen.
    pub tried: Vec<TriedRate>,
    /// A descent from each start, the same starts for all methods.
    pub descents: Vec<LandscapeDescent>,
}

/// How the descents for the choice of a learning rate went at one of the rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriedRate {
    /// The learning rate.
    pub rate: f64,
    /// How many of the descents reached the minimum.
    pub reached: usize,
    /// Median of the updates until then; infinite where half of the descents or more did not.
    pub median_updates: f64,
    /// Median of the last values of the function.
    pub median_value: f64,
}

/// A descent from one start.
#[derive(Clone, Debug, PartialEq)]
pub struct LandscapeDescent {
    /// The start, then the point after each update, or for most descents only the start and the
    /// last point. It ends where the minimum is reached and before a point that is not finite.
    pub points: Vec<(f64, f64)>,
    /// The updates after which it reached the minimum; `None` if it did not.
    pub reached: Option<u64>,
    /// Whether it came to a point that is not finite.
    pub diverged: bool,
    /// The value of the function at the last point.
    pub value: f64,
}

impl LandscapeDescent {
    /// The updates until it reached the minimum; infinite if it did not.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.reached.map_or(f64::INFINITY, |updates| updates as f64)
    }

    /// The last value of the function; infinite if the descent diverged.
    #[must_use]
    pub fn final_value(&self) -> f64 {
        if self.diverged || self.value.is_nan() {
            f64::INFINITY
        } else {
            self.value
        }
    }
}

impl LandscapeDescents {
    pub(super) fn reached(&self) -> usize {
        let descents = self.descents.iter();
        descents.filter(|descent| descent.reached.is_some()).count()
    }

    pub(super) fn diverged(&self) -> usize {
        let descents = self.descents.iter();
        descents.filter(|descent| descent.diverged).count()
    }

    pub(super) fn costs(&self) -> Costs {
        let costs = self.descents.iter().map(LandscapeDescent::cost);
        (0..).zip(costs).collect()
    }
}

impl LandscapesReport<'_> {
    /// Number of descents of a method and a function whose whole paths are drawn: the first ones.
    pub const PATHS: usize = 4;

    /// Number of starts on each function.
    pub(super) fn starts(&self) -> usize {
        let descents = self.landscapes.iter().flat_map(|it| &it.methods);
        descents.map(|it| it.descents.len()).max().unwrap_or(0)
    }
}
