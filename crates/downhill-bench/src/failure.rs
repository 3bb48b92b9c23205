//! What ends a benchmark: a message.

/// Any error. It can be sent between threads, because several workers run at once.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
