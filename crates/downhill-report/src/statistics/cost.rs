//! What it costs to reach a target, where some runs do not reach it.

use std::collections::BTreeMap;

use super::interval::Interval;
use super::median::{median, median_interval};

/// What each seed's run paid to reach a target, in updates or seconds; infinite for a run that did
/// not reach it.
pub type Costs = BTreeMap<u64, f64>;

/// Costs of several runs. A run that did not reach the target counts as dearer than all that did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostStatistics {
    /// Number of runs, at least 1.
    pub runs: usize,
    /// How many of them reached the target.
    pub reached: usize,
    /// Median; infinite where half of the runs or more did not reach it.
    pub median: f64,
    /// The 95 % interval of the median, see [`median_interval`]; its ends may be infinite.
    pub median_interval: Option<Interval>,
}

/// Describes the costs; `None` without runs.
#[must_use]
pub fn describe_costs(costs: &Costs) -> Option<CostStatistics> {
    let all: Vec<f64> = costs.values().copied().collect();
    Some(CostStatistics {
        runs: all.len(),
        reached: all.iter().filter(|cost| cost.is_finite()).count(),
        median: median(&all)?,
        median_interval: median_interval(&all),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: f64 = f64::INFINITY;

    fn described(costs: &[f64]) -> CostStatistics {
        describe_costs(&(0..).zip(costs.iter().copied()).collect()).unwrap()
    }

    #[test]
    fn a_miss_is_dearer_than_all_that_reach() {
        let few = described(&[300.0, MISSED, 100.0]);
        assert_eq!((few.runs, few.reached, few.median), (3, 2, 300.0));
        assert_eq!(few.median_interval, None);
        // The middle two are 300 and a miss.
        let half = described(&[300.0, MISSED, 100.0, MISSED]);
        assert_eq!((half.reached, half.median), (2, MISSED));
    }

    #[test]
    fn an_interval_may_end_in_a_miss() {
        let costs = [100.0, 110.0, 120.0, 130.0, 140.0, 150.0, MISSED, MISSED];
        let found = described(&costs);
        assert_eq!(found.median, 135.0);
        let interval = found.median_interval.unwrap();
        assert!(interval.lower >= 100.0 && interval.lower < 135.0);
        assert_eq!(interval.upper, MISSED);
        let none = described(&[MISSED; 8]);
        assert_eq!((none.reached, none.median), (0, MISSED));
    }
}
