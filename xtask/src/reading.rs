//! `cargo xtask evaluate`, `runs`, `report`, `optimizers`, `schema` and `completions`: what needs
//! the trainer and trains nothing.

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::train::become_trainer;
use downhill_cli::backend::Backend;
use downhill_cli::commands::{
    CompletionsArguments, EvaluateArguments, OptimizersArguments, ReportArguments, RunsArguments,
};
use downhill_cli::print::print;

/// Evaluate a network from a file of weights, by `train --save-weights` or by PyTorch, on the test
/// images
///
/// Exit codes: 0 evaluated, 2 usage or config, 3 bad data or a file that does not hold the network,
/// 5 input/output or no Vulkan driver, 101 the build failed.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    arguments: EvaluateArguments,
}

impl Evaluate {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("evaluate", self.arguments.backend, None)
    }
}

/// List finished runs: experiment, method, seeds, accuracy, date, directory
///
/// Exit codes: 0 listed, 2 usage, 5 input/output or, after the others are listed, a damaged record,
/// 101 the build failed.
#[derive(Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    _arguments: RunsArguments,
}

impl Runs {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("runs", Backend::Flex, None)
    }
}

/// Render a report from existing runs, or compare several experiments on one page
///
/// Exit codes: 0 written, 2 usage or no runs, 5 input/output or a damaged record, 101 the build
/// failed.
#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    arguments: ReportArguments,
}

impl Report {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let png = self.arguments.png.then_some("png");
        become_trainer("report", Backend::Flex, png)
    }
}

/// List the optimizers, or the settings of one: the values of each preset, and what PyTorch, Keras,
/// optax and pytorch_optimizer call them
///
/// Exit codes: 0 listed, 2 usage or an unknown optimizer, 5 output, 101 the build failed.
#[derive(Args)]
pub(crate) struct Optimizers {
    #[command(flatten)]
    _arguments: OptimizersArguments,
}

impl Optimizers {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("optimizers", Backend::Flex, None)
    }
}

/// Print the JSON schema of a config file, for editors and programs
///
/// Exit codes: 0 printed, 2 usage, 101 the build failed.
#[derive(Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("schema", Backend::Flex, Some("schema"))
    }
}

/// Print a completion script for the binary `downhill`; builds nothing
///
/// For bash, run: cargo xtask completions bash >
/// ~/.local/share/bash-completion/completions/downhill
#[derive(Args)]
pub(crate) struct Completions {
    #[command(flatten)]
    arguments: CompletionsArguments,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        print(&mut io::stdout(), &self.arguments.script())?;
        Ok(ExitCode::SUCCESS)
    }
}
