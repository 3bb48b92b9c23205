//! The command lines of the binary `downhill` and of the benchmarks, and the types of their values.
//!
//! It knows neither Burn nor the other crates, so that `cargo xtask` checks arguments before
//! anything large is built.

pub mod backend;
pub mod bench;
pub mod checkpoint;
pub mod commands;
pub mod environment;
pub mod interpreters;
pub mod new;
pub mod print;
pub mod repeat;
pub mod train;
