//! What a handful of runs says about a number.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Probability that the interval covers the true mean, if the values are normally distributed.
pub const CONFIDENCE: f64 = 0.95;

/// Differences of accuracies that are smaller come from rounding alone.
pub(crate) const ROUNDING: f64 = 1e-9;

/// As many equal values or more support an interval of no width.
const ENOUGH_EQUAL_VALUES: usize = 5;

/// A range of values, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Interval {
    /// Whether the value lies between the ends.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}

/// Values of one quantity over several runs, in the quantity's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Number of values, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation, with `n - 1` in the denominator; `None` for a single value.
    pub standard_deviation: Option<f64>,
    /// Two-sided 95 % Student t interval for the mean; `None` for a single value.
    ///
    /// ```text
    /// mean -+ t(0.975, n - 1) * standard_deviation / sqrt(n)
    /// ```
    pub interval: Option<Interval>,
    /// Median, the mean of the middle two for an even `n`.
    pub median: f64,
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

    /// The interval, but for values that are too uniform to have one.
    pub(crate) fn shown_interval(&self) -> Option<Interval> {
        self.interval.filter(|_| !self.is_too_uniform())
    }

    /// The shown interval of an accuracy, as far as an accuracy can lie in it: from 0 to 1.
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
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let standard_deviation = (n > 1).then(|| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (n - 1) as f64).sqrt()
    });
    let interval = standard_deviation.map(|deviation| {
        let half_width = student_t_quantile(n - 1) * deviation / (n as f64).sqrt();
        Interval {
            lower: mean - half_width,
            upper: mean + half_width,
        }
    });
    Some(Statistics {
        n,
        mean,
        standard_deviation,
        interval,
        median: median_of(values),
    })
}

/// Differences between two methods, run by run: only seeds that both have are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedDifferences {
    /// Seed and difference (method minus baseline), by rising seed.
    pub by_seed: Vec<(u64, f64)>,
    /// Mean of the baseline over these seeds.
    pub baseline_mean: f64,
    /// Mean of the method over these seeds.
    pub method_mean: f64,
    /// The differences described.
    pub difference: Statistics,
}

/// Subtracts the baseline's value from the method's for each seed that both have; `None` if they
/// share no seed.
#[must_use]
pub fn paired_differences(
    baseline: &BTreeMap<u64, f64>,
    method: &BTreeMap<u64, f64>,
) -> Option<PairedDifferences> {
    let pairs: Vec<(u64, f64, f64)> = method
        .iter()
        .filter_map(|(seed, value)| Some((*seed, *baseline.get(seed)?, *value)))
        .collect();
    let by_seed: Vec<(u64, f64)> = pairs
        .iter()
        .map(|(seed, baseline, method)| (*seed, method - baseline))
        .collect();
    let differences: Vec<f64> = by_seed.iter().map(|(_, difference)| *difference).collect();
    let difference = describe(&differences)?;
    let n = pairs.len() as f64;
    Some(PairedDifferences {
        by_seed,
        baseline_mean: pairs.iter().map(|pair| pair.1).sum::<f64>() / n,
        method_mean: pairs.iter().map(|pair| pair.2).sum::<f64>() / n,
        difference,
    })
}

/// The value that a Student t variable exceeds in absolute terms with probability 5 %.
fn student_t_quantile(degrees_of_freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .expect("two or more values leave at least one degree of freedom")
        .inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

fn median_of(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: NumPy 2.4.6 (mean, std with ddof=1, median) and SciPy 1.17.1
    // (stats.t.interval(0.95, n - 1, loc=mean, scale=stats.sem(values)), stats.t.ppf(0.975, df)).
    const WITHOUT: [f64; 8] = [0.759, 0.741, 0.772, 0.764, 0.733, 0.781, 0.748, 0.766];
    const WITH: [f64; 8] = [0.722, 0.709, 0.741, 0.718, 0.701, 0.735, 0.722, 0.728];

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn eight_values_agree_with_scipy() {
        let found = describe(&WITHOUT).unwrap();
        assert_eq!(found.n, 8);
        assert_close(found.mean, 0.758);
        assert_close(found.standard_deviation.unwrap(), 0.016_212_869_667_555_568);
        assert_close(found.interval.unwrap().lower, 0.744_445_701_758_267_9);
        assert_close(found.interval.unwrap().upper, 0.771_554_298_241_732);
        assert_close(found.median, 0.7615);
    }

    #[test]
    fn student_t_quantiles_agree_with_scipy() {
        assert_close(student_t_quantile(1), 12.706_204_736_174_694);
        assert_close(student_t_quantile(2), 4.302_652_729_749_462);
        assert_close(student_t_quantile(7), 2.364_624_251_592_784);
        assert_close(student_t_quantile(29), 2.045_229_642_132_703);
    }

    #[test]
    fn paired_differences_agree_with_scipy() {
        let by_seed = |values: [f64; 8]| (0..8).zip(values).collect();
        let found = paired_differences(&by_seed(WITHOUT), &by_seed(WITH)).unwrap();
        assert_close(found.baseline_mean, 0.758);
        assert_close(found.method_mean, 0.722);
        assert_close(found.difference.mean, -0.036);
        let interval = found.difference.interval.unwrap();
        assert_close(interval.lower, -0.042_012_047_610_159_135);
        assert_close(interval.upper, -0.029_987_952_389_840_93);
    }

    #[test]
    fn only_shared_seeds_are_paired() {
        let baseline = BTreeMap::from([(1, 0.5), (2, 0.6)]);
        let method = BTreeMap::from([(2, 0.8), (3, 0.9)]);
        let found = paired_differences(&baseline, &method).unwrap();
        assert_eq!(found.by_seed.len(), 1);
        assert_eq!(found.by_seed[0].0, 2);
        assert_close(found.by_seed[0].1, 0.2);
        assert_eq!(found.baseline_mean, 0.6);
        assert_eq!(paired_differences(&baseline, &BTreeMap::new()), None);
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
