//! The commands of the binary, a file each.

mod answers;
mod differences;
pub mod evaluate;
pub mod optimizers;
pub mod report;
mod restored;
pub mod runs;
pub mod train;
