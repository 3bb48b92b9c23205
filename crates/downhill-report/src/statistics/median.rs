//! The median and its bootstrap interval.

use statrs::function::factorial::ln_binomial;

use super::interval::{CONFIDENCE, Interval};

/// Fewer values than this have no interval for their median: even from the lowest to the highest
/// covers the true one in less than 95 % of samples.
pub const FEWEST_ORDERED: usize = 6;

/// The middle value, the mean of the middle two for an even number; `None` without any.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    middle(&sorted(values))
}

/// The 95 % bootstrap interval of the median of these values; `None` for fewer than
/// [`FEWEST_ORDERED`].
///
/// It leaves 2.5 % of the medians of all `n^n` resamples at either side. Their distribution is
/// computed, not drawn: with the values in order, and a number `n = 2 m` of them,
///
/// ```text
/// P(middle two are values i < j) = (2m choose m) (i^m - (i-1)^m) ((n-j+1)^m - (n-j)^m) / n^(2m)
/// ```
///
/// and, for an odd `n = 2 m + 1`,
///
/// ```text
/// P(median is at most value i) = P(Binomial(n, i / n) > m)
/// ```
///
/// (Efron 1979, "Bootstrap Methods: Another Look at the Jackknife", section 3, for odd `n`.) How
/// often it covers the true median is measured by `tests/coverage.rs`.
#[must_use]
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    if values.len() < FEWEST_ORDERED {
        return None;
    }
    let sorted = sorted(values);
    let mut medians = if sorted.len() % 2 == 1 {
        medians_of_odd(&sorted)
    } else {
        medians_of_even(&sorted)
    };
    medians.sort_by(|left, right| left.0.total_cmp(&right.0));
    Some(Interval {
        lower: end(medians.iter())?,
        upper: end(medians.iter().rev())?,
    })
}

/// The median at which 2.5 % of all are passed.
fn end<'a>(mut medians: impl Iterator<Item = &'a (f64, f64)>) -> Option<f64> {
    let mut passed = 0.0;
    let is_reached = |(_, probability): &&(f64, f64)| {
        passed += probability;
        passed >= (1.0 - CONFIDENCE) / 2.0
    };
    medians.find(is_reached).map(|(median, _)| *median)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[sorted.len() / 2 - 1], upper)
    })
}

/// The probability that at least `k` of `n` resampled values are among the lowest `i`.
fn among_lowest(n: usize, k: usize, i: usize) -> f64 {
    if i == 0 || i == n {
        return if i == 0 { 0.0 } else { 1.0 };
    }
    let share = i as f64 / n as f64;
    // In logarithms, for the number of choices may exceed all numbers.
    let probability = |k: usize| {
        let ln_choices = ln_binomial(n as u64, k as u64);
        (ln_choices + k as f64 * share.ln() + (n - k) as f64 * (-share).ln_1p()).exp()
    };
    // Away from the most likely number, each probability is a falling part of the one before.
    let sum = |first: usize, next: &dyn Fn(usize) -> (usize, f64), steps: usize| {
        let (mut at, mut term, mut sum) = (first, probability(first), 0.0);
        for _ in 0..steps {
            sum += term;
            let (following, ratio) = next(at);
            at = following;
            term *= ratio;
            if term <= sum * f64::EPSILON / 8.0 {
                break;
            }
        }
        sum
    };
    let odds = share / (1.0 - share);
    if i <= k {
        let upwards = |at: usize| (at + 1, odds * (n - at) as f64 / (at + 1) as f64);
        return sum(k, &upwards, n - k + 1);
    }
    let downwards = |at: usize| {
        let ratio = at as f64 / (n - at + 1) as f64 / odds;
        (at.saturating_sub(1), ratio)
    };
    1.0 - sum(k - 1, &downwards, k)
}

/// The medians of resamples and their probabilities.
fn medians_of_odd(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let at_most: Vec<f64> = (0..=n).map(|i| among_lowest(n, n / 2 + 1, i)).collect();
    let passed = at_most.windows(2).map(|pair| pair[1] - pair[0]);
    sorted.iter().copied().zip(passed).collect()
}

/// Less likely middle values are left out: all together they are less likely than rounding errors.
const LEAST_PROBABILITY: f64 = 1e-18;

/// The medians of resamples and their probabilities.
fn medians_of_even(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let m = n / 2;
    let power = |i: usize| (i as f64 / n as f64).powi(m as i32);
    // Of m values among the lowest i, one being the highest of these; from above it is the same.
    let ln_ending_at: Vec<f64> = (1..=n).map(|i| (power(i) - power(i - 1)).ln()).collect();
    let ln_choices = ln_binomial(n as u64, m as u64);
    let lower_at_most: Vec<f64> = (0..=n).map(|i| among_lowest(n, m, i)).collect();
    let mut medians = Vec::new();
    for i in 0..n {
        let mut both = lower_at_most[i + 1] - lower_at_most[i];
        for j in i + 1..n {
            let ln_probability = ln_choices + ln_ending_at[i] + ln_ending_at[n - 1 - j];
            let probability = ln_probability.exp();
            // It falls with the distance of the two.
            if probability < LEAST_PROBABILITY {
                break;
            }
            both -= probability;
            medians.push((f64::midpoint(sorted[i], sorted[j]), probability));
        }
        medians.push((sorted[i], both.max(0.0)));
    }
    medians
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval from all resamples there are, one by one.
    fn enumerated(values: &[f64]) -> Interval {
        let n = values.len();
        let mut medians: Vec<f64> = (0..n.pow(n as u32))
            .map(|number| {
                let digit = |place: usize| number / n.pow(place as u32) % n;
                let resample: Vec<f64> = (0..n).map(|place| values[digit(place)]).collect();
                median(&resample).unwrap()
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let outside = (0.025 * medians.len() as f64).ceil() as usize;
        Interval {
            lower: medians[outside - 1],
            upper: medians[medians.len() - outside],
        }
    }

    #[test]
    fn the_interval_is_that_of_all_resamples() {
        let values = [0.3, 0.9, 0.1, 0.75, 0.76, 0.2, 0.55];
        for n in [6, 7] {
            let found = median_interval(&values[..n]).unwrap();
            assert_eq!(found, enumerated(&values[..n]));
        }
        assert_eq!(median_interval(&values[..5]), None);
    }

    #[test]
    fn probabilities_of_medians_add_up_to_1() {
        for n in [6, 7, 30, 31, 400, 1_401] {
            let sorted: Vec<f64> = (0..n).map(f64::from).collect();
            let medians = if n % 2 == 1 {
                medians_of_odd(&sorted)
            } else {
                medians_of_even(&sorted)
            };
            let all: f64 = medians.iter().map(|(_, probability)| probability).sum();
            assert!((all - 1.0).abs() < 1e-9, "{n}: {all}");
        }
    }

    #[test]
    fn shares_among_the_lowest_are_sums_of_all_their_terms() {
        for (n, k) in [(7, 4), (30, 15), (1_000, 500), (1_001, 501)] {
            for i in [1, n / 3, n / 2, n / 2 + 1, n - 1] {
                let share = i as f64 / n as f64;
                let term = |k: usize| {
                    let ln_choices = ln_binomial(n as u64, k as u64);
                    (ln_choices + k as f64 * share.ln() + (n - k) as f64 * (1.0 - share).ln()).exp()
                };
                let expected: f64 = (k..=n).map(term).sum();
                let found = among_lowest(n, k, i);
                assert!(
                    (found - expected).abs() < 1e-11,
                    "{n} {i}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
