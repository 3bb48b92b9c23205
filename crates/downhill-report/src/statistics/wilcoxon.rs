//! Wilcoxon's signed-rank test: whether paired differences are centered at zero.

use statrs::function::erf::erfc;

use super::ranks::SignedRanks;

/// With more differences than this the normal approximation is as good and much cheaper.
const MOST_EXACT: usize = 50;

/// How the statistic is distributed if there is no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullDistribution {
    /// Exact for up to 50 differences, zeros not counted, approximate for more.
    Auto,
    /// Every difference may have either sign, each combination is as likely. Where sizes are equal,
    /// it is the distribution for the very ranks that they share.
    Exact,
    /// Normal, with the variance corrected for ties; no correction for continuity.
    Approximate,
}

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WilcoxonTest {
    /// How many differences are not zero.
    pub n: usize,
    /// Sum of the ranks of positive differences.
    pub positive_ranks: f64,
    /// Sum of the ranks of negative differences.
    pub negative_ranks: f64,
    /// Two-sided p: how likely sums that differ as much or more are if there is no difference.
    pub p: f64,
}

/// Tests whether these differences are centered at zero, two-sided; `None` if there are none.
///
/// Zeros are left out, as by Wilcoxon himself (Wilcoxon 1945, "Individual Comparisons by Ranking
/// Methods"), and equal sizes share the mean of their ranks. With `W` the smaller sum of ranks:
///
/// ```text
/// exact        p = min(1, 2 P(sum of ranks with a plus <= W)),  each sign + or - with probability 1/2
/// approximate  z = (W - n (n+1) / 4) / sqrt((n (n+1) (2n+1) - sum(t^3 - t) / 2) / 24)
///              p = 2 Phi(z),  t the numbers of equal sizes
/// ```
///
/// These are the conventions of `scipy.stats.wilcoxon` with its defaults `zero_method="wilcox"` and
/// `correction=False`. It departs in one thing: [`NullDistribution::Auto`] stays exact up to 50
/// differences where there are zeros or equal sizes, too, as SciPy is only up to 13. Without any
/// difference but zero, p is 1.
#[must_use]
pub fn wilcoxon(differences: &[f64], null: NullDistribution) -> Option<WilcoxonTest> {
    if differences.is_empty() {
        return None;
    }
    let ranks = SignedRanks::of(differences);
    let is_exact = match null {
        NullDistribution::Auto => ranks.n() <= MOST_EXACT,
        NullDistribution::Exact => true,
        NullDistribution::Approximate => false,
    };
    let negative = ranks.doubled_sum() - ranks.doubled_positive;
    let smaller = ranks.doubled_positive.min(negative);
    let p = if ranks.n() == 0 {
        1.0
    } else if is_exact {
        exact_p(&ranks, smaller)
    } else {
        approximate_p(&ranks, smaller)
    };
    Some(WilcoxonTest {
        n: ranks.n(),
        positive_ranks: ranks.doubled_positive as f64 / 2.0,
        negative_ranks: negative as f64 / 2.0,
        p,
    })
}

/// Returns the least p that this number of pairs can reach: if all differences have the same sign
/// and none is zero.
#[must_use]
pub fn least_p(pairs: usize) -> f64 {
    (2.0 * 0.5_f64.powf(pairs as f64)).min(1.0)
}

fn exact_p(ranks: &SignedRanks, smaller: u64) -> f64 {
    // The probability of each doubled sum up to the smaller one, one difference after the other.
    let mut probabilities = vec![0.0; smaller as usize + 1];
    probabilities[0] = 1.0;
    for doubled in &ranks.doubled {
        for sum in (0..probabilities.len()).rev() {
            let with = sum.checked_sub(*doubled as usize);
            let with = with.map_or(0.0, |rest| probabilities[rest]);
            probabilities[sum] = 0.5 * (probabilities[sum] + with);
        }
    }
    (2.0 * probabilities.iter().sum::<f64>()).min(1.0)
}

fn approximate_p(ranks: &SignedRanks, smaller: u64) -> f64 {
    let n = ranks.n() as f64;
    let ties = ranks.ties.iter().map(|tied| *tied as f64);
    let correction: f64 = ties.map(|tied| tied.powi(3) - tied).sum();
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - correction / 2.0) / 24.0;
    let z = (smaller as f64 / 2.0 - n * (n + 1.0) / 4.0) / variance.sqrt();
    erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(differences: &[f64]) -> f64 {
        wilcoxon(differences, NullDistribution::Auto).unwrap().p
    }

    /// Every combination of signs, one by one.
    fn enumerated(differences: &[f64]) -> f64 {
        let ranks = SignedRanks::of(differences);
        let smaller = ranks
            .doubled_positive
            .min(ranks.doubled_sum() - ranks.doubled_positive);
        let combinations = 1_u64 << ranks.n();
        let sum = |signs: u64| -> u64 {
            let with_plus = ranks.doubled.iter().enumerate();
            with_plus
                .filter(|(at, _)| signs >> at & 1 == 1)
                .map(|(_, doubled)| doubled)
                .sum()
        };
        let as_small = (0..combinations).filter(|signs| sum(*signs) <= smaller);
        (2.0 * as_small.count() as f64 / combinations as f64).min(1.0)
    }

    #[test]
    fn p_counts_the_combinations_of_signs_also_where_sizes_are_equal() {
        for differences in [
            &[0.1, -0.2, 0.3, 0.4, 0.5, -0.6][..],
            &[0.1, 0.1, 0.1, -0.1, 0.2, 0.2, 0.0],
            &[-0.3, -0.3, -0.3, -0.3, -0.3, -0.3, 0.1, 0.1, 0.2],
            &[1.0, -1.0],
            &[2.0],
        ] {
            let expected = enumerated(differences);
            assert!((p(differences) - expected).abs() < 1e-15, "{differences:?}");
        }
    }

    #[test]
    fn differences_of_one_sign_have_the_least_p() {
        for pairs in [1, 5, 6, 8, 30] {
            let differences: Vec<f64> = (1..=pairs).map(f64::from).collect();
            assert!((p(&differences) - least_p(differences.len())).abs() < 1e-15);
        }
        assert!(least_p(5) > 0.05 && least_p(6) < 0.05);
    }

    #[test]
    fn no_difference_is_no_evidence() {
        assert_eq!(p(&[0.0, 0.0]), 1.0);
        assert_eq!(wilcoxon(&[], NullDistribution::Auto), None);
        let approximate = wilcoxon(&[1.0, -1.0], NullDistribution::Approximate);
        assert_eq!(approximate.unwrap().p, 1.0);
    }

    #[test]
    fn changing_all_signs_changes_the_sides_alone() {
        let differences = [0.3, -0.1, 0.2, 0.2, 0.7, -0.4];
        let mirrored = differences.map(|difference| -difference);
        let test = wilcoxon(&differences, NullDistribution::Auto).unwrap();
        let other = wilcoxon(&mirrored, NullDistribution::Auto).unwrap();
        assert_eq!(test.p, other.p);
        assert_eq!(test.positive_ranks, other.negative_ranks);
    }
}
