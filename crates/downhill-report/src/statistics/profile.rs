//! How often the cost of a method is within a given factor of the least cost.

use std::collections::BTreeSet;

use super::cost::Costs;

/// Performance profiles (Dolan and Moré 2002, "Benchmarking optimization software with performance
/// profiles", Mathematical Programming 91). The problems are seeds, the cost is what a method's run
/// needs to reach the target.
///
/// ```text
/// ratio(method, seed)   = cost(method, seed) / least cost of any method for this seed
/// share(method, factor) = part of the seeds with ratio <= factor
/// ```
///
/// A run that does not reach the target has an infinite ratio, and a seed for which no method
/// reaches it counts among the seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct PerformanceProfile {
    seeds: usize,
    /// By method, ratios of all seeds, rising.
    ratios: Vec<Vec<f64>>,
}

impl PerformanceProfile {
    /// The profiles of methods, over the seeds shared by all methods that have runs.
    #[must_use]
    pub fn of(methods: &[&Costs]) -> Self {
        let with_runs = methods.iter().filter(|costs| !costs.is_empty());
        let seeds: BTreeSet<u64> = with_runs
            .map(|costs| costs.keys().copied().collect())
            .reduce(|left: BTreeSet<u64>, right| &left & &right)
            .unwrap_or_default();
        let least = |seed| {
            let costs = methods.iter().filter_map(|costs| costs.get(seed));
            costs.copied().fold(f64::INFINITY, f64::min)
        };
        let ratios_of = |costs: &&Costs| {
            let paid = seeds
                .iter()
                .filter_map(|seed| Some((seed, *costs.get(seed)?)));
            let mut ratios: Vec<f64> = paid.map(|(seed, cost)| ratio(cost, least(seed))).collect();
            ratios.sort_by(f64::total_cmp);
            ratios
        };
        Self {
            ratios: methods.iter().map(ratios_of).collect(),
            seeds: seeds.len(),
        }
    }

    /// Number of seeds.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds
    }

    /// The share of the seeds for which the method costs at most `factor` times the least; `None`
    /// for a method without runs or if there are no shared seeds.
    #[must_use]
    pub fn share(&self, method: usize, factor: f64) -> Option<f64> {
        let ratios = self
            .ratios
            .get(method)
            .filter(|ratios| !ratios.is_empty())?;
        let within = ratios.iter().filter(|ratio| **ratio <= factor).count();
        Some(within as f64 / self.seeds as f64)
    }

    /// The factors at which the method's share rises, each with its share from there on.
    #[must_use]
    pub fn steps(&self, method: usize) -> Vec<(f64, f64)> {
        let mut ratios = self.ratios.get(method).cloned().unwrap_or_default();
        ratios.retain(|ratio| ratio.is_finite());
        ratios.dedup();
        let step = |ratio: &f64| Some((*ratio, self.share(method, *ratio)?));
        ratios.iter().filter_map(step).collect()
    }
}

fn ratio(cost: f64, least: f64) -> f64 {
    if cost.is_infinite() {
        f64::INFINITY
    } else if cost == least {
        // Also where the target is reached at no cost.
        1.0
    } else {
        cost / least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: f64 = f64::INFINITY;

    fn costs(costs: &[f64]) -> Costs {
        (0..).zip(costs.iter().copied()).collect()
    }

    #[test]
    fn shares_count_seeds_within_a_factor_of_the_best() {
        let quick = costs(&[100.0, 100.0, MISSED, MISSED]);
        let slow = costs(&[150.0, 50.0, 300.0, MISSED]);
        let profile = PerformanceProfile::of(&[&quick, &slow]);
        assert_eq!(profile.seeds(), 4);
        // Ratios 1, 2 and twice none; 1.5, 1, 1 and none.
        assert_eq!(profile.steps(0), [(1.0, 0.25), (2.0, 0.5)]);
        assert_eq!(profile.steps(1), [(1.0, 0.5), (1.5, 0.75)]);
        assert_eq!(profile.share(0, 1.9), Some(0.25));
        assert_eq!(profile.share(0, 1e9), Some(0.5));
    }

    #[test]
    fn only_seeds_of_all_methods_count_and_a_method_without_runs_has_no_profile() {
        let mut some = costs(&[100.0, 100.0]);
        some.insert(9, 1.0);
        let others = costs(&[200.0, 50.0, 70.0]);
        let profile = PerformanceProfile::of(&[&some, &Costs::new(), &others]);
        assert_eq!(profile.seeds(), 2);
        assert_eq!(profile.share(0, 1.0), Some(0.5));
        assert_eq!(profile.share(1, 1.0), None);
        assert!(profile.steps(1).is_empty());
        assert_eq!(PerformanceProfile::of(&[]).seeds(), 0);
    }

    #[test]
    fn a_target_reached_at_once_is_reached_by_the_best() {
        let profile = PerformanceProfile::of(&[&costs(&[0.0]), &costs(&[5.0])]);
        assert_eq!(profile.share(0, 1.0), Some(1.0));
        assert_eq!(profile.share(1, 1e300), Some(0.0));
    }
}
