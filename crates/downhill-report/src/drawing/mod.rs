//! What figures are drawn with; knows no experiment.

pub(crate) mod axis;
pub(crate) mod band;
pub(crate) mod chart;
pub(crate) mod colors;
pub(crate) mod figure;
pub(crate) mod labels;
pub(crate) mod marks;
pub(crate) mod panel;
#[cfg(feature = "png")]
pub(crate) mod png;
pub(crate) mod scale;
pub(crate) mod smoothing;
