//! The project's benchmarks. `cargo xtask bench --help` says how they are called, BENCHMARKS.md
//! what they gave.
//!
//! Contenders take turns of a few steps, one at a time, round by round in one run, so that whatever
//! slows the machine slows them all. Ours, Burn's and the floor run in this process, with the
//! profile and the allocator of the trainer; peers are processes that wait for their turn. A figure
//! is the median of the rounds with its quartiles; a ratio is the median of the rounds' ratios.

mod contender;
mod data;
mod failure;
mod floor;
mod instructions;
mod machine;
mod optimizers;
mod peer;
mod report;
mod serve;
mod statistics;
mod suites;
mod table;
mod temporary;
mod training;
mod workload;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use data::Data;
use downhill_cli::bench::{BenchArguments, Suite};
use failure::Failure;
use instructions::Work;
use report::Report;
use suites::Wanted;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The project's benchmarks; to be run by `cargo xtask bench`
#[derive(Parser)]
#[command(name = "downhill-bench")]
struct Arguments {
    #[command(flatten)]
    bench: BenchArguments,

    /// Waits for its turns at training this workload, as peers do
    #[arg(long, hide = true, value_name = "JSON")]
    serve: Option<String>,

    /// This program, built with Burn's default features
    #[arg(long, hide = true, value_name = "PROGRAM")]
    burn_with_defaults: Option<PathBuf>,

    /// The binary of the trainer
    #[arg(long, hide = true, value_name = "PROGRAM")]
    downhill: Option<PathBuf>,

    /// Only does this work, for its instructions to be counted
    #[arg(long, hide = true, value_name = "WORK")]
    perform: Option<Work>,

    /// How often
    #[arg(long, hide = true, value_name = "N", default_value_t = 1)]
    times: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(task) = &arguments.serve {
        serve::serve(task)?;
    } else if let Some(work) = arguments.perform {
        instructions::perform(work, arguments.times)?;
    } else if arguments.bench.instructions {
        instructions::run(arguments.bench.write)?;
    } else {
        take_turns(arguments)?;
    }
    Ok(())
}

fn take_turns(all: &Arguments) -> Result<(), Failure> {
    let arguments = &all.bench;
    if arguments.peers && arguments.pythons.is_empty() {
        return Err("--peers needs --python, which `cargo xtask bench` finds by itself".into());
    }
    let networks = arguments.networks.iter().copied().map(usize::try_from);
    let wanted = Wanted {
        rounds: arguments.rounds.map(usize::try_from).transpose()?,
        pythons: arguments.pythons.clone(),
        burn_with_defaults: all.burn_with_defaults.clone(),
        backend: arguments.backend,
        networks: networks.collect::<Result<_, _>>()?,
        threads: arguments.threads.unwrap_or(1).try_into()?,
        downhill: all.downhill.clone(),
    };
    let suites = arguments.suites();
    if suites.contains(&Suite::Launches) {
        // CubeCL reads where to log before a device is opened.
        return match suites {
            [_] => suites::launches::run(&wanted),
            _ => Err("the suite `launches` must run alone".into()),
        };
    }
    let mut report = Report::new()?;
    let data = Data::load()?;
    for suite in suites {
        match suite {
            Suite::Update => suites::update::run(&wanted, &mut report)?,
            Suite::Step => suites::step::run(&wanted, &data, &mut report)?,
            Suite::Many => suites::many::run(&wanted, &data, &mut report)?,
            Suite::Start => suites::start::run(&wanted, &data, &mut report)?,
            Suite::Ensemble => suites::ensemble::run(&wanted, &data, &mut report)?,
            Suite::Convolution => suites::convolution::run(&wanted, &data, &mut report)?,
            Suite::Launches => {}
        }
        if let Some(file) = &arguments.json {
            report.write(file)?;
        }
    }
    Ok(())
}
