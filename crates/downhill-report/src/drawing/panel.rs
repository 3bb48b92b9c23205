//! One drawing with its own axes.

use maud::Markup;

/// One drawing with its own axes.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) description: String,
    /// Width and height in SVG units.
    pub(crate) size: (f64, f64),
    pub(crate) drawing: Markup,
}
