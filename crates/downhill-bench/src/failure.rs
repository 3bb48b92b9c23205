//! What ends a benchmark: a message.

/// Any error; crosses threads, for several workers run at once.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
