//! Differences between two methods, run by run.

use std::collections::BTreeMap;

use super::describe::{Statistics, describe, mean};
use super::effect_size::{cohens_d_z, rank_biserial};
use super::holm::holm;
use super::wilcoxon::{NullDistribution, least_p, wilcoxon};
use super::{ROUNDING, SIGNIFICANCE_LEVEL};

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
    /// Wilcoxon's signed-rank test of the differences.
    pub significance: Significance,
    /// Matched-pairs rank-biserial correlation, -1 to 1.
    pub rank_biserial: f64,
    /// Cohen's `d_z`; `None` for a single difference and where all are the same.
    pub cohens_d_z: Option<f64>,
}

/// The result of a test that is one of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Significance {
    /// Two-sided p of this test alone.
    pub p: f64,
    /// The same with Holm's correction for all tests.
    pub corrected_p: f64,
    /// The least corrected p that this number of pairs can reach among this number of tests.
    pub least_p: f64,
    /// Number of tests that are corrected together.
    pub tests: usize,
}

impl Significance {
    /// Whether the corrected p is at most [`SIGNIFICANCE_LEVEL`].
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.corrected_p <= SIGNIFICANCE_LEVEL
    }

    /// Whether there are pairs enough for that, were their differences all of one sign.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.least_p <= SIGNIFICANCE_LEVEL
    }
}

/// Subtracts the baseline's value from the method's for each seed that both have; `None` if they
/// share no seed. The test is the only one until [`correct`] says otherwise; differences that come
/// from rounding count as none in it.
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
    let rounded: Vec<f64> = (differences.iter())
        .map(|difference| (difference / ROUNDING).round())
        .collect();
    let test = wilcoxon(&rounded, NullDistribution::Auto)?;
    let baselines: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let methods: Vec<f64> = pairs.iter().map(|pair| pair.2).collect();
    Some(PairedDifferences {
        by_seed,
        baseline_mean: mean(&baselines),
        method_mean: mean(&methods),
        difference,
        significance: Significance {
            p: test.p,
            corrected_p: test.p,
            least_p: least_p(pairs.len()),
            tests: 1,
        },
        rank_biserial: rank_biserial(&test),
        cohens_d_z: cohens_d_z(&differences),
    })
}

/// Corrects several tests for their number, by Holm's method.
pub fn correct(mut tests: Vec<&mut Significance>) {
    let all = |p: fn(&Significance) -> f64| tests.iter().map(|test| p(test)).collect::<Vec<_>>();
    let corrected = holm(&all(|test| test.p));
    let least = holm(&all(|test| test.least_p));
    let number = tests.len();
    for (at, test) in tests.iter_mut().enumerate() {
        test.corrected_p = corrected[at];
        test.least_p = least[at];
        test.tests = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHOUT: [f64; 8] = [0.759, 0.741, 0.772, 0.764, 0.733, 0.781, 0.748, 0.766];
    const WITH: [f64; 8] = [0.722, 0.709, 0.741, 0.718, 0.701, 0.735, 0.722, 0.728];

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10,
            "{found} is not {expected}"
        );
    }

    fn by_seed(values: &[f64]) -> BTreeMap<u64, f64> {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn paired_differences_agree_with_numpy_and_scipy() {
        let found = paired_differences(&by_seed(&WITHOUT), &by_seed(&WITH)).unwrap();
        assert_close(found.baseline_mean, 0.758);
        assert_close(found.method_mean, 0.722);
        assert_close(found.difference.mean, -0.036);
        // SciPy 1.17.1: stats.wilcoxon of the differences rounded to 3 digits: two of them are
        // equal.
        assert_close(found.significance.p, 0.007_812_5);
        assert_close(found.rank_biserial, -1.0);
        // NumPy 2.4.6: mean / std(ddof=1).
        assert_close(found.cohens_d_z.unwrap(), -5.006_073_659_132_772);
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
    fn what_comes_from_rounding_is_no_difference_to_the_test() {
        // 0.8 - 0.7, 0.9 - 0.8 and 0.3 - 0.2 differ by about 1e-16, and so does 0.1 + 0.2 from 0.3.
        let baseline = by_seed(&[0.7, 0.8, 0.2, 0.3]);
        let method = by_seed(&[0.8, 0.9, 0.3, 0.1 + 0.2]);
        let found = paired_differences(&baseline, &method).unwrap();
        assert_eq!(found.significance.p, 0.25);
    }

    #[test]
    fn tests_made_at_once_are_corrected_and_may_then_reach_nothing() {
        let one = paired_differences(&by_seed(&WITHOUT), &by_seed(&WITH)).unwrap();
        let mut tests = [one.significance; 7];
        assert!(one.significance.is_significant() && one.significance.is_reachable());
        correct(tests.iter_mut().collect());
        for test in tests {
            assert_close(test.corrected_p, 7.0 * 0.007_812_5);
            assert!(!test.is_significant() && !test.is_reachable());
            assert_eq!(test.tests, 7);
        }
    }
}
