//! What a handful of runs says about a number.
//!
//! ```text
//! describe.rs      mean, median, standard deviation and the intervals of one sample
//! bootstrap.rs     the interval of a mean;  median.rs  that of a median
//! paired.rs        differences seed by seed, with their test and their sizes
//! wilcoxon.rs      the signed-rank test;  ranks.rs  what it counts;  holm.rs  several tests at once
//! share.rs         the confidence interval of a proportion
//! effect_size.rs   the size of differences relative to their spread
//! cost.rs          the cost of a target, misses included;  profile.rs  relative to the best
//! ```

mod bootstrap;
mod cost;
mod describe;
mod effect_size;
mod holm;
mod interval;
mod median;
mod paired;
mod profile;
mod ranks;
mod share;
mod wilcoxon;

pub use bootstrap::{FEWEST_RESAMPLED, Resamples, mean_interval};
pub use cost::{CostStatistics, Costs, describe_costs};
pub use describe::{Statistics, describe};
pub use effect_size::{cohens_d_z, rank_biserial};
pub use holm::holm;
pub use interval::{CONFIDENCE, Interval};
pub use median::{FEWEST_ORDERED, median, median_interval};
pub use paired::{PairedDifferences, Significance, correct, paired_differences};
pub use profile::PerformanceProfile;
pub use share::share_interval;
pub use wilcoxon::{NullDistribution, WilcoxonTest, least_p, wilcoxon};

/// Differences of accuracies that are smaller come from rounding alone.
pub(crate) const ROUNDING: f64 = 1e-9;

/// A corrected p at most as large is called significant, if the interval agrees.
pub const SIGNIFICANCE_LEVEL: f64 = 0.05;
