//! `downhill`: trains small networks and reports what optimizers and regularizers do.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use downhill_trainer::cli::commands::{Command, CommandLine};
use downhill_trainer::cli::environment::parse;
use downhill_trainer::cli::print::print;
use downhill_trainer::{Done, TrainArguments, TrainError, evaluate, list_runs, report, train};

// Burn allocates and frees every tensor of every step, and glibc gives the larger ones back to the
// kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let out = &mut io::stdout();
    let result = match parse::<CommandLine>().command {
        Command::Train(arguments) => run(&arguments),
        Command::Evaluate(arguments) => evaluate(&arguments, out).map(|()| Done::Finished),
        Command::Runs(arguments) => list_runs(&arguments, out).map(|()| Done::Finished),
        Command::Report(arguments) => report(&arguments, out).map(|()| Done::Finished),
        Command::Schema => print_schema(out).map(|()| Done::Finished),
        #[cfg(feature = "completions")]
        Command::Completions(arguments) => {
            print(out, &arguments.script());
            Ok(Done::Finished)
        }
    };
    match result {
        Ok(done) => {
            if let Done::Diverged { runs } = done {
                complain(&format!("{runs} runs diverged: their loss was not finite"));
            }
            ExitCode::from(done.exit_code())
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

#[cfg(feature = "schema")]
fn print_schema(out: &mut io::Stdout) -> Result<(), TrainError> {
    print(out, &format!("{:#}\n", downhill_trainer::schema()));
    Ok(())
}

#[cfg(not(feature = "schema"))]
fn print_schema(_out: &mut io::Stdout) -> Result<(), TrainError> {
    let text = "schema: this program was built without the feature `schema`; build it with \
                `--features schema`, or run `cargo xtask schema`";
    Err(TrainError::Config(text.to_owned()))
}

/// Trains. The first Ctrl-C stops the workers in order, the second ends the process.
fn run(arguments: &TrainArguments) -> Result<Done, TrainError> {
    let handler = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handler {
        complain(&format!(
            "warning: Ctrl-C will end the process at once: {error}"
        ));
    }
    train(arguments, &mut io::stdout(), &STOP)
}

fn complain(text: &str) {
    print(&mut io::stderr(), &format!("{text}\n"));
}
