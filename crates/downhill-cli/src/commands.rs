//! The command line of the binary `downhill`.

use std::path::PathBuf;

#[cfg(feature = "completions")]
use clap::CommandFactory;
use clap::{Args, Parser, Subcommand};

use crate::backend::Backend;
use crate::train::TrainArguments;

/// Trains small networks on MNIST and shows what optimizers and regularizers do
#[derive(Parser, Debug)]
#[command(name = "downhill", version)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run an experiment: a table, and a report in HTML
    Train(TrainArguments),
    /// Evaluate a network from a file of weights on the test images
    Evaluate(EvaluateArguments),
    /// List the finished runs that are there
    Runs(RunsArguments),
    /// Render a page from runs that are there, or of several experiments beside each other
    Report(ReportArguments),
    /// Print the JSON schema of a config file
    Schema,
    /// Generate shell completions
    #[cfg(feature = "completions")]
    Completions(CompletionsArguments),
}

/// What `evaluate` takes.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArguments {
    /// The file, in the safetensors format, named and laid out as the `state_dict` of a PyTorch
    /// `nn.Sequential`: per hidden layer Linear, BatchNorm1d if any, activation, Dropout if any;
    /// then Linear
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,

    /// The config of its network: a file, or one of `configs/` by its stem [default: the one that a
    /// file by `train --save-weights` carries]
    #[arg(long, value_name = "NAME")]
    pub config: Option<String>,

    /// Which method of the config, where it has several
    #[arg(long, value_name = "NAME", requires = "config")]
    pub method: Option<String>,

    /// Override one value of the config, e.g. `model.hidden=[50]`
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "config")]
    pub overrides: Vec<String>,

    /// Where tensors live and are computed
    #[arg(long, value_enum, default_value_t = Backend::Flex, env = "DOWNHILL_BACKEND")]
    pub backend: Backend,

    /// Read the four IDX files (raw or gzip) from here instead of the MNIST shipped inside
    #[arg(long, value_name = "DIR", env = "DOWNHILL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Print one JSON object instead of a line of text
    #[arg(long)]
    pub json: bool,
}

/// What `report` takes.
#[derive(Args, Clone, Debug)]
pub struct ReportArguments {
    /// Directories of runs, as `train --runs-dir` makes them, or those of single runs; what they hold
    /// of one experiment is one report, several experiments are compared
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,

    /// The page; its figures are written beside it
    #[arg(long, value_name = "FILE", default_value = "runs/reports/report.html")]
    pub out: PathBuf,
}

/// What `runs` takes.
#[derive(Args, Clone, Debug)]
pub struct RunsArguments {
    /// Where records and reports are
    #[arg(
        long,
        value_name = "DIR",
        default_value = "runs",
        env = "DOWNHILL_RUNS_DIR"
    )]
    pub runs_dir: PathBuf,

    /// A line per run instead of one per experiment and method
    #[arg(long)]
    pub each: bool,

    /// Print a JSON object per run
    #[arg(long, conflicts_with = "each")]
    pub json: bool,
}

/// Arguments of `completions`.
#[cfg(feature = "completions")]
#[derive(Args, Clone, Debug)]
pub struct CompletionsArguments {
    /// Which shell
    pub shell: clap_complete::Shell,
}

#[cfg(feature = "completions")]
impl CompletionsArguments {
    /// Returns the script with which the shell completes the command line of `downhill`.
    pub fn script(&self) -> String {
        let mut script = Vec::new();
        let mut command = CommandLine::command();
        clap_complete::generate(self.shell, &mut command, "downhill", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

#[cfg(all(test, feature = "completions"))]
mod tests {
    use clap::ValueEnum;
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_shell_completes_commands_and_values() {
        CommandLine::command().debug_assert();
        for &shell in Shell::value_variants() {
            let script = CompletionsArguments { shell }.script();
            let mut words = vec![
                "train",
                "evaluate",
                "runs",
                "report",
                "schema",
                "save-weights",
            ];
            if matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish) {
                words.push("ndarray");
            }
            for word in words {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
