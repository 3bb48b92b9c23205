//! The command line of `cargo xtask bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::backend::Backend;

/// Arguments of `bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArguments {
    /// Suites to run, in this order [default: update step many start]
    #[arg(value_enum, value_name = "SUITE")]
    pub suites: Vec<Suite>,

    /// Turns of each contender [default: 40; start 10, ensemble 5, convolution 9, launches 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rounds: Option<u64>,

    /// Include PyTorch, JAX and NumPy
    #[arg(long)]
    pub peers: bool,

    /// Include Burn with its default features; builds Burn a second time (minutes)
    #[arg(long)]
    pub burn_defaults: bool,

    /// Python interpreter for the peers; repeatable, each peer takes the first that has its package
    /// [default: peers/bin/python under the target directory]
    #[arg(long = "python", value_name = "PATH", requires = "peers")]
    pub pythons: Vec<PathBuf>,

    /// Backend of the suite `ensemble`: flex or wgpu
    #[arg(long, value_enum, default_value_t = Backend::Flex)]
    pub backend: Backend,

    /// Size of an ensemble in the suite `ensemble`; repeatable [default: 1, 30, 180 and 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub networks: Vec<u64>,

    /// Threads of each contender in the suite `convolution` [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub threads: Option<u64>,

    /// Also write the times of every turn to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Count instructions under valgrind instead and compare them with the record
    #[arg(
        long,
        conflicts_with_all = [
            "suites", "rounds", "peers", "burn_defaults", "backend", "networks", "threads", "json",
        ]
    )]
    pub instructions: bool,

    /// Write the record instead of comparing with it
    #[arg(long, requires = "instructions")]
    pub write: bool,
}

/// Benchmarks that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// An optimizer's update alone
    Update,
    /// Whole training steps
    Step,
    /// Many networks: network-steps per second with one and with two workers
    Many,
    /// From the start of the process to the first update, and peak memory
    Start,
    /// Steps of several networks trained as one ensemble
    Ensemble,
    /// Training steps of convolutional networks
    Convolution,
    /// Kernels that a training step launches on wgpu; runs alone
    Launches,
}

impl Suite {
    /// The suites that run by default.
    pub const DEFAULT: [Self; 4] = [Self::Update, Self::Step, Self::Many, Self::Start];
}

impl BenchArguments {
    /// The suites to run; none if instructions are counted.
    pub fn suites(&self) -> &[Suite] {
        match self.suites.is_empty() {
            true if self.instructions => &[],
            true => &Suite::DEFAULT,
            false => &self.suites,
        }
    }

    /// Whether a suite is to run.
    pub fn measures(&self, suite: Suite) -> bool {
        self.suites().contains(&suite)
    }

    /// Whether a suite runs on wgpu.
    pub fn needs_wgpu(&self) -> bool {
        let ensemble = self.measures(Suite::Ensemble) && self.backend == Backend::Wgpu;
        ensemble || self.measures(Suite::Launches)
    }
}
