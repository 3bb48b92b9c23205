//! The tables of a config file that are not settings of a training, such as `[grid]`.

pub mod gradient_check;
pub(crate) mod grid;
pub mod kind;
pub mod landscapes;
pub(crate) mod plane;
pub(crate) mod published;
pub mod search;
pub mod target;
pub mod valley;
