//! The IDX format: two zero bytes, the element type, the number of dimensions, each dimension as a
//! big-endian `u32`, then the elements, the last dimension varying fastest.
//!
//! The format has no published standard; the [MNIST page] describes it. The reader is strict: it
//! accepts unsigned bytes for images and integers for labels, the expected numbers of dimensions,
//! and exactly the length that the header announces. It allocates no memory based on the header.
//!
//! [MNIST page]: http://yann.lecun.com/exdb/mnist/

use std::path::Path;

use crate::DataError;
pub use crate::kind::{Element, Kind};

/// The largest label.
pub const MAX_LABEL: u16 = 999;

/// A validated IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx<'a> {
    /// Dimensions, those of [`Kind`], each at least 1.
    pub dimensions: Vec<usize>,
    /// The type of the elements.
    pub element: Element,
    /// Elements; their number is the product of the dimensions.
    pub elements: &'a [u8],
}

impl Idx<'_> {
    /// The labels of a file of labels, each at most [`MAX_LABEL`].
    pub(crate) fn labels(&self) -> Vec<u16> {
        let numbers = numbers(self.elements, self.element, &self.dimensions);
        numbers.map(|(_, number)| number as u16).collect()
    }
}

/// The labels of a file with their places among its bytes: the first number of each row.
fn numbers<'a>(
    elements: &'a [u8],
    element: Element,
    dimensions: &[usize],
) -> impl Iterator<Item = (usize, i64)> + use<'a> {
    let row = element.size() * dimensions.get(1).copied().unwrap_or(1);
    let rows = elements.chunks_exact(row).enumerate();
    rows.map(move |(at, bytes)| (at * row, element.number(bytes)))
}

/// Reads a decompressed IDX file. `file` is only used in errors.
///
/// # Errors
///
/// If the bytes are not a valid IDX file of this `kind`; the error names the first difference.
pub fn read<'a>(file: &Path, bytes: &'a [u8], kind: Kind) -> Result<Idx<'a>, DataError> {
    let header = read_header(file, bytes, kind)?;
    let found = bytes.len() as u64;
    let expected = header.announced(file)?;
    if found < expected {
        return Err(DataError::Short {
            file: file.into(),
            expected,
            found,
            dimensions: header.dimensions,
        });
    }
    if found > expected {
        return Err(DataError::Trailing {
            file: file.into(),
            expected,
            found,
        });
    }
    let (length, element) = (header.length(), header.element);
    let elements = &bytes[length..];
    // No dimension exceeds the number of elements, which is the length of a slice.
    let dimensions: Vec<usize> = header.dimensions.iter().map(|&it| it as usize).collect();
    if kind == Kind::Labels
        && let Some((at, found)) = numbers(elements, element, &dimensions)
            .find(|(_, label)| !(0..=i64::from(MAX_LABEL)).contains(label))
    {
        return Err(DataError::Label {
            file: file.into(),
            offset: (length + at) as u64,
            found,
        });
    }
    Ok(Idx {
        dimensions,
        element,
        elements,
    })
}

/// The length of a file, in bytes, by its header alone.
///
/// # Errors
///
/// If the header is not that of an IDX file of this `kind`.
pub(crate) fn announced(file: &Path, bytes: &[u8], kind: Kind) -> Result<u64, DataError> {
    read_header(file, bytes, kind)?.announced(file)
}

struct Header {
    element: Element,
    dimensions: Vec<u32>,
}

impl Header {
    /// The length of the header, in bytes.
    fn length(&self) -> usize {
        4 + 4 * self.dimensions.len()
    }

    /// The length of the whole file, in bytes.
    fn announced(&self, file: &Path) -> Result<u64, DataError> {
        let mut dimensions = self.dimensions.iter();
        let size = self.element.size() as u64;
        let bytes = dimensions.try_fold(size, |product, &size| product.checked_mul(size.into()));
        let length = bytes.and_then(|bytes| bytes.checked_add(self.length() as u64));
        length.ok_or_else(|| DataError::DimensionsOverflow {
            file: file.into(),
            dimensions: self.dimensions.clone(),
        })
    }
}

fn read_header(file: &Path, bytes: &[u8], kind: Kind) -> Result<Header, DataError> {
    let short = |expected| DataError::HeaderShort {
        file: file.into(),
        expected,
        found: bytes.len() as u64,
    };
    let &[zero, also_zero, element, count] = bytes.first_chunk().ok_or_else(|| short(4))?;
    if (zero, also_zero) != (0, 0) {
        return Err(DataError::Magic {
            file: file.into(),
            found: [zero, also_zero],
        });
    }
    let mut known = kind.elements().iter();
    let known = known.find(|known| known.code() == element);
    let element = *known.ok_or_else(|| DataError::ElementType {
        file: file.into(),
        kind,
        found: element,
    })?;
    if !kind.dimensions().contains(&count) {
        return Err(wrong_dimensions(file, kind, count));
    }
    let length = 4 + 4 * usize::from(count);
    let sizes = bytes.get(4..length).ok_or_else(|| short(length as u64))?;
    let dimensions: Vec<u32> = sizes
        .as_chunks()
        .0
        .iter()
        .map(|&size| u32::from_be_bytes(size))
        .collect();
    match dimensions.iter().position(|&size| size == 0) {
        Some(index) => Err(DataError::ZeroDimension {
            file: file.into(),
            offset: 4 + 4 * index as u64,
        }),
        None => Ok(Header {
            element,
            dimensions,
        }),
    }
}

fn wrong_dimensions(file: &Path, expected: Kind, found: u8) -> DataError {
    let other = match expected {
        Kind::Images => Kind::Labels,
        Kind::Labels => Kind::Images,
    };
    if other.dimensions().contains(&found) {
        DataError::Swapped {
            file: file.into(),
            expected,
            found: other,
        }
    } else {
        DataError::Dimensions {
            file: file.into(),
            kind: expected,
            found,
        }
    }
}

#[cfg(test)]
mod tests;
