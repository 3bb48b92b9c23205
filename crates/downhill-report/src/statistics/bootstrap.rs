//! The bootstrap interval of a mean.

use std::cell::RefCell;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::factorial::factorial;

use super::interval::{CONFIDENCE, Interval};

/// Fewer values than this have a Student t interval: they have too few different resamples.
pub const FEWEST_RESAMPLED: usize = 5;

/// Largest number of values for which all resamples are used; 8 values have 6,435.
const MOST_COMPLETE: usize = 8;

/// Number of resamples drawn of larger samples; the mirrored ones double it.
const DRAWN: usize = 5_000;

/// The key of the generator that draws them, the same for every sample.
const KEY: [u8; 32] = *b"downhill-report: bootstrap, 2026";

/// A resample's standard error counts with at least this part of the sample's.
const LEAST_ERROR: f64 = 0.4;

/// The 95 % interval of the mean of these values; `None` for fewer than two.
///
/// A symmetric studentized bootstrap interval. Each resample of `n` values, drawn with replacement,
/// has a mean `m*` and a standard error `e*`; with the sample's own mean `m` and standard error
/// `e`:
///
/// ```text
/// t*       = |m* - m| / max(e*, 0.4 e)
/// interval = m -+ q e,    q the 95 % quantile of t* over the resamples
/// ```
///
/// For up to 8 values, all possible resamples are used, weighted by their probability. For more,
/// 10,000 are drawn by ChaCha8 with a constant key. So the same values in any order give the same
/// interval. Each resample is also taken from the mirrored sample, so that changing the signs of
/// all values mirrors the interval.
///
/// It is symmetric for its coverage (Hall 1988, "On Symmetric Bootstrap Confidence Intervals",
/// Journal of the Royal Statistical Society B 50), and so that it can be written as `m ± q e`. The
/// bound on `e*` is ours: without it, a resample of equal values, of which small samples have many,
/// could make the interval arbitrarily wide.
///
/// Fewer than [`FEWEST_RESAMPLED`] values have a Student t interval instead:
///
/// ```text
/// interval = m -+ t(0.975, n - 1) e
/// ```
///
/// `tests/coverage.rs` measures how often it covers the true mean, and has the figures in its
/// documentation.
#[must_use]
pub fn mean_interval(values: &[f64]) -> Option<Interval> {
    LAST.with_borrow_mut(|last| {
        if last.size != values.len() {
            *last = Resamples::of(values.len());
        }
        last.mean_interval(values)
    })
}

thread_local! {
    /// The resamples of the last size used: a report has many samples of one size, and making the
    /// resamples takes as long as using them.
    static LAST: RefCell<Resamples> = RefCell::new(Resamples::of(0));
}

/// The resamples of all samples of one size.
#[derive(Clone, Debug)]
pub struct Resamples {
    size: usize,
    /// Which values make up each resample, one after the other; empty for small samples.
    chosen: Vec<u32>,
    /// How likely each resample is, as a multiple of a common probability.
    weights: Vec<f64>,
}

impl Resamples {
    /// Makes the resamples of samples of this size.
    #[must_use]
    pub fn of(size: usize) -> Self {
        let (chosen, weights) = match size {
            0..FEWEST_RESAMPLED => (Vec::new(), Vec::new()),
            FEWEST_RESAMPLED..=MOST_COMPLETE => complete(size),
            _ => (drawn(size), vec![1.0; DRAWN]),
        };
        Self {
            size,
            chosen,
            weights,
        }
    }

