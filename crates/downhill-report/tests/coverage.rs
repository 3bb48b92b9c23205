//! How often the intervals cover what they are intervals of.
//!
//! Samples are drawn from distributions whose mean and median are known, and it is counted how many
//! of their 95 % intervals contain these. The counts are the same on every run.
//!
//! In percent of 10,000 samples, so that the standard error of these figures is 0.2:
//!
//! ```text
//!                            mean                       median
//! values               5     6     8    30          6     8    30
//! normal            96.5  96.7  96.4  95.7       93.6  93.0  94.2
//! exponential       91.2  91.4  92.8  94.6       93.8  93.2  94.1
//! beta(40, 2)       93.9  94.3  94.1  94.8       93.6  92.9  93.7
//! uniform           95.2  96.0  96.3  95.6       94.0  93.2  94.1
//! ```
//!
//! Of 40,000 samples of 30 values, 95.5, 94.6, 95.0 and 95.7 percent cover the mean.

use downhill_report::statistics::{Interval, Resamples, median_interval};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A distribution to draw from.
#[derive(Clone, Copy, Debug)]
enum Distribution {
    /// Standard normal.
    Normal,
    /// Exponential with mean 1: skewness 2.
    Exponential,
    /// Beta(40, 2), like accuracies around 95 %: from 0 to 1, skewness -1.2.
    Beta,
    /// Uniform from 0 to 1.
    Uniform,
}

use Distribution::{Beta, Exponential, Normal, Uniform};

const ALL: [Distribution; 4] = [Normal, Exponential, Beta, Uniform];

/// So many that a coverage is known to 0.2 percent points (one standard error), and fewer: to 0.5.
const SAMPLES: u32 = 10_000;
const FEWER: u32 = 2_000;

impl Distribution {
    fn mean(self) -> f64 {
        match self {
            Normal => 0.0,
            Exponential => 1.0,
            Beta => 40.0 / 42.0,
            Uniform => 0.5,
        }
    }

    fn median(self) -> f64 {
        match self {
            Normal => 0.0,
            Exponential => std::f64::consts::LN_2,
            // SciPy 1.17.1: stats.beta(40, 2).median()
            Beta => 0.959_401_532_969_936_6,
            Uniform => 0.5,
        }
    }

    fn draw(self, generator: &mut ChaCha8Rng) -> f64 {
        // Above 0, at most 1.
        let mut uniform = || ((generator.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        match self {
            Normal => (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos(),
            Exponential => -uniform().ln(),
            // The second highest of 41 uniform numbers.
            Beta => {
                let (mut highest, mut second) = (0.0, 0.0);
                for _ in 0..41 {
                    let number = uniform();
                    if number > highest {
                        (highest, second) = (number, highest);
                    } else if number > second {
                        second = number;
                    }
                }
                second
            }
            Uniform => uniform(),
        }
    }
}

/// The part of `samples` intervals of `n` values each that contain the number.
fn coverage(
    distribution: Distribution,
    n: usize,
    samples: u32,
    number: f64,
    interval: impl Fn(&[f64]) -> Option<Interval>,
) -> f64 {
    let mut generator = ChaCha8Rng::seed_from_u64(n as u64);
    let mut covered = 0_u32;
    for _ in 0..samples {
        let sample: Vec<f64> = (0..n).map(|_| distribution.draw(&mut generator)).collect();
        let interval = interval(&sample).expect("there are values enough");
        covered += u32::from(interval.contains(number));
    }
    f64::from(covered) / f64::from(samples)
}

fn coverage_of_mean(distribution: Distribution, n: usize, samples: u32) -> f64 {
    let resamples = Resamples::of(n);
    coverage(distribution, n, samples, distribution.mean(), |sample| {
        resamples.mean_interval(sample)
    })
}

fn coverage_of_median(distribution: Distribution, n: usize, samples: u32) -> f64 {
    coverage(
        distribution,
        n,
        samples,
        distribution.median(),
        median_interval,
    )
}

fn assert_within(lower: f64, upper: f64, covered: f64) {
    assert!(lower <= covered && covered <= upper, "{covered}");
}

#[test]
fn thirty_normal_values_cover_their_mean_as_often_as_is_said() {
    assert_within(0.94, 0.96, coverage_of_mean(Normal, 30, SAMPLES));
}

#[test]
fn thirty_skewed_values_cover_their_mean_as_often_as_is_said() {
    assert_within(0.94, 0.96, coverage_of_mean(Exponential, 30, SAMPLES));
}

#[test]
fn thirty_accuracies_cover_their_mean_as_often_as_is_said() {
    assert_within(0.94, 0.96, coverage_of_mean(Beta, 30, SAMPLES));
}

#[test]
fn thirty_bounded_values_cover_their_mean_as_often_as_is_said() {
    assert_within(0.94, 0.96, coverage_of_mean(Uniform, 30, SAMPLES));
}

/// So few values do not show how skewed they are.
#[test]
fn eight_values_cover_their_mean_nearly_as_often() {
    for distribution in ALL {
        assert_within(0.92, 0.97, coverage_of_mean(distribution, 8, FEWER));
    }
}

#[test]
fn medians_are_covered_in_92_to_95_percent() {
    for distribution in ALL {
        for n in [8, 30] {
            assert_within(0.92, 0.95, coverage_of_median(distribution, n, FEWER));
        }
    }
}
