//! Numbers and columns as text.

pub(crate) mod columns;
pub(crate) mod numbers;
