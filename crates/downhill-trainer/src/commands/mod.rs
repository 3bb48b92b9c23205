//! The commands of the binary, a file each.

pub mod evaluate;
pub mod report;
pub mod runs;
pub mod train;
