//! The project's commands: `cargo xtask train`, `test`, `bench`, `check`, `data` and those that
//! read what a training left.
//!
//! It starts cargo and never links Burn: so it is built in seconds, and refuses what cannot work
//! before anything large is built.

mod bench;
mod cargo;
mod check;
mod data;
mod fuzz;
mod interface;
mod layers;
mod lines;
mod new;
mod part;
mod reading;
mod round_trips;
mod say;
mod summary;
mod test;
mod train;
mod vulkan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use say::say;
use summary::MISSING;

/// The project's commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Check(check::Arguments),
    Data(data::Arguments),
    Evaluate(reading::Evaluate),
    Runs(reading::Runs),
    Report(reading::Report),
    New(new::Arguments),
    Optimizers(reading::Optimizers),
    Schema(reading::Schema),
    Completions(reading::Completions),
}

fn main() -> ExitCode {
    let result = match downhill_cli::environment::parse::<Arguments>().command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Data(arguments) => data::run(&arguments),
        Command::Evaluate(arguments) => arguments.run(),
        Command::Runs(arguments) => arguments.run(),
        Command::Report(arguments) => arguments.run(),
        Command::New(arguments) => new::run(&arguments),
        Command::Optimizers(arguments) => arguments.run(),
        Command::Schema(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run(),
    };
    result.unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        ExitCode::from(MISSING)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_unknown_backend_is_refused_with_those_there_are() {
        for command in ["train", "test"] {
            let parsed = Arguments::try_parse_from(["xtask", command, "--backend", "cuda"]);
            let Err(error) = parsed else {
                panic!("{command} takes an unknown backend");
            };
            assert_eq!(
                (error.kind(), error.exit_code()),
                (ErrorKind::InvalidValue, 2)
            );
            assert!(error.to_string().contains("flex, ndarray, wgpu"), "{error}");
        }
    }
}
