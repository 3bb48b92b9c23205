//! What it costs the methods of an experiment to reach an accuracy.

use crate::experiment::{AccuracyTarget, Experiment, Method, TargetImages};
use crate::record::{Evaluation, RunRecord};
use crate::statistics::{Costs, PerformanceProfile};

/// What the target costs each method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TargetSummary {
    pub(crate) accuracy: f64,
    pub(crate) on: TargetImages,
    /// Updates by method, in the experiment's order.
    pub(crate) updates: Vec<Costs>,
    /// Seconds by method; `None` if they are not known of all runs.
    pub(crate) seconds: Option<Vec<Costs>>,
    /// The profiles of the methods in updates.
    pub(crate) profile: PerformanceProfile,
}

impl TargetSummary {
    /// `None` without a target and where no evaluation has the accuracy that it is about.
    pub(crate) fn of(experiment: &Experiment) -> Option<Self> {
        let target = experiment.target.as_ref()?;
        let methods = experiment.methods.iter();
        let runs = methods.clone().flat_map(|method| &method.runs);
        let mut evaluations = runs.flat_map(|run| &run.evaluations);
        if !evaluations.any(|evaluation| target.on.accuracy(evaluation).is_some()) {
            return None;
        }
        let updates: Vec<Costs> = methods
            .clone()
            .map(|method| target.updates(method))
            .collect();
        Some(Self {
            accuracy: target.accuracy,
            on: target.on,
            profile: PerformanceProfile::of(&updates.iter().collect::<Vec<_>>()),
            updates,
            seconds: methods.map(|method| target.seconds(method)).collect(),
        })
    }
}

impl AccuracyTarget {
    /// The updates that each run of a method made to reach it, by seed.
    fn updates(&self, method: &Method) -> Costs {
        let runs = method.runs.iter();
        runs.map(|run| (run.header.seed, self.updates_of(run)))
            .collect()
    }

    /// The seconds that each run of a method took to reach it, by seed: as large a part of all its
    /// seconds as the updates are of all its updates. `None` if a run's seconds are not known.
    fn seconds(&self, method: &Method) -> Option<Costs> {
        let costs = method.runs.iter().map(|run| {
            let seconds = self.run_seconds.get(&run.header.run)?;
            let part = self.updates_of(run) / run.end.updates.max(1) as f64;
            Some((run.header.seed, part * seconds))
        });
        costs.collect()
    }

    /// The updates that a run made to reach it; infinite if it did not, or diverged later.
    fn updates_of(&self, run: &RunRecord) -> f64 {
        let mut evaluations = run.evaluations.iter();
        let is_reached = |evaluation: &&Evaluation| {
            let accuracy = self.on.accuracy(evaluation);
            accuracy.is_some_and(|accuracy| accuracy >= self.accuracy)
        };
        let first = evaluations.find(is_reached);
        let first = first.filter(|_| run.final_evaluation().is_some());
        first.map_or(f64::INFINITY, |evaluation| evaluation.updates as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::RunOutcome;
    use crate::sample;

    fn target(accuracy: f64, on: TargetImages) -> AccuracyTarget {
        AccuracyTarget {
            accuracy,
            on,
            run_seconds: BTreeMap::new(),
        }
    }

    fn experiment() -> Experiment {
        let run = |method: &str, seed, evaluations: &[(u64, f64, f64)]| {
            sample::run(method, seed, evaluations, RunOutcome::Finished)
        };
        let outcome = RunOutcome::Diverged { update: 250 };
        let mut quick = sample::method("quick", 1, &[]);
        quick.runs = vec![
            run(
                "quick",
                0,
                &[(100, 0.0, 0.5), (200, 0.0, 0.9), (300, 0.0, 0.8)],
            ),
            run(
                "quick",
                1,
                &[(100, 0.0, 0.5), (200, 0.0, 0.6), (300, 0.0, 0.9)],
            ),
            sample::run("quick", 2, &[(100, 0.0, 0.95)], outcome),
        ];
        let mut slow = sample::method("slow", 1, &[]);
        slow.runs = (0..3)
            .map(|seed| run("slow", seed, &[(100, 0.0, 0.5), (400, 0.0, 0.91)]))
            .collect();
        sample::experiment(Some("quick"), vec![quick, slow])
    }

    #[test]
    fn the_first_evaluation_that_reaches_it_counts_and_a_miss_is_infinite() {
        let mut experiment = experiment();
        experiment.target = Some(target(0.9, TargetImages::Test));
        let found = TargetSummary::of(&experiment).unwrap();
        let missed = f64::INFINITY;
        let expected = [(0, 200.0), (1, 300.0), (2, missed)];
        assert_eq!(found.updates[0], Costs::from(expected));
        assert_eq!(found.profile.share(0, 1.0), Some(2.0 / 3.0));
        assert_eq!(found.profile.share(1, 1.0), Some(1.0 / 3.0));
        assert_eq!(found.profile.share(1, 2.0), Some(1.0));
    }

    #[test]
    fn seconds_are_as_large_a_part_as_updates_if_they_are_known_of_all() {
        let mut experiment = experiment();
        for (seed, run) in (0..).zip(&mut experiment.methods[1].runs) {
            run.header.run = format!("slow {seed}");
        }
        let mut known = target(0.5, TargetImages::Test);
        let runs = experiment.methods.iter().flat_map(|method| &method.runs);
        known.run_seconds = runs.map(|run| (run.header.run.clone(), 12.0)).collect();
        experiment.target = Some(known);
        let seconds = TargetSummary::of(&experiment).unwrap().seconds.unwrap();
        assert_eq!(seconds[0][&0], 4.0);
        assert_eq!(seconds[0][&2], f64::INFINITY);
        assert_eq!(seconds[1][&0], 3.0);

        let target = experiment.target.as_mut().unwrap();
        target.run_seconds.remove("slow 1");
        assert_eq!(TargetSummary::of(&experiment).unwrap().seconds, None);
    }

    #[test]
    fn without_a_target_or_its_accuracies_there_is_nothing_to_say() {
        let mut experiment = experiment();
        assert_eq!(TargetSummary::of(&experiment), None);
        experiment.target = Some(target(0.9, TargetImages::Validation));
        assert_eq!(TargetSummary::of(&experiment), None);
    }
}
