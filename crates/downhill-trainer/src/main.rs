//! `downhill`: trains small networks and reports what optimizers and regularizers do.

use std::process::ExitCode;

use downhill_trainer::Laboratory;

// Burn allocates and frees every tensor of every step, and glibc gives the larger ones back to the
// kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Laboratory::new().main()
}
