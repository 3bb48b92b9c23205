//! Command lines whose options may stand in environment variables.

use std::env;

use clap::builder::Resettable;
use clap::{Arg, Command, Parser};

/// Parses the command line of the process. An environment variable that is empty counts as unset.
pub fn parse<T: Parser>() -> T {
    let matches = without_empty(T::command()).get_matches();
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut T::command()).exit())
}

/// The command with no option that is read from an empty variable.
fn without_empty(command: Command) -> Command {
    let unless_empty = |argument: Arg| {
        let variable = argument.get_env().and_then(env::var_os);
        match variable.is_some_and(|value| value.is_empty()) {
            true => argument.env(Resettable::Reset),
            false => argument,
        }
    };
    command
        .mut_args(unless_empty)
        .mut_subcommands(without_empty)
}

#[cfg(test)]
mod tests {
    use std::process;

    use clap::CommandFactory;

    use super::*;
    use crate::commands::CommandLine;

    const VARIABLES: [&str; 3] = ["DOWNHILL_RUNS_DIR", "DOWNHILL_DATA_DIR", "DOWNHILL_BACKEND"];

    #[test]
    fn an_empty_variable_counts_as_unset() {
        if VARIABLES
            .iter()
            .any(|name| env::var_os(name).is_none_or(|value| !value.is_empty()))
        {
            // The same test again, in a process that has the variables.
            let name = "environment::tests::an_empty_variable_counts_as_unset";
            let status = process::Command::new(env::current_exe().expect("this test"))
                .args(["--exact", name])
                .envs(VARIABLES.map(|name| (name, "")))
                .status();
            assert!(status.expect("it starts").success());
            return;
        }
        let words = ["downhill", "train", "two-layer"];
        assert!(CommandLine::command().try_get_matches_from(words).is_err());
        let matches = without_empty(CommandLine::command()).try_get_matches_from(words);
        let matches = matches.expect("the variables count as unset");
        let train = matches.subcommand_matches("train").expect("train");
        assert!(train.get_one::<std::path::PathBuf>("data_dir").is_none());
        let runs = train
            .get_one::<std::path::PathBuf>("runs_dir")
            .expect("a default");
        assert_eq!(runs.to_str(), Some("runs"));
    }
}
