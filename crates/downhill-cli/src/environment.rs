//! Command lines whose options may stand in environment variables.

use std::ffi::OsString;
use std::{env, process};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, Command, Parser};

use crate::print::{print_error, shortened};

/// Parses the command line of the process. An environment variable that is empty counts as unset.
pub fn parse<T: Parser>() -> T {
    let words: Vec<OsString> = env::args_os().collect();
    match parsed(&words) {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            print_error(&shortened(&answer(&error, &words)));
            process::exit(error.exit_code());
        }
    }
}

/// The text of an error, with advice in place of the tip to pass an option as a value.
fn answer(error: &clap::Error, words: &[OsString]) -> String {
    let text = error.to_string();
    let Some(advice) = advice(words).filter(|_| is_unknown(error)) else {
        return text;
    };
    let lines = text
        .lines()
        .map(|line| match line.trim_start().starts_with("tip: ") {
            true => format!("  {advice}\n"),
            false => format!("{line}\n"),
        });
    lines.collect()
}

fn is_unknown(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::UnknownArgument
}

fn parsed<T: Parser>(words: &[OsString]) -> Result<T, clap::Error> {
    let parse = |words: &[OsString]| {
        let matches = without_empty(T::command()).try_get_matches_from(words)?;
        T::from_arg_matches(&matches).map_err(|error| error.format(&mut T::command()))
    };
    parse(words).or_else(|error| match with_joined_value(words) {
        Some(joined) if is_unknown(&error) => parse(&joined).map_err(|_| error),
        _ => Err(error),
    })
}

/// The words with `--tensorboard DIR` written as `--tensorboard=DIR`, which an option with an
/// optional value needs.
fn with_joined_value(words: &[OsString]) -> Option<Vec<OsString>> {
    let at = words.iter().position(|word| word == "--tensorboard")?;
    let value = words.get(at + 1)?;
    let mut joined = words.to_vec();
    joined[at].push("=");
    joined[at].push(value);
    joined.remove(at + 1);
    Some(joined)
}

/// What to write in place of an option that other programs have.
fn advice(words: &[OsString]) -> Option<String> {
    let advice = words.iter().find_map(|word| {
        let word = word.to_str()?.split('=').next()?;
        let advice = match word {
            "--epochs" | "--epoch" => "set the number of epochs, as in `--set training.epochs=20`",
            "--steps" | "--updates" | "--iterations" => {
                "set the number of updates, as in `--set training.updates=1000`"
            }
            "--lr" | "--learning-rate" => {
                "set the rate of the optimizer, as in `--set optimizer.adam.learning_rate=1e-3`"
            }
            "--optimizer" => "set the optimizer, as in `--set optimizer.adam.preset=torch`",
            "--batch-size" | "--batch" => "set the batch, as in `--set training.batch=128`",
            "--config" => "the config is an argument without an option: `train FILE`",
            "--device" | "--gpu" | "--cuda" => "choose a backend, as in `--backend wgpu`",
            "--output" | "--out" | "--output-dir" => {
                "choose the directory of records and reports with `--runs-dir DIR`"
            }
            "--data" | "--dataset" => "choose the images with `--data-dir DIR`",
            _ => return None,
        };
        Some(format!("{word}: {advice}"))
    })?;
    Some(advice)
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

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_directory_of_event_files_may_follow_its_option() {
        for (text, config) in [
            ("downhill train lenet --tensorboard logs", "lenet"),
            ("downhill train --tensorboard logs lenet", "lenet"),
            ("downhill train --tensorboard=logs lenet", "lenet"),
        ] {
            let line: CommandLine = parsed(&words(text)).expect("it is parsed");
            let crate::commands::Command::Train(train) = line.command else {
                panic!("{text}");
            };
            assert_eq!(train.config, config, "{text}");
            assert_eq!(
                train.output.tensorboard,
                Some(Some("logs".into())),
                "{text}"
            );
        }
        let wrong = words("downhill train lenet --tensorboard --epochs 3");
        assert!(parsed::<CommandLine>(&wrong).is_err_and(|error| is_unknown(&error)));
    }

    #[test]
    fn options_of_other_programs_are_answered() {
        for (text, expected) in [
            (
                "downhill train --epochs=3",
                "--epochs: set the number of epochs",
            ),
            (
                "downhill train seeds --lr 0.1",
                "--set optimizer.adam.learning_rate",
            ),
            ("downhill train --config a", "an argument without an option"),
        ] {
            let error = parsed::<CommandLine>(&words(text)).expect_err(text);
            let answer = answer(&error, &words(text));
            assert!(answer.contains(expected), "{answer}");
            assert!(!answer.contains("as a value"), "{answer}");
        }
        assert_eq!(advice(&words("downhill train --sett")), None);
    }

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
