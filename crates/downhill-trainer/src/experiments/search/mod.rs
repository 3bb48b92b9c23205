//! A random search.

pub(crate) mod rounds;