    /// What [`mean_interval`] says, of a sample of this size.
    ///
    /// # Panics
    ///
    /// If the sample has another size.
    #[must_use]
    pub fn mean_interval(&self, values: &[f64]) -> Option<Interval> {
        assert_eq!(values.len(), self.size, "a sample of the resamples' size");
        if self.size < 2 {
            return None;
        }
        let n = self.size as f64;
        let mean = values.iter().sum::<f64>() / n;
        let mut deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
        deviations.sort_by(f64::total_cmp);
        let squares: f64 = deviations.iter().map(|deviation| deviation.powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        let quantile = if self.chosen.is_empty() {
            student_t_quantile(self.size - 1)
        } else if error > 0.0 {
            self.quantile(&deviations, error)
        } else {
            0.0
        };
        Some(Interval::around(mean, quantile * error))
    }

    /// The 95 % quantile of `t*` of these sorted deviations from a mean with this standard error.
    fn quantile(&self, deviations: &[f64], error: f64) -> f64 {
        let n = self.size as f64;
        let least = LEAST_ERROR * error;
        let studentized = |sum: f64, squares: f64| {
            let mean = sum / n;
            let variance = (squares - n * mean * mean).max(0.0) / (n - 1.0);
            mean.abs() / (variance / n).sqrt().max(least)
        };
        // A deviation beside that which the mirrored resample takes instead of it, and their
        // squares.
        let mirrored = deviations.iter().rev();
        let terms: Vec<[f64; 4]> = (deviations.iter().zip(mirrored))
            .map(|(here, there)| [*here, *there, here * here, there * there])
            .collect();
        let mut all = Vec::with_capacity(2 * self.weights.len());
        let mut take = |sums: [f64; 4], weight: f64| {
            all.push((studentized(sums[0], sums[2]), weight));
            all.push((studentized(sums[1], sums[3]), weight));
        };
        let mut weights = self.weights.iter();
        let (groups, rest) = self
            .chosen
            .split_at(self.chosen.len() / (SIDE_BY_SIDE * self.size) * (SIDE_BY_SIDE * self.size));
        for group in groups.chunks_exact(SIDE_BY_SIDE * self.size) {
            let all_sums = sums_of::<SIDE_BY_SIDE>(&terms, group, self.size);
            for (sums, weight) in all_sums.into_iter().zip(&mut weights) {
                take(sums, *weight);
            }
        }
        for (resample, weight) in rest.chunks_exact(self.size).zip(weights) {
            let [sums] = sums_of::<1>(&terms, resample, self.size);
            take(sums, *weight);
        }
        let passed = CONFIDENCE * 2.0 * self.weights.iter().sum::<f64>();
        weighted_quantile(&mut all, passed)
    }
}

/// So many resamples are summed at a time, for each sum waits for the one before.
const SIDE_BY_SIDE: usize = 4;

/// The sums of the terms that each of `N` resamples chooses, in the order of its choices.
fn sums_of<const N: usize>(terms: &[[f64; 4]], chosen: &[u32], size: usize) -> [[f64; 4]; N] {
    let resamples: [&[u32]; N] = std::array::from_fn(|at| &chosen[at * size..(at + 1) * size]);
    let mut sums = [[0.0; 4]; N];
    for at in 0..size {
        for (sums, resample) in sums.iter_mut().zip(resamples) {
            let [a, b, c, d] = terms[resample[at] as usize];
            *sums = [sums[0] + a, sums[1] + b, sums[2] + c, sums[3] + d];
        }
    }
    sums
}

/// Returns all resamples of `size` values, each as an ascending list of choices, with the number of
/// orders in which it can be drawn.
fn complete(size: usize) -> (Vec<u32>, Vec<f64>) {
    let (mut all, mut weights) = (Vec::new(), Vec::new());
    let mut chosen = vec![0; size];
    loop {
        let runs = chosen.chunk_by(|left, right| left == right);
        let orders = runs.fold(factorial(size as u64), |orders, run| {
            orders / factorial(run.len() as u64)
        });
        all.extend_from_slice(&chosen);
        weights.push(orders);
        // The next in order: the last choice that can rises, and those behind it start there.
        let Some(last) = chosen.iter().rposition(|at| *at as usize + 1 < size) else {
            return (all, weights);
        };
        let risen = chosen[last] + 1;
        chosen[last..].fill(risen);
    }
}

fn drawn(size: usize) -> Vec<u32> {
    let mut generator = ChaCha8Rng::from_seed(KEY);
    // A product of 32 and 32 bits: its upper half is a number below the size.
    let below_size = || ((u64::from(generator.next_u32()) * size as u64) >> 32) as u32;
    std::iter::repeat_with(below_size)
        .take(DRAWN * size)
        .collect()
}

/// The least value at which values and weights up to it pass this weight.
fn weighted_quantile(mut values: &mut [(f64, f64)], mut passed: f64) -> f64 {
    while values.len() > 1 {
        let middle = values.len() / 2;
        values.select_nth_unstable_by(middle, |left, right| left.0.total_cmp(&right.0));
        let (lower, upper) = values.split_at_mut(middle);
        let weight: f64 = lower.iter().map(|(_, weight)| weight).sum();
        if passed <= weight {
            values = lower;
        } else {
            passed -= weight;
            values = upper;
        }
    }
    values[0].0
}

/// The value that a Student t variable exceeds in absolute terms with probability 5 %.
fn student_t_quantile(degrees_of_freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .expect("two or more values leave at least one degree of freedom")
        .inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 8] = [0.759, 0.741, 0.772, 0.764, 0.733, 0.781, 0.748, 0.766];

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn few_values_have_the_student_t_interval_of_scipy() {
        // SciPy 1.17.1: stats.t.ppf(0.975, df), and
        // stats.t.interval(0.95, 3, loc=mean, scale=stats.sem(VALUES[:4])).
        assert_close(student_t_quantile(1), 12.706_204_736_174_694);
        assert_close(student_t_quantile(2), 4.302_652_729_749_462);
        assert_close(student_t_quantile(7), 2.364_624_251_592_784);
        let interval = mean_interval(&VALUES[..4]).unwrap();
        assert_close(interval.lower, 0.738_090_899_900_292_3);
        assert_close(interval.upper, 0.779_909_100_099_707_9);
    }

