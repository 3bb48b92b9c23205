//! The command line of `cargo xtask bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `bench` takes.
#[derive(Args, Clone, Debug)]
pub struct BenchArguments {
    /// Only these suites, in this order [default: all]
    #[arg(value_enum, value_name = "SUITE")]
    pub suites: Vec<Suite>,

    /// How many turns each contender takes [default: 40, of `start` 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rounds: Option<u64>,

    /// Take PyTorch, JAX and NumPy in turns, too
    #[arg(long)]
    pub peers: bool,

    /// Build Burn a second time, with its default features, and take that in turns, too (minutes)
    #[arg(long)]
    pub burn_defaults: bool,

    /// A Python interpreter for the peers; may come several times, each peer takes the first that
    /// has its package [default: peers/bin/python under the target directory]
    #[arg(long = "python", value_name = "PATH", requires = "peers")]
    pub pythons: Vec<PathBuf>,

    /// Write every turn's seconds here, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Instead, count instructions under valgrind and compare them with those on record
    #[arg(long, conflicts_with_all = ["suites", "rounds", "peers", "burn_defaults", "json"])]
    pub instructions: bool,

    /// Put the counts on record instead of comparing them
    #[arg(long, requires = "instructions")]
    pub write: bool,
}

/// Benchmarks that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// The optimizer's update alone
    Update,
    /// Whole training steps
    Step,
    /// Many networks at once: network-steps per second with one and with two workers
    Many,
    /// From the start of the process to the first update, and memory at the peak
    Start,
}
