//! Groups of runs that train as one ensemble.

use downhill_cli::backend::Backend;

use crate::config::training::TrainingConfig;
use crate::device::set::WGPU_BUFFER;
use crate::plan::ensemble::common_settings;
use crate::plan::runs::RunPlan;

/// Groups runs into ensembles, in the order of their first runs. A run that cannot share an
/// ensemble is a group of its own. The images have this many pixels and classes.
pub(crate) fn together<'r, 'p>(
    runs: &'r [RunPlan<'p>],
    members: usize,
    backend: Backend,
    (pixels, classes): (usize, usize),
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
        let most = members.min(most_members(
            &runs[0].method.config,
            backend,
            (pixels, classes),
        ));
        // Of even size, because the last ensemble takes as long as the others.
        let ensembles = runs.len().div_ceil(most.max(1));
        runs.chunks(runs.len().div_ceil(ensembles))
            .map(<[_]>::to_vec)
    });
    parts.collect()
}

/// The number of members whose weights, images and units each fit into one buffer of a GPU.
fn most_members(
    config: &TrainingConfig,
    backend: Backend,
    (pixels, classes): (usize, usize),
) -> usize {
    if backend != Backend::Wgpu {
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
    use crate::error::TrainError;
    use crate::plan::Plan;
    use crate::plan::runs::runs;
    use downhill_cli::train::TrainArguments;

    /// The runs of a config trained together, as `method:seed`.
    fn groups(config: &str, members: u64, backend: Backend) -> Result<Vec<String>, TrainError> {
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
        let plan = Plan::resolve(&ExperimentFile::find(&arguments.config)?, &arguments)?;
        let runs = runs(&plan, &load_mnist()?);
        let groups = together(&runs, plan.ensemble, backend, (784, 10));
        let name = |run: &&RunPlan<'_>| format!("{}:{}", run.method.name, run.header.seed);
        let text = |runs: &Vec<&RunPlan<'_>>| runs.iter().map(name).collect::<Vec<_>>().join(" ");
        Ok(groups.iter().map(text).collect())
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
        let found = groups(config, 4, Backend::Flex).unwrap();
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
        assert_eq!(groups(config, 1, Backend::Flex).unwrap().len(), 15);
    }

    #[test]
    fn an_ensemble_fits_into_the_buffers_of_a_gpu() {
        // 784 x 2048 weights are 6.1 MiB: 20 of them fit.
        let config = "seeds = 30
            model.hidden = [2048]";
        let sizes = |backend| {
            let groups = groups(config, 100, backend).unwrap();
            groups
                .iter()
                .map(|group| group.split(' ').count())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(Backend::Wgpu), [15, 15]);
        assert_eq!(sizes(Backend::Flex), [30]);
    }
}
