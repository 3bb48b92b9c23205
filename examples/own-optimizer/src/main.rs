//! The command line of `downhill`, with one more optimizer.

mod braked;

use std::process::ExitCode;

use downhill_trainer::Laboratory;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Laboratory::new().with_optimizer::<braked::Braked>().main()
}
