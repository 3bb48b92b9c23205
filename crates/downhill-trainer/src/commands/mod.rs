//! What the binary does, a file per command.

pub mod evaluate;
pub mod report;
pub mod runs;
pub mod train;
