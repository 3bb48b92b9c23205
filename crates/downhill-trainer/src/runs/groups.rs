//! Groups of runs that train as one ensemble.

use std::collections::{HashMap, VecDeque};

use downhill_cli::backend::Backend;

use crate::config::training::TrainingConfig;
use crate::device::set::WGPU_BUFFER;
use crate::error::TrainError;
use crate::plan::ensemble::common_settings;
use crate::plan::runs::RunPlan;
use crate::runs::ensembles::{EnsembleCheckpoints, KnownEnsembles};
use crate::runs::store::Store;

/// Runs that train together, or one alone.
#[derive(Debug)]
pub(super) struct Group<'r, 'p> {
    /// The runs, and whether each is yet to be finished.
    pub(super) runs: Vec<(&'r RunPlan<'p>, bool)>,
}

impl<'r, 'p> Group<'r, 'p> {
    /// A group of runs that are yet to be finished.
    pub(super) fn new(runs: impl IntoIterator<Item = &'r RunPlan<'p>>) -> Self {
        Self {
            runs: runs.into_iter().map(|run| (run, true)).collect(),
        }
    }

    /// The checkpoints of the runs as an ensemble.
    pub(super) fn checkpoints(&self, store: &Store) -> EnsembleCheckpoints {
        let runs = self.runs.iter().map(|(run, _)| run.header.run.as_str());
        EnsembleCheckpoints::of(store, &runs.collect::<Vec<_>>())
    }
}

/// How the runs of a plan are grouped.
#[derive(Debug)]
pub(super) struct Grouping<'r, 'p> {
    sizes: Sizes,
    /// The groups of all runs, from which finished ones are left out.
    groups: Vec<Vec<&'r RunPlan<'p>>>,
    known: KnownEnsembles,
}

/// What limits the number of members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The largest number that is asked for.
    pub(super) members: usize,
    pub(super) backend: Backend,
    pub(super) pixels: usize,
    pub(super) classes: usize,
}

impl<'r, 'p> Grouping<'r, 'p> {
    /// The groups of all runs of a plan.
    pub(super) fn of(all: &'r [RunPlan<'p>], sizes: Sizes) -> Self {
        Self {
            sizes,
            groups: match sizes.members {
                1 => Vec::new(),
                _ => together(all, sizes),
            },
            known: KnownEnsembles::default(),
        }
    }

    /// Whether runs may train together.
    pub(super) fn has_ensembles(&self) -> bool {
        self.sizes.members > 1
    }

    /// Groups the runs that are missing: first those of interrupted ensembles, then the others.
    ///
    /// A group of which no run is finished is the same whatever else is missing, so that processes
    /// that share a plan, or follow each other, train the same ensembles.
    ///
    /// # Errors
    ///
    /// A directory of checkpoints that cannot be read.
    pub(super) fn missing(
        &mut self,
        missing: &[&'r RunPlan<'p>],
        store: &Store,
    ) -> Result<VecDeque<Group<'r, 'p>>, TrainError> {
        if !self.has_ensembles() {
            return Ok(missing.iter().map(|run| Group::new([*run])).collect());
        }
        let name = |run: &'r RunPlan<'p>| (run.header.run.as_str(), run);
        let all: HashMap<_, _> = self.groups.iter().flatten().map(|run| name(run)).collect();
        let mut left: HashMap<_, _> = missing.iter().map(|run| name(run)).collect();
        let mut groups = VecDeque::new();
        for runs in self.known.list(store)? {
            let runs = runs.iter().map(|run| all.get(run.as_str()).copied());
            // Others belong to another plan.
            let Some(runs) = runs.collect::<Option<Vec<_>>>() else {
                continue;
            };
            let member = |run: &'r RunPlan<'p>| {
                let is_missing = left.remove(run.header.run.as_str()).is_some();
                (run, is_missing)
            };
            let runs: Vec<_> = runs.into_iter().map(member).collect();
            if runs.iter().any(|(_, is_missing)| *is_missing) {
                groups.push_back(Group { runs });
            }
        }
        let mut rest = Vec::new();
        for group in &self.groups {
            let is_left = |run: &&&RunPlan<'_>| left.contains_key(run.header.run.as_str());
            let missing: Vec<_> = group.iter().filter(is_left).copied().collect();
            match missing.len() == group.len() {
                true => groups.push_back(Group::new(missing)),
                false => rest.extend(missing),
            }
        }
        groups.extend(together(rest, self.sizes).into_iter().map(Group::new));
        Ok(groups)
    }
}

