//! The command line of the binary `downhill`.

use std::path::{Path, PathBuf};

#[cfg(feature = "completions")]
use clap::CommandFactory;
use clap::{Args, Parser, Subcommand};

use crate::backend::Backend;
use crate::new::NewArguments;
use crate::train::TrainArguments;

/// Train small networks on MNIST and report what optimizers and regularizers do
#[derive(Parser, Debug)]
#[command(name = "downhill", version)]
pub struct CommandLine {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the binary.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Train the methods of an experiment and report the results
    ///
    /// Exit codes: 0 done, 2 usage or config, 3 data, 4 a run diverged or a gradient is wrong, 5
    /// input/output, a damaged record or a backend that does not start, 130 interrupted.
    Train(TrainArguments),
    /// Evaluate saved weights on the test images
    ///
    /// Exit codes: 0 evaluated, 2 usage or config, 3 bad data or a file that does not hold the
    /// network, 5 input/output or a backend that does not start.
    Evaluate(EvaluateArguments),
    /// List finished runs
    ///
    /// Exit codes: 0 listed, 2 usage, 5 input/output or, after the others are listed, a damaged
    /// record.
    Runs(RunsArguments),
    /// Render a report from existing runs, or compare several experiments on one page
    ///
    /// Exit codes: 0 written, 2 usage or no runs, 5 input/output or a damaged record.
    Report(ReportArguments),
    /// Write a commented config file to start from
    ///
    /// Exit codes: 0 written, 2 usage, or a file that exists or cannot be written.
    New(NewArguments),
    /// List the optimizers, or the settings of one in each library
    ///
    /// Exit codes: 0 listed, 2 usage or an unknown optimizer, 5 output.
    Optimizers(OptimizersArguments),
    /// Print the JSON schema of config files
    Schema,
    /// Generate shell completions
    #[cfg(feature = "completions")]
    Completions(CompletionsArguments),
}

/// Arguments of `evaluate`.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArguments {
    /// A safetensors file with the names and layout of the `state_dict` of a PyTorch
    /// `nn.Sequential`: for each hidden layer Linear, BatchNorm1d (if used), the activation and
    /// Dropout (if used), then a final Linear
    #[arg(value_name = "FILE", required_unless_present = "weights")]
    pub file: Option<PathBuf>,

    /// The same as FILE
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub weights: Option<PathBuf>,

    /// Config of the network: a file, or the name of an experiment in `configs/` [default: the
    /// config that `train --save-weights` stores in the file]
    #[arg(long, value_name = "NAME")]
    pub config: Option<String>,

    /// Method of the config; required if its methods have different networks
    #[arg(long, value_name = "NAME", requires = "config")]
    pub method: Option<String>,

    /// Override a setting of the config, e.g. `model.hidden=[50]`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "config")]
    pub overrides: Vec<String>,

    /// Backend that evaluates the network
    #[arg(long, value_enum, default_value_t = Backend::Flex, env = "DOWNHILL_BACKEND")]
    pub backend: Backend,

    /// Images to use instead of those of the config: the name of a set, or a directory, as for
    /// `train`
    #[arg(long, value_name = "DIR", env = "DOWNHILL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Also print how often the images of each class are taken for each other class
    #[arg(long)]
    pub confusion: bool,

    /// Also write the answer to each image, in the order of the test images: number, label, answer,
    /// its probability and that of the label, as CSV
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

impl EvaluateArguments {
    /// The file of weights.
    pub fn path(&self) -> &Path {
        let path = self.file.as_deref().or(self.weights.as_deref());
        path.unwrap_or(Path::new(""))
    }
}

/// Arguments of `report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArguments {
    /// Directories written by `train --runs-dir`, or directories of single runs. Runs of one
    /// experiment give a report, runs of several a comparison
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,

    /// Path of the page; its figures are written next to it [default: `reports/report.html` in the
    /// runs directory of the first DIR]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Also write the figures as PNG, next to the SVG files. With `cargo xtask`, the first use
    /// compiles the fonts and the renderer
    #[arg(long)]
    pub png: bool,
}

/// Arguments of `runs`.
#[derive(Args, Clone, Debug)]
pub struct RunsArguments {
    /// Directory of records and reports
    #[arg(
        long,
        value_name = "DIR",
        default_value = "runs",
        env = "DOWNHILL_RUNS_DIR"
    )]
    pub runs_dir: PathBuf,

    /// Print a line per run instead of one per experiment and method
    #[arg(long)]
    pub each: bool,

    /// Print JSON lines, an object per run
    #[arg(long, conflicts_with = "each")]
    pub json: bool,
}

/// Arguments of `optimizers`.
#[derive(Args, Clone, Debug, Default)]
pub struct OptimizersArguments {
    /// An optimizer, such as `adam`: its settings with the values of each preset, and what
    /// PyTorch, Keras, optax and pytorch_optimizer call them
    pub name: Option<String>,
}

/// Arguments of `completions`.
#[cfg(feature = "completions")]
#[derive(Args, Clone, Debug)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[cfg(feature = "completions")]
impl CompletionsArguments {
    /// Returns the completion script of the shell for the command line of `downhill`.
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
                "optimizers",
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
