//! The command line of `downhill`, which programs with optimizers of their own extend.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use downhill::OptimizerConfig;
use downhill::custom::{CustomConfig, RegisterError};
use downhill_cli::commands::{Command, CommandLine};
use downhill_cli::environment::parse;
use downhill_cli::print::{print, print_error, shortened};
use downhill_cli::train::TrainArguments;

use crate::code::include_executable;
use crate::commands::evaluate::evaluate;
use crate::commands::optimizers::list_optimizers;
use crate::commands::report::report;
use crate::commands::runs::list_runs;
use crate::commands::train::train;
#[cfg(feature = "schema")]
use crate::config::schema::schema;
use crate::done::Done;
use crate::error::TrainError;
use crate::runs::pool::is_training;

static STOP: AtomicBool = AtomicBool::new(false);

/// A program with the command line of `downhill`, to which optimizers of your own can be added.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use downhill_trainer::Laboratory;
/// # use downhill::custom::{CustomConfig, CustomOptimizer};
/// # #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// # struct MyConfig;
/// # impl CustomConfig for MyConfig {
/// #     const NAME: &'static str = "mine";
/// #     fn learning_rate(&self) -> f64 {
/// #         1.0
/// #     }
/// #     fn build(&self) -> Result<CustomOptimizer, downhill::InvalidHyperparameter> {
/// #         Ok(downhill::SgdConfig::torch().build()?.into())
/// #     }
/// # }
///
/// fn main() -> ExitCode {
///     Laboratory::new().with_optimizer::<MyConfig>().main()
/// }
/// ```
///
/// Experiments then name it by its [`CustomConfig::NAME`], as `optimizer.mine`, wherever they name
/// an optimizer. `examples/own-optimizer` is such a program.
///
/// The laboratory does not see the sources of your optimizer. It identifies the code of a run by
/// the executable instead. When the executable changes, all runs are trained again.
#[derive(Debug, Default)]
pub struct Laboratory {
    optimizers: Vec<Result<(), RegisterError>>,
}

impl Laboratory {
    /// The command line of `downhill`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an optimizer.
    pub fn with_optimizer<C: CustomConfig>(mut self) -> Self {
        self.optimizers.push(OptimizerConfig::register::<C>());
        self
    }

    /// Runs the command that the arguments of the process name, and returns its exit code. An
    /// optimizer whose name is taken ends it with exit code 2. Call it first in `main`, before any
    /// thread is started: it sets an environment variable and handlers of signals.
    pub fn main(self) -> ExitCode {
        report_large_files();
        #[cfg(all(target_os = "linux", feature = "wgpu"))]
        name_desktop();
        match self.run() {
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

    fn run(self) -> Result<Done, TrainError> {
        if !self.optimizers.is_empty() {
            include_executable()?;
        }
        for registered in self.optimizers {
            registered.map_err(|error| TrainError::Config(error.to_string()))?;
        }
        let out = &mut io::stdout();
        let printed = match parse::<CommandLine>().command {
            Command::Train(arguments) => return run_training(&arguments),
            Command::Evaluate(arguments) => evaluate(&arguments, out),
            Command::Runs(arguments) => list_runs(&arguments, out),
            Command::Report(arguments) => report(&arguments, out),
            Command::New(arguments) => {
                let text = arguments.write().map_err(TrainError::Config)?;
                print(out, &text).map_err(TrainError::output)
            }
            Command::Optimizers(arguments) => list_optimizers(&arguments, out),
            Command::Schema => print_schema(out),
            #[cfg(feature = "completions")]
            Command::Completions(arguments) => {
                print(out, &arguments.script()).map_err(TrainError::output)
            }
        };
        printed.map(|()| Done::Finished)
    }
}

#[cfg(feature = "schema")]
fn print_schema(out: &mut io::Stdout) -> Result<(), TrainError> {
    print(out, &format!("{:#}\n", schema())).map_err(TrainError::output)
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
fn run_training(arguments: &TrainArguments) -> Result<Done, TrainError> {
    let handler = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) || !is_training() {
            std::process::exit(130);
        }
        complain("stopping; Ctrl-C again ends at once");
    });
    #[cfg(unix)]
    stop_before_the_limit();
    if let Err(error) = handler {
        complain(&format!(
            "warning: Ctrl-C will end the process at once: {error}"
        ));
    }
    train(arguments, &mut io::stdout(), &STOP)
}

/// Stops in order at SIGUSR1, which Slurm sends before the limit of a job if asked to.
#[cfg(unix)]
fn stop_before_the_limit() {
    extern "C" fn stop(_signal: libc::c_int) {
        STOP.store(true, Ordering::Relaxed);
    }
    #[expect(unsafe_code, reason = "the standard library handles no signals")]
    // SAFETY: the handler does nothing but set an atomic flag.
    unsafe {
        libc::signal(libc::SIGUSR1, stop as *const () as libc::sighandler_t);
    }
}

fn complain(text: &str) {
    print_error(&format!("{}\n", shortened(text)));
}
