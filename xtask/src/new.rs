//! `cargo xtask new`: writes a config file; builds nothing.

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use downhill_cli::new::NewArguments;
use downhill_cli::print::print;

use crate::say::say;

/// Write a commented config file to start from
///
/// Exit codes: 0 written, 2 usage, or a file that exists or cannot be written.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    new: NewArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    Ok(match arguments.new.write() {
        Ok(text) => {
            print(&mut io::stdout(), &text)?;
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    })
}