/// Groups runs into ensembles, in the order of their first runs. A run that cannot share an
/// ensemble is a group of its own.
fn together<'r, 'p: 'r>(
    runs: impl IntoIterator<Item = &'r RunPlan<'p>>,
    sizes: Sizes,
) -> Vec<Vec<&'r RunPlan<'p>>> {
    let mut kinds: Vec<(Option<TrainingConfig>, Vec<&RunPlan<'_>>)> = Vec::new();
    for run in runs {
        let common = match run.header.ensemble {
            true => common_settings(&run.method.config),
            false => None,
        };
        let kind = kinds
            .iter_mut()
            .find(|(kind, _)| kind.is_some() && *kind == common);
        match kind {
            Some((_, runs)) => runs.push(run),
            None => kinds.push((common, vec![run])),
        }
    }
    let parts = kinds.iter().flat_map(|(_, runs)| {
        let most = (sizes.members).min(most_members(&runs[0].method.config, sizes));
        // Of even size, because the last ensemble takes as long as the others.
        let ensembles = runs.len().div_ceil(most.max(1));
        runs.chunks(runs.len().div_ceil(ensembles))
            .map(<[_]>::to_vec)
    });
    parts.collect()
}

/// The number of members whose weights, images and units each fit into one buffer of a GPU.
fn most_members(config: &TrainingConfig, sizes: Sizes) -> usize {
    let (pixels, classes) = (sizes.pixels, sizes.classes);
    if sizes.backend != Backend::Wgpu {
        return usize::MAX;
    }
    let batch = config.training.batch;
    let mut largest = batch.saturating_mul(pixels);
    let mut inputs = pixels;
    for &units in config.model.hidden.iter().chain([&classes]) {
        largest = largest
            .max(inputs.saturating_mul(units))
            .max(batch.saturating_mul(units));
        inputs = units;
    }
    WGPU_BUFFER / largest.saturating_mul(size_of::<f32>()).max(1)
}

#[cfg(test)]
mod tests {
    use downhill_data::load_mnist;

    use super::*;
    use crate::config::file::ExperimentFile;
    use crate::plan::Plan;
    use crate::plan::runs::runs;
    use downhill_cli::train::TrainArguments;

    /// Calls a function with the runs of a config.
    fn with_runs<T>(
        config: &str,
        members: u64,
        backend: Backend,
        call: impl FnOnce(&[RunPlan<'_>], Sizes) -> T,
    ) -> T {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some.toml");
        std::fs::write(&path, format!("# Which are similar?\n\n{config}")).unwrap();
        let arguments = TrainArguments {
            config: path.display().to_string(),
            backend,
            quiet: true,
            runs_dir: directory.path().to_path_buf(),
            ensemble: Some(members),
            ..TrainArguments::default()
        };
        let file = ExperimentFile::find(&arguments.config).unwrap();
        let plan = Plan::resolve(&file, &arguments).unwrap();
        let sizes = Sizes {
            members: plan.ensemble,
            backend,
            pixels: 784,
            classes: 10,
        };
        call(&runs(&plan, &load_mnist().unwrap()), sizes)
    }

    fn name(run: &RunPlan<'_>) -> String {
        format!("{}:{}", run.method.name, run.header.seed)
    }

    /// The runs of a config trained together, as `method:seed`.
    fn groups(config: &str, members: u64, backend: Backend) -> Vec<String> {
        with_runs(config, members, backend, |runs, sizes| {
            let names = |group: &Vec<&RunPlan<'_>>| -> Vec<String> {
                group.iter().map(|run| name(run)).collect()
            };
            let groups = together(runs, sizes);
            groups.iter().map(|group| names(group).join(" ")).collect()
        })
    }

    #[test]
    fn similar_runs_train_together() {
        let config = "seeds = 3
            [methods.slow.optimizer.sgd]
            learning_rate = 0.01
            [methods.fast.optimizer.sgd]
            learning_rate = 0.1
            [methods.wide]
            model.hidden = [51]
            [methods.mixing.optimizer.lamb]
            [methods.own]
            data = { train_images = 100, subset = 'random' }";
        let alone = |method: &str| {
            (0..3)
                .map(|seed| format!("{method}:{seed}"))
                .collect::<Vec<_>>()
        };
        let found = groups(config, 4, Backend::Flex);
        let mut expected = vec![
            "slow:0 fast:0 slow:1".to_owned(),
            "fast:1 slow:2 fast:2".to_owned(),
            "wide:0 wide:1 wide:2".to_owned(),
        ];
        for seed in 0..3 {
            expected.push(alone("mixing")[seed].clone());
            expected.push(alone("own")[seed].clone());
        }
        assert_eq!(found, expected);
        assert_eq!(groups(config, 1, Backend::Flex).len(), 15);
    }

    #[test]
    fn groups_that_lost_finished_runs_train_together() {
        let directory = tempfile::tempdir().unwrap();
        let all = |seeds: &[u64]| seeds.iter().map(|seed| format!("sgd:{seed}")).collect();
        let found = |finished: &[u64]| {
            with_runs("seeds = 8", 4, Backend::Flex, |runs, sizes| {
                let is_missing = |run: &&RunPlan<'_>| !finished.contains(&run.header.seed);
                let missing: Vec<_> = runs.iter().filter(is_missing).collect();
                let store = Store::new(directory.path());
                let groups = Grouping::of(runs, sizes).missing(&missing, &store).unwrap();
                let names = |group: &Group<'_, '_>| -> Vec<String> {
                    group.runs.iter().map(|(run, _)| name(run)).collect()
                };
                groups.iter().map(names).collect::<Vec<Vec<String>>>()
            })
        };
        let expected = |groups: &[&[u64]]| -> Vec<Vec<String>> {
            groups.iter().map(|seeds| all(seeds)).collect()
        };
        assert_eq!(found(&[]), expected(&[&[0, 1, 2, 3], &[4, 5, 6, 7]]));
        assert_eq!(found(&[1]), expected(&[&[4, 5, 6, 7], &[0, 2, 3]]));
        assert_eq!(found(&[0, 1, 2, 5, 6, 7]), expected(&[&[3, 4]]));
    }

    #[test]
    fn an_ensemble_fits_into_the_buffers_of_a_gpu() {
        // 784 x 2048 weights are 6.1 MiB: 20 of them fit.
        let config = "seeds = 30
            model.hidden = [2048]";
        let sizes = |backend| {
            let groups = groups(config, 100, backend);
            groups
                .iter()
                .map(|group| group.split(' ').count())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(Backend::Wgpu), [15, 15]);
        assert_eq!(sizes(Backend::Flex), [30]);
    }
}
