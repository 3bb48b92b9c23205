//! The ranks that the signed-rank test counts.

/// Differences that are not zero, ranked by their size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignedRanks {
    /// Twice the rank of each, so that it is a whole number where equal sizes share the mean of
    /// their ranks; by rising size.
    pub(super) doubled: Vec<u64>,
    /// How many have each size, by rising size.
    pub(super) ties: Vec<u64>,
    /// Twice the sum of the ranks of positive differences.
    pub(super) doubled_positive: u64,
}

impl SignedRanks {
    /// Ranks the differences; zeros are left out.
    pub(super) fn of(differences: &[f64]) -> Self {
        let is_difference = |difference: &&f64| **difference != 0.0;
        let mut sorted: Vec<f64> = differences.iter().filter(is_difference).copied().collect();
        sorted.sort_by(|left, right| left.abs().total_cmp(&right.abs()));
        let mut ranks = Self {
            doubled: Vec::with_capacity(sorted.len()),
            ties: Vec::new(),
            doubled_positive: 0,
        };
        for tied in sorted.chunk_by(|left, right| left.abs() == right.abs()) {
            let before = ranks.doubled.len() as u64;
            let size = tied.len() as u64;
            // The mean of before + 1 to before + size, doubled.
            let doubled = 2 * before + size + 1;
            let positive = tied.iter().filter(|difference| **difference > 0.0).count() as u64;
            ranks.doubled_positive += doubled * positive;
            ranks
                .doubled
                .extend(std::iter::repeat_n(doubled, tied.len()));
            ranks.ties.push(size);
        }
        ranks
    }

    /// How many differences are not zero.
    pub(super) fn n(&self) -> usize {
        self.doubled.len()
    }

    /// Twice the sum of all ranks.
    pub(super) fn doubled_sum(&self) -> u64 {
        let n = self.n() as u64;
        n * (n + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_share_the_mean_of_their_ranks_and_zeros_have_none() {
        let ranks = SignedRanks::of(&[0.5, 0.0, -0.25, 0.25, -0.0, 3.0, -0.25]);
        // Sizes 0.25 three times: ranks 1, 2, 3; then 4 and 5.
        assert_eq!(ranks.doubled, [4, 4, 4, 8, 10]);
        assert_eq!(ranks.ties, [3, 1, 1]);
        assert_eq!(ranks.doubled_positive, 4 + 8 + 10);
        assert_eq!((ranks.n(), ranks.doubled_sum()), (5, 30));
    }
}
