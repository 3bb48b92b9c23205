//! `downhill`: trains small networks and shows what optimizers and regularizers do.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use downhill_trainer::{Done, TrainArguments, train};

// Burn allocates and frees every tensor of every step, and glibc gives the larger ones back to the
// kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains small networks on MNIST and shows what optimizers and regularizers do
#[derive(Parser)]
#[command(name = "downhill", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run an experiment: a table, and a report in HTML
    Train(TrainArguments),
}

static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let Command::Train(arguments) = Cli::parse().command;
    // The first Ctrl-C lets the workers end in order, the second ends the process.
    let handler = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handler {
        complain(&format!("Ctrl-C will not stop in order: {error}"));
    }
    match train(&arguments, &mut io::stdout(), &STOP) {
        Ok(done) => {
            if let Done::Diverged { runs } = done {
                complain(&format!(
                    "{runs} runs diverged: their loss stopped being finite"
                ));
            }
            ExitCode::from(done.exit_code())
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
