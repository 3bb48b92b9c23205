//! The command line, in files without dependencies of ours, so that `xtask` can read it before
//! anything is built.

pub mod commands;
pub mod print;
pub mod repeat;
pub mod train;
