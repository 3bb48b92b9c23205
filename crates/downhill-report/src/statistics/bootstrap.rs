//! The bootstrap interval of a mean.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{CONFIDENCE, Interval};

/// Fewer values than this have a Student t interval: most of their resamples are alike.
pub const FEWEST_RESAMPLED: usize = 5;

/// Resamples drawn; with the mirrored ones there are twice as many.
const DRAWN: usize = 5_000;

/// The key of the generator that draws them, the same for every sample.
const KEY: [u8; 32] = *b"downhill-report: bootstrap, 2026";

/// A resample's standard error counts with at least this part of the sample's.
const LEAST_ERROR: f64 = 0.4;

/// The 95 % interval of the mean of these values; `None` for fewer than two.
///
/// A symmetric studentized bootstrap interval. Each resample of `n` values, drawn with replacement,
/// has a mean `m*` and a standard error `e*`; with the sample's own mean `m` and standard error `e`:
///
/// ```text
/// t*       = |m* - m| / max(e*, 0.4 e)
/// interval = m -+ q e,    q the 95 % quantile of t* over 10,000 resamples
/// ```
///
/// It is symmetric for its coverage (Hall 1988, "On Symmetric Bootstrap Confidence Intervals",
/// Journal of the Royal Statistical Society B 50), and so that it can be written as `m ± q e`. The
/// bound on `e*` is ours: without it a resample of equal values, of which small samples have many,
/// makes the interval as wide as one likes.
///
/// Resamples are drawn by ChaCha8 under a constant key, so the same values in any order give the
/// same interval. Each is also taken from the mirrored sample, so that the interval of the values
/// with their signs changed is the mirrored one.
///
/// Fewer than [`FEWEST_RESAMPLED`] values have a Student t interval instead:
///
/// ```text
/// interval = m -+ t(0.975, n - 1) e
/// ```
///
/// How often it covers the true mean is measured by `tests/coverage.rs`, whose head has the figures.
#[must_use]
pub fn mean_interval(values: &[f64]) -> Option<Interval> {
    Resamples::of(values.len()).mean_interval(values)
}

/// The resamples of all samples of one size. To draw them takes as long as to use them, so whoever
/// needs the intervals of many samples of one size keeps them.
#[derive(Clone, Debug)]
pub struct Resamples {
    size: usize,
    /// Which values make up each resample, one after the other; empty for small samples.
    chosen: Vec<u32>,
}

impl Resamples {
    /// Those of samples of so many values.
    #[must_use]
    pub fn of(size: usize) -> Self {
        let drawn = if size < FEWEST_RESAMPLED { 0 } else { DRAWN };
        let mut generator = ChaCha8Rng::from_seed(KEY);
        // A product of 32 and 32 bits: its upper half is a number below the size.
        let below_size = || ((u64::from(generator.next_u32()) * size as u64) >> 32) as u32;
        let chosen = std::iter::repeat_with(below_size).take(drawn * size);
        let chosen = chosen.collect();
        Self { size, chosen }
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
        // A deviation beside that which the mirrored resample takes instead of it, and their squares.
        let mirrored = deviations.iter().rev();
        let terms: Vec<[f64; 4]> = (deviations.iter().zip(mirrored))
            .map(|(here, there)| [*here, *there, here * here, there * there])
            .collect();
        let mut all = Vec::with_capacity(2 * DRAWN);
        for resample in self.chosen.chunks_exact(self.size) {
            let mut sums = [0.0; 4];
            for chosen in resample {
                let terms = &terms[*chosen as usize];
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term;
                }
            }
            all.push(studentized(sums[0], sums[2]));
            all.push(studentized(sums[1], sums[3]));
        }
        let rank = (CONFIDENCE * (all.len() + 1) as f64).ceil() as usize;
        *all.select_nth_unstable_by(rank - 1, f64::total_cmp).1
    }
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
