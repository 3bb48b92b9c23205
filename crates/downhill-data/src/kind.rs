//! The two kinds of IDX files.

use std::fmt;

/// The content of an IDX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images, `[images, rows, columns]`, one byte per pixel.
    Images,
    /// Labels, `[labels]`, one byte from 0 to 9 each.
    Labels,
}

impl Kind {
    /// Number of dimensions of the file.
    pub fn dimensions(self) -> u8 {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Images => "images (3 dimensions)",
            Self::Labels => "labels (1 dimension)",
        })
    }
}
