//! The pages: trainings, comparisons of experiments, gradient checks, searches and valleys.

pub(crate) mod about;
pub(crate) mod comparison;
pub(crate) mod gradient_check;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod training;
pub(crate) mod valley;
