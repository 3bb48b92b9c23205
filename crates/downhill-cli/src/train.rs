//! The command line of `train`.

use std::path::PathBuf;

use clap::Args;

use crate::backend::Backend;

/// What `train` takes.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct TrainArguments {
    /// A config file, or one of `configs/` by its stem
    #[arg(default_value = "regularization")]
    pub config: String,

    /// Where tensors live and are computed
    #[arg(long, value_enum, default_value_t = Backend::Flex, env = "DOWNHILL_BACKEND")]
    pub backend: Backend,

    /// Override one value of the config, e.g. `optimizer.sgd.learning_rate=0.02`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Run this one seed
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,

    /// Run the seeds 0 to N - 1 instead of the config's own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub seeds: Option<u64>,

    /// Only these of the experiment's methods, by name
    #[arg(long = "method", value_name = "NAME")]
    pub methods: Vec<String>,

    /// Print the resolved config, where each value comes from, the runs and how long they will take,
    /// and stop
    #[arg(long)]
    pub dry_run: bool,

    /// Show no progress, only what was found
    #[arg(long)]
    pub quiet: bool,

    /// Train again even where finished runs are there; their records are replaced
    #[arg(long)]
    pub again: bool,

    /// Read the four IDX files (raw or gzip) from here instead of the MNIST shipped inside
    #[arg(long, value_name = "DIR", env = "DOWNHILL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Where records and reports go
    #[arg(
        long,
        value_name = "DIR",
        default_value = "runs",
        env = "DOWNHILL_RUNS_DIR"
    )]
    pub runs_dir: PathBuf,

    /// How many runs train at the same time [default: one per core on the CPU, one on wgpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub workers: Option<u64>,

    /// How many runs that differ in their seed or learning rate alone train as one ensemble of
    /// networks, which spares a GPU launches [default: 1 on the CPU, 32 on wgpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub ensemble: Option<u64>,

    /// What is written and shown beside records and report.
    #[command(flatten)]
    pub output: OutputArguments,
}

impl Default for TrainArguments {
    fn default() -> Self {
        Self {
            config: "regularization".into(),
            backend: Backend::Flex,
            overrides: Vec::new(),
            seed: None,
            seeds: None,
            methods: Vec::new(),
            dry_run: false,
            quiet: false,
            again: false,
            data_dir: None,
            runs_dir: "runs".into(),
            workers: None,
            ensemble: None,
            output: OutputArguments::default(),
        }
    }
}

impl TrainArguments {
    /// Runs that train at the same time.
    pub fn workers(&self) -> usize {
        let workers = self.workers.map(|workers| workers as usize);
        workers.unwrap_or_else(|| self.backend.default_workers())
    }

    /// Runs that train as one ensemble of networks, at most.
    pub fn ensemble(&self) -> usize {
        let members = self.ensemble.map(|members| members as usize);
        members.unwrap_or_else(|| self.backend.default_ensemble())
    }
}

/// What `train` writes and shows beside records and report.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct OutputArguments {
    /// On the standard output nothing but JSON: an object per finished run, as it finishes, and a
    /// last one with the report's path and what was found
    #[arg(long, conflicts_with = "dry_run")]
    pub json: bool,

    /// Write event files for TensorBoard, a directory per run: DIR/EXPERIMENT/METHOD/SEED; what is
    /// there of the same three is replaced [default DIR: `tensorboard` in the runs directory]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub tensorboard: Option<Option<PathBuf>>,

    /// Keep each trained network beside its record, as weights.safetensors, under the names and in
    /// the layout of a PyTorch `nn.Sequential`
    #[arg(long)]
    pub save_weights: bool,
}
