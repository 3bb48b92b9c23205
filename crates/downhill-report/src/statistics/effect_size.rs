//! The size of paired differences relative to their spread.

use super::describe::{mean, standard_deviation};
use super::wilcoxon::WilcoxonTest;

/// The matched-pairs rank-biserial correlation, -1 to 1: which part of all ranks speaks for a rise,
/// less that which speaks for a fall (Kerby 2014, "The Simple Difference Formula", Comprehensive
/// Psychology 3). 0 without a difference.
///
/// ```text
/// r = (W+ - W-) / (W+ + W-)
/// ```
#[must_use]
pub fn rank_biserial(test: &WilcoxonTest) -> f64 {
    let all = test.positive_ranks + test.negative_ranks;
    if all == 0.0 {
        return 0.0;
    }
    (test.positive_ranks - test.negative_ranks) / all
}

/// Cohen's `d_z`: the mean difference in standard deviations of the differences (Lakens 2013,
/// "Calculating and reporting effect sizes", Frontiers in Psychology 4:863). `None` for fewer than
/// two differences and where all are the same up to rounding.
#[must_use]
pub fn cohens_d_z(differences: &[f64]) -> Option<f64> {
    let deviation = standard_deviation(differences)?;
    (deviation > super::ROUNDING).then(|| mean(differences) / deviation)
}

#[cfg(test)]
mod tests {
    use super::super::wilcoxon::{NullDistribution, wilcoxon};
    use super::*;

    #[test]
    fn ranks_of_one_sign_are_the_largest_effect() {
        let of = |differences: &[f64]| {
            rank_biserial(&wilcoxon(differences, NullDistribution::Auto).unwrap())
        };
        assert_eq!(of(&[0.1, 0.2, 0.3]), 1.0);
        assert_eq!(of(&[-0.1, -0.2]), -1.0);
        assert_eq!(of(&[0.0]), 0.0);
        // Ranks 1, 2, 3, 4: minus has 1 and 3 of 10.
        assert!((of(&[-0.1, 0.2, -0.3, 0.4]) - 0.2).abs() < 1e-15);
    }

    #[test]
    fn the_mean_counts_in_standard_deviations() {
        // Mean 2, deviations -1, 0, 1: variance 1.
        assert_eq!(cohens_d_z(&[1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(cohens_d_z(&[0.1, 0.1]), None);
        assert_eq!(cohens_d_z(&[0.1]), None);
    }
}
