//! `downhill`: trains small networks and reports what optimizers and regularizers do.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use downhill_trainer::cli::commands::{Command, CommandLine};
use downhill_trainer::cli::environment::parse;
use downhill_trainer::cli::print::{print, print_error, shortened};
use downhill_trainer::{
    Done, TrainArguments, TrainError, evaluate, is_training, list_optimizers, list_runs, report,
    train,
};

// Burn allocates and frees every tensor of every step, and glibc gives the larger ones back to the
// kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    report_large_files();
    #[cfg(all(target_os = "linux", feature = "wgpu"))]
    name_desktop();
    let out = &mut io::stdout();
    let result = match parse::<CommandLine>().command {
        Command::Train(arguments) => run(&arguments),
        Command::Evaluate(arguments) => evaluate(&arguments, out).map(|()| Done::Finished),
        Command::Runs(arguments) => list_runs(&arguments, out).map(|()| Done::Finished),
        Command::Report(arguments) => report(&arguments, out).map(|()| Done::Finished),
        Command::New(arguments) => {
            let written = arguments.write().map_err(TrainError::Config);
            let printed = written.and_then(|text| print(out, &text).map_err(TrainError::output));
            printed.map(|()| Done::Finished)
        }
        Command::Optimizers(arguments) => list_optimizers(&arguments, out).map(|()| Done::Finished),
        Command::Schema => print_schema(out).map(|()| Done::Finished),
        #[cfg(feature = "completions")]
        Command::Completions(arguments) => {
            let printed = print(out, &arguments.script()).map_err(TrainError::output);
            printed.map(|()| Done::Finished)
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
    print(out, &format!("{:#}\n", downhill_trainer::schema())).map_err(TrainError::output)
}

#[cfg(not(feature = "schema"))]
fn print_schema(_out: &mut io::Stdout) -> Result<(), TrainError> {
    let text = "schema: this program was built without the feature `schema`; build it with \
                `--features schema`, or run `cargo xtask schema`";
    Err(TrainError::Config(text.to_owned()))
}

/// Turns the signal that a file is too large (`ulimit -f`), which would end the process without a
/// word, into an error of the write.
fn report_large_files() {
    #[cfg(unix)]
    #[expect(unsafe_code, reason = "the standard library sets no signals")]
    // SAFETY: ignoring a signal runs no code.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Names a directory for the sockets of a desktop where there is none: a layer of Mesa's Vulkan
/// drivers, which looks for a desktop, would complain four times.
#[cfg(all(target_os = "linux", feature = "wgpu"))]
fn name_desktop() {
    const NAME: &str = "XDG_RUNTIME_DIR";
    if std::env::var_os(NAME).is_none_or(|directory| directory.is_empty()) {
        #[expect(unsafe_code, reason = "other threads could read the environment")]
        // SAFETY: there is no other thread yet.
        unsafe {
            std::env::set_var(NAME, "/nonexistent");
        }
    }
}

/// Trains. The first Ctrl-C stops the workers in order, the second ends the process. While no run
/// is trained, as in a gradient check or a report, the first ends it.
fn run(arguments: &TrainArguments) -> Result<Done, TrainError> {
    let handler = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) || !is_training() {
            std::process::exit(130);
        }
        complain("stopping; Ctrl-C again ends at once");
    });
    if let Err(error) = handler {
        complain(&format!(
            "warning: Ctrl-C will end the process at once: {error}"
        ));
    }
    train(arguments, &mut io::stdout(), &STOP)
}

fn complain(text: &str) {
    print_error(&format!("{}\n", shortened(text)));
}
