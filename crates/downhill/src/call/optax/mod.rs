//! The calls of optax.

mod chain;
mod optimizers;
mod wrappers;

pub(super) use optimizers::{NOT_COVERED, SIGNATURES, last};
pub(super) use wrappers::{WRAPPERS, wrapped};
