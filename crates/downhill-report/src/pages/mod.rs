//! The pages: trainings, comparisons of experiments, gradient checks, searches, valleys and
//! landscapes.

pub(crate) mod about;
pub(crate) mod comparison;
mod contours;
pub(crate) mod gradient_check;
pub(crate) mod landscapes;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod training;
pub(crate) mod valley;
