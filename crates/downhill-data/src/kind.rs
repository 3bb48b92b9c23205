//! The two kinds of IDX files, and the types of their elements.

use std::fmt;
use std::ops::RangeInclusive;

/// The content of an IDX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images, `[images, rows, columns]`, `[images, channels, rows, columns]` or
    /// `[images, rows, columns, channels]`, one byte per pixel and channel.
    Images,
    /// Labels, `[labels]`, or `[labels, numbers]` of which the first number is the label.
    Labels,
}

impl Kind {
    /// Numbers of dimensions that the file may have.
    pub fn dimensions(self) -> RangeInclusive<u8> {
        match self {
            Self::Images => 3..=4,
            Self::Labels => 1..=2,
        }
    }

    /// Length of the longest header, in bytes.
    pub(crate) fn longest_header(self) -> usize {
        4 + 4 * usize::from(*self.dimensions().end())
    }

    /// The types that the elements may have.
    pub(crate) fn elements(self) -> &'static [Element] {
        match self {
            Self::Images => &[Element::U8],
            Self::Labels => &[Element::U8, Element::I8, Element::I16, Element::I32],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Images => "images (3 or 4 dimensions)",
            Self::Labels => "labels (1 or 2 dimensions)",
        })
    }
}

/// The type of the elements of an IDX file, integers with the high byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Unsigned bytes, 0x08.
    U8,
    /// Signed bytes, 0x09.
    I8,
    /// 0x0b.
    I16,
    /// 0x0c.
    I32,
}

impl Element {
    /// The byte of the header that stands for this type.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::U8 => 0x08,
            Self::I8 => 0x09,
            Self::I16 => 0x0b,
            Self::I32 => 0x0c,
        }
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 4,
        }
    }

    /// The number in the first bytes.
    pub(crate) fn number(self, bytes: &[u8]) -> i64 {
        match (self, bytes) {
            (Self::U8, &[byte, ..]) => byte.into(),
            (Self::I8, &[byte, ..]) => (byte as i8).into(),
            (Self::I16, &[a, b, ..]) => i16::from_be_bytes([a, b]).into(),
            (Self::I32, &[a, b, c, d, ..]) => i32::from_be_bytes([a, b, c, d]).into(),
            _ => -1,
        }
    }
}
