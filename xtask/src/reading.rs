//! `cargo xtask evaluate`, `runs`, `report`, `schema` and `completions`: what needs the trainer and trains
//! nothing.

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory};

use crate::backend::Backend;
use crate::cli::commands::{
    CommandLine, CompletionsArguments, EvaluateArguments, ReportArguments, RunsArguments,
};
use crate::train::become_trainer;

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
        become_trainer("evaluate", self.arguments.backend)
    }
}

/// List the finished runs that are there: experiment, method, seeds, accuracy, when, directory
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
        become_trainer("runs", Backend::Flex)
    }
}

/// Render a page from runs that are there, or of several experiments beside each other
///
/// Exit codes: 0 written, 2 usage or no runs, 5 input/output or a damaged record, 101 the build failed.
#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    _arguments: ReportArguments,
}

impl Report {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("report", Backend::Flex)
    }
}

/// Print the JSON schema of a config file, for editors and programs
///
/// Exit codes: 0 printed, 2 usage, 101 the build failed.
#[derive(Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        become_trainer("schema", Backend::Flex)
    }
}

/// Print what makes a shell complete the words of the binary `downhill`; builds nothing
///
/// For bash, say: cargo xtask completions bash > ~/.local/share/bash-completion/completions/downhill
#[derive(Args)]
pub(crate) struct Completions {
    #[command(flatten)]
    arguments: CompletionsArguments,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut command = CommandLine::command();
        // Into memory first: a closed stream is no reason to fail.
        let mut script = Vec::new();
        clap_complete::generate(self.arguments.shell, &mut command, "downhill", &mut script);
        let _ = io::Write::write_all(&mut io::stdout(), &script);
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_shell_knows_the_commands_and_their_words() {
        CommandLine::command().debug_assert();
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut CommandLine::command(), "downhill", &mut script);
            let script = String::from_utf8(script).unwrap();
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