    #[test]
    fn order_does_not_matter_and_signs_mirror_the_interval() {
        let interval = mean_interval(&VALUES).unwrap();
        let mut other = VALUES;
        other.reverse();
        other.swap(1, 4);
        let again = mean_interval(&other).unwrap();
        assert_close(again.lower, interval.lower);
        assert_close(again.upper, interval.upper);
        let mirrored = mean_interval(&VALUES.map(|value| -value)).unwrap();
        assert_close(mirrored.lower, -interval.upper);
        assert_close(mirrored.upper, -interval.lower);
    }

    #[test]
    fn the_interval_moves_and_grows_with_the_values() {
        let interval = mean_interval(&VALUES).unwrap();
        let moved = mean_interval(&VALUES.map(|value| 3.0 * value + 2.0)).unwrap();
        assert_close(moved.lower, 3.0 * interval.lower + 2.0);
        assert_close(moved.upper, 3.0 * interval.upper + 2.0);
    }

    #[test]
    fn few_values_have_all_resamples_that_there_are() {
        let values = &VALUES[..6];
        let mean = values.iter().sum::<f64>() / 6.0;
        let error_around = |middle: f64, values: &[f64]| {
            let squares = values.iter().map(|value| (value - middle).powi(2));
            (squares.sum::<f64>() / 5.0 / 6.0).sqrt()
        };
        let error = error_around(mean, values);
        let mut all: Vec<f64> = (0..6_usize.pow(6))
            .map(|number| {
                let chosen = (0..6).map(|place| values[number / 6_usize.pow(place) % 6]);
                let resample: Vec<f64> = chosen.collect();
                let middle = resample.iter().sum::<f64>() / 6.0;
                (middle - mean).abs() / error_around(middle, &resample).max(0.4 * error)
            })
            .collect();
        all.sort_by(f64::total_cmp);
        let expected = all[(0.95 * all.len() as f64) as usize - 1];
        let interval = mean_interval(values).unwrap();
        let found = (interval.upper - interval.lower) / 2.0 / error;
        assert_close(found, expected);
    }

    #[test]
    fn all_resamples_are_counted_with_their_orders() {
        for (size, different) in [(5, 126), (8, 6_435)] {
            let resamples = Resamples::of(size);
            assert_eq!(resamples.weights.len(), different);
            assert_eq!(resamples.chosen.len(), different * size);
            let all: f64 = resamples.weights.iter().sum();
            assert_eq!(all, (size as f64).powi(size as i32));
        }
        assert_eq!(Resamples::of(9).weights.len(), DRAWN);
    }

    #[test]
    fn quantiles_pass_the_weight_that_they_are_asked_for() {
        let values = [(3.0, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 3.0)];
        let quantile = |passed| weighted_quantile(&mut values.clone(), passed);
        assert_eq!(
            [0.5, 2.0, 2.5, 6.0, 7.0, 7.5, 10.0].map(quantile),
            [1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0]
        );
    }

    #[test]
    fn one_value_far_off_widens_the_interval_to_a_bound() {
        let mut values = [0.97; 8];
        values[3] = 0.0;
        let interval = mean_interval(&values).unwrap();
        let mean: f64 = 0.97 * 7.0 / 8.0;
        // Squared deviations add up to 7 (mean / 7)^2 + mean^2 = 8/7 mean^2.
        let error = (8.0 / 7.0 * mean * mean / 7.0 / 8.0).sqrt();
        let half_width = (interval.upper - interval.lower) / 2.0;
        assert_close((interval.upper + interval.lower) / 2.0, mean);
        assert!(
            half_width > 2.0 * error && half_width < 3.0 * error,
            "{half_width}"
        );
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let interval = mean_interval(&[0.25; 8]).unwrap();
        assert_eq!((interval.lower, interval.upper), (0.25, 0.25));
        assert_eq!(mean_interval(&[0.25]), None);
        assert_eq!(mean_interval(&[]), None);
    }
}
