//! Programs in the shapes that users of Burn write, first with Burn's optimizers, then with those
//! of `downhill`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod data;
mod functions;
mod learner;
