//! One sample described.

use super::ROUNDING;
use super::bootstrap::{FEWEST_RESAMPLED, mean_interval};
use super::interval::Interval;
use super::median::{median, median_interval};

/// As many equal values or more support an interval of no width.
const ENOUGH_EQUAL_VALUES: usize = FEWEST_RESAMPLED;

/// Values of one quantity over several runs, in the quantity's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Number of values, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation, with `n - 1` in the denominator; `None` for a single value.
    pub standard_deviation: Option<f64>,
    /// The 95 % interval of the mean, see [`mean_interval`]; `None` for a single value. The mean is
    /// in its middle.
    pub interval: Option<Interval>,
    /// Median, the mean of the middle two for an even `n`.
    pub median: f64,
    /// The 95 % interval of the median, see [`median_interval`]; `None` for fewer than six values.
    pub median_interval: Option<Interval>,
}

impl Statistics {
    /// Half the width of the interval.
    #[must_use]
    pub fn half_width(&self) -> Option<f64> {
        let interval = self.interval?;
        Some((interval.upper - interval.lower) / 2.0)
    }

    /// Whether two or more values are all the same and too few for that to be certainty, although
    /// their interval has no width.
    pub(crate) fn is_too_uniform(&self) -> bool {
        let is_uniform = |half_width: f64| half_width < ROUNDING;
        self.n < ENOUGH_EQUAL_VALUES && self.half_width().is_some_and(is_uniform)
    }

    /// The interval; `None` for values that are too uniform to have one.
    pub(crate) fn shown_interval(&self) -> Option<Interval> {
        self.interval.filter(|_| !self.is_too_uniform())
    }

    /// The shown interval of an accuracy, limited to the possible range of 0 to 1.
    pub(crate) fn accuracy_interval(&self) -> Option<Interval> {
        let Interval { lower, upper } = self.shown_interval()?;
        Some(Interval {
            lower: lower.max(0.0),
            upper: upper.min(1.0),
        })
    }
}

/// Describes the values; `None` if there are none.
#[must_use]
pub fn describe(values: &[f64]) -> Option<Statistics> {
    let n = values.len();
    Some(Statistics {
        n,
        median: median(values)?,
        mean: mean(values),
        standard_deviation: standard_deviation(values),
        interval: mean_interval(values),
        median_interval: median_interval(values),
    })
}

/// The arithmetic mean; NaN without values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// With `n - 1` in the denominator; `None` for fewer than two values.
pub(super) fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: NumPy 2.4.6 (mean, std with ddof=1, median).
    const VALUES: [f64; 8] = [0.759, 0.741, 0.772, 0.764, 0.733, 0.781, 0.748, 0.766];

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn eight_values_agree_with_numpy() {
        let found = describe(&VALUES).unwrap();
        assert_eq!(found.n, 8);
        assert_close(found.mean, 0.758);
        assert_close(found.standard_deviation.unwrap(), 0.016_212_869_667_555_568);
        assert_close(found.median, 0.7615);
        assert!(found.interval.unwrap().contains(0.758));
        assert!(found.median_interval.unwrap().contains(0.7615));
    }

    #[test]
    fn one_value_has_no_interval() {
        let found = describe(&[0.25]).unwrap();
        assert_eq!((found.n, found.mean, found.median), (1, 0.25, 0.25));
        assert_eq!((found.standard_deviation, found.interval), (None, None));
        assert_eq!(describe(&[]), None);
    }

    #[test]
    fn few_equal_values_show_no_interval() {
        let describe = |values: &[f64]| describe(values).unwrap();
        // Their differences from the mean are of the order of 1e-17.
        let few = describe(&[0.9 - 0.8, 0.8 - 0.7, 0.1]);
        assert!(few.is_too_uniform() && few.interval.is_some());
        assert_eq!(few.shown_interval(), None);
        assert!(!describe(&[0.5]).is_too_uniform());
        assert!(!describe(&[0.5, 0.6]).is_too_uniform());
        assert!(describe(&[0.5; 4]).is_too_uniform());
        assert!(describe(&[0.5; 5]).shown_interval().is_some());
    }

    #[test]
    fn the_interval_of_an_accuracy_ends_where_accuracies_do() {
        let interval = describe(&[0.325, 0.42])
            .unwrap()
            .accuracy_interval()
            .unwrap();
        assert!(interval.lower == 0.0 && interval.upper > 0.9 && interval.upper < 1.0);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let interval = describe(&[0.0; 5]).unwrap().interval.unwrap();
        assert_eq!((interval.lower, interval.upper), (0.0, 0.0));
        assert!(interval.contains(0.0));
    }
}
