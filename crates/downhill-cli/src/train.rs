//! The command line of `train`.

use std::path::PathBuf;

use clap::Args;

use crate::backend::Backend;
use crate::checkpoint::CheckpointEvery;

/// Arguments of `train`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct TrainArguments {
    /// A config file, or the name of an experiment: of `configs/` here or above, or inside the
    /// program
    #[arg(default_value = "regularization")]
    pub config: String,

    /// Print the experiments, a line each with its question; train nothing
    #[arg(long, conflicts_with_all = ["dry_run", "json"])]
    pub list: bool,

    /// Backend that trains the networks
    #[arg(long, value_enum, default_value_t = Backend::Flex, env = "DOWNHILL_BACKEND")]
    pub backend: Backend,

    /// Override a setting of the config, e.g. `optimizer.sgd.learning_rate=0.02`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Run this seed only
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,

    /// Run the seeds 0 to N - 1 instead of the number in the config
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub seeds: Option<u64>,

    /// Train only this method of the experiment; may be repeated
    #[arg(long = "method", value_name = "NAME")]
    pub methods: Vec<String>,

    /// Print the resolved config with the origin of each value, the runs and the estimated time;
    /// train nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Hide progress; print results only
    #[arg(long)]
    pub quiet: bool,

    /// Train finished runs again and replace their records. If it is interrupted, repeat the
    /// command: it trains those that are left
    #[arg(long)]
    pub again: bool,

    /// Save a checkpoint of each run that is being trained after so many updates (1000) or seconds
    /// (30s), or never. A command that is repeated continues from it. The time between two is
    /// longer if saving would take over 1 % of it
    #[arg(long, value_name = "N", default_value_t = CheckpointEvery::DEFAULT)]
    pub checkpoint_every: CheckpointEvery,

    /// Images to use instead of those of the config: the name of a set, such as `fashion-mnist`, or
    /// a directory of four IDX files (raw or gzip) or of PNG files in `train/CLASS` and
    /// `test/CLASS`
    #[arg(long, value_name = "DIR", env = "DOWNHILL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Directory for records and reports
    #[arg(
        long,
        value_name = "DIR",
        default_value = "runs",
        env = "DOWNHILL_RUNS_DIR"
    )]
    pub runs_dir: PathBuf,

    /// Runs to train at the same time [default: one per core on the CPU, one on wgpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub workers: Option<u64>,

    /// Train up to N runs that differ only in seed or learning rate as one ensemble of networks,
    /// which launches fewer GPU kernels [default: 1 on the CPU, 32 on wgpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub ensemble: Option<u64>,

    /// Further output.
    #[command(flatten)]
    pub output: OutputArguments,
}

impl Default for TrainArguments {
    fn default() -> Self {
        Self {
            config: "regularization".into(),
            list: false,
            backend: Backend::Flex,
            overrides: Vec::new(),
            seed: None,
            seeds: None,
            methods: Vec::new(),
            dry_run: false,
            quiet: false,
            again: false,
            checkpoint_every: CheckpointEvery::DEFAULT,
            data_dir: None,
            runs_dir: "runs".into(),
            workers: None,
            ensemble: None,
            output: OutputArguments::default(),
        }
    }
}

impl TrainArguments {
    /// Number of runs that train at the same time.
    pub fn workers(&self) -> usize {
        let workers = self.workers.map(|workers| workers as usize);
        workers.unwrap_or_else(|| self.backend.default_workers())
    }

    /// The largest number of runs that train as one ensemble.
    pub fn ensemble(&self) -> usize {
        let members = self.ensemble.map(|members| members as usize);
        members.unwrap_or_else(|| self.backend.default_ensemble())
    }
}

/// Output of `train` beyond records and report.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct OutputArguments {
    /// Print only JSON lines to stdout, an object on each: one per run when it finishes, then a
    /// summary with the findings and the path of the report
    #[arg(long, conflicts_with = "dry_run")]
    pub json: bool,

    /// Write TensorBoard event files to DIR/EXPERIMENT/METHOD/SEED, replacing those of earlier runs
    /// [default DIR: `tensorboard` in the runs directory]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub tensorboard: Option<Option<PathBuf>>,

    /// Save each trained network next to its record as weights.safetensors, with the names and
    /// layout of a PyTorch `nn.Sequential`. Finished runs without saved weights are trained again
    #[arg(long)]
    pub save_weights: bool,

    /// Also write the report's figures as PNG, next to the SVG files. With `cargo xtask`, the first
    /// use compiles the fonts and the renderer
    #[arg(long)]
    pub png: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        arguments: TrainArguments,
    }

    #[test]
    fn the_default_is_the_command_line_without_words() {
        let words = Words::parse_from(["train"]);
        assert_eq!(words.arguments, TrainArguments::default());
    }
}
